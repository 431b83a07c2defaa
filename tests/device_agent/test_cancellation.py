"""A task that is told to end ends, whatever lies on the way."""

import asyncio
import logging
from pathlib import Path

import pytest

from device_agent import cancellation
from device_agent.air import Air
from device_agent.cancellation import end, heed_cancellation
from device_agent.wifi.simulated import SimulatedWifi
from onboarding_protocol.members import HeardNetwork

PATIENCE_S = 20


async def losing(times: int, began: asyncio.Event) -> None:
    """Go on after so many cancellations."""
    for _ in range(times):
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue
    await asyncio.Event().wait()


async def test_a_task_that_has_lost_a_cancellation_heeds_it_late() -> None:
    began = asyncio.Event()

    async def work() -> None:
        heed_cancellation()
        try:
            began.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heed_cancellation()

    task = asyncio.create_task(work())
    await began.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_task_that_loses_one_cancellation_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cancellation, "PATIENCES_S", (0.01, 20.0))
    began = asyncio.Event()
    task = asyncio.create_task(losing(1, began))
    await began.wait()
    await end(task)
    assert task.cancelled()
    assert caplog.text == ""


async def test_a_task_that_never_ends_is_told_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cancellation, "PATIENCES_S", (0.01, 0.01))
    began = asyncio.Event()
    task = asyncio.create_task(losing(2, began))
    await began.wait()
    with caplog.at_level(logging.ERROR):
        await end(task)
    assert not task.done()
    assert "does not end" in caplog.text
    task.cancel()
    await asyncio.wait([task])


class LosingWifi(SimulatedWifi):
    """Goes on scanning after the first cancellation."""

    def __init__(self) -> None:
        super().__init__(Path("none"))
        self.scanning = asyncio.Event()

    async def scan(self) -> tuple[HeardNetwork, ...]:
        await losing(1, self.scanning)
        return ()


async def test_a_scan_that_loses_a_cancellation_does_not_hold_the_agent_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancellation, "PATIENCES_S", (0.01, 20.0))
    wifi = LosingWifi()
    air = Air(wifi, None, lambda _: None)
    air.look()
    await wifi.scanning.wait()
    async with asyncio.timeout(PATIENCE_S):
        await air.stop()

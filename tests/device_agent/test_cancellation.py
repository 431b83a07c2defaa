"""A task that is told to end ends, whatever lies on the way."""

import asyncio
import logging

import pytest

from device_agent.cancellation import end, heed_cancellation


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


async def test_a_task_that_loses_one_cancellation_is_cancelled_again(caplog: pytest.LogCaptureFixture) -> None:
    began = asyncio.Event()
    task = asyncio.create_task(losing(1, began))
    await began.wait()
    await end(task, (0.01, 20.0))
    assert task.cancelled()
    assert caplog.text == ""


async def test_a_task_that_never_ends_is_told_and_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    began = asyncio.Event()
    task = asyncio.create_task(losing(2, began))
    await began.wait()
    with caplog.at_level(logging.ERROR):
        await end(task, (0.01, 0.01))
    assert not task.done()
    assert "does not end" in caplog.text
    task.cancel()
    await asyncio.wait([task])

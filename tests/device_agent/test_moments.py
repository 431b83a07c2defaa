"""What events mean to people, and what lamps and programs make of it: real files, real processes."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from device_agent.config import HooksConfig
from device_agent.errors import ConfigurationFileError
from device_agent.hooks import WAITING_MAX, Hooks
from device_agent.led import Led
from device_agent.moments import Moment, Moments, sentence

ARRIVED = (
    ("ready", {"control": "/run/c"}, Moment.READY),
    ("window", {"open": True, "seconds": 60, "advertises": "ABCD"}, Moment.WINDOW_OPEN),
    ("exchange", {"phone": "AA:BB"}, Moment.EXCHANGE),
    ("state", {"state": "assigned", "contact": "untried"}, None),
    ("state", {"state": "connected", "contact": "connected"}, Moment.CONNECTED),
    ("attempt", {"wifi": "OK", "endpoint": "connected"}, None),
    ("window", {"open": False, "why": "the device is set up"}, Moment.WINDOW_CLOSED),
    ("state", {"state": "connected", "contact": "unreachable"}, Moment.DISCONNECTED),
)


def test_an_onboarding_is_these_moments_each_once() -> None:
    moments = Moments()
    assert [moments.of(event, facts) for event, facts, _ in ARRIVED] == [moment for _, _, moment in ARRIVED]


@pytest.mark.parametrize(
    ("facts", "moment"),
    [({"wifi": "AUTH_FAILURE"}, Moment.FAILED), ({"wifi": "OK", "endpoint": "unreachable"}, Moment.JOINED)],
)
def test_an_attempt_says_how_far_it_came(facts: dict[str, object], moment: Moment) -> None:
    assert Moments().of("attempt", facts) is moment


@pytest.mark.parametrize("event", [event for event, _, _ in ARRIVED] + ["trouble", "exchange-failed", "unheard-of"])
def test_no_fact_makes_a_second_line_of_a_sentence(event: str) -> None:
    names = ("control", "open", "seconds", "advertises", "phone", "state", "contact", "wifi", "why", "what", "tenant")
    said = sentence(event, dict.fromkeys(names, "a\nREADY=1\x1b[2J"))
    assert said.isascii()
    assert said.isprintable()


class Said:
    """The reading end of a FIFO that programs write to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._readable = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._descriptor, self._readable.set)

    async def until(self, end: bytes) -> str:
        """Return what is said up to this; b"" is when the last writer has gone."""
        said = b""
        async with asyncio.timeout(20):
            while True:
                await self._readable.wait()
                self._readable.clear()
                try:
                    octets = os.read(self._descriptor, 65536)
                except BlockingIOError:  # what made it readable was read before
                    continue
                said += octets
                if said.endswith(end) and (end or not octets):
                    return said.decode()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)


@pytest.fixture
async def said(tmp_path: Path) -> AsyncIterator[Said]:
    said = Said(tmp_path / "said")
    yield said
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
        await asyncio.wait([task])
    said.close()


@pytest.fixture
async def lamp(tmp_path: Path) -> AsyncIterator[Said]:
    """Return the brightness of a lamp, as a FIFO that tells each value written to it."""
    folder = tmp_path / "leds" / "status"
    folder.mkdir(parents=True)
    (folder / "trigger").write_text("heartbeat")
    (folder / "max_brightness").write_text("7\n")
    brightness = Said(folder / "brightness")
    keeping = os.open(brightness.path, os.O_WRONLY)
    yield brightness
    os.close(keeping)
    brightness.close()


async def test_a_lamp_shows_how_far_the_device_is(lamp: Said) -> None:
    led = Led(lamp.path.parent)
    shining = asyncio.create_task(led.run())
    await lamp.until(b"0")
    assert (lamp.path.parent / "trigger").read_text() == "none"
    led.show(Moment.WINDOW_OPEN)
    assert set(await lamp.until(b"707")) == {"7", "0"}
    led.show(Moment.CONNECTED)
    await lamp.until(b"7")
    led.show(Moment.EXCHANGE)
    assert (await lamp.until(b"70707")).startswith("7")
    led.show(Moment.WINDOW_CLOSED)
    await lamp.until(b"7")
    shining.cancel()
    await asyncio.wait([shining])
    assert await lamp.until(b"0") == "0"


def test_a_lamp_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "status").mkdir()
    with pytest.raises(ConfigurationFileError, match="no lamp green") as refused:
        Led(tmp_path / "green").check()
    assert "status" in refused.value.remedy


async def test_a_lamp_whose_driver_comes_late_shows_what_is_so_then(
    lamp: Said, caplog: pytest.LogCaptureFixture
) -> None:
    folder = lamp.path.parent
    aside = folder.rename(folder.parent.parent / "aside")
    led = Led(folder, retry_s=0.01)
    shining = asyncio.create_task(led.run())
    led.show(Moment.CONNECTED)
    await asyncio.sleep(0)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    aside.rename(folder)
    await lamp.until(b"7")
    assert (folder / "trigger").read_text() == "none"
    shining.cancel()
    await asyncio.wait([shining])
    assert len(caplog.records) == 1


async def test_a_lamp_that_cannot_be_set_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "brightness").mkdir()
    shining = asyncio.create_task(Led(tmp_path).run())
    await asyncio.sleep(0)
    shining.cancel()
    await asyncio.wait([shining])
    assert len(caplog.records) == 1


def run(hooks: Hooks) -> "asyncio.Task[None]":
    return asyncio.create_task(hooks.run())


def shell(text: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", text, "hook", "an argument; rm -rf $HOME")


async def test_a_program_gets_event_and_facts_and_nothing_of_the_agents_environment(
    said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/notify")
    hooks = Hooks(HooksConfig(connected=shell(f'exec > {said.path}; env; echo "$1"; echo end')))
    run(hooks)
    hooks.note(Moment.EXCHANGE, {})
    hooks.note(Moment.CONNECTED, {"tenant": "a\nb", "device": "1"})
    lines = (await said.until(b"end\n")).split("\n")
    assert {"DEVICE_AGENT_EVENT=connected", 'DEVICE_AGENT_TENANT="a\\nb"', "DEVICE_AGENT_DEVICE=1"} < set(lines)
    assert "an argument; rm -rf $HOME" in lines
    assert not any(line.startswith(("NOTIFY_SOCKET", "HOME=")) for line in lines)


async def test_a_program_that_takes_too_long_is_killed_with_its_children(
    said: Said, caplog: pytest.LogCaptureFixture
) -> None:
    hooks = Hooks(HooksConfig(window_open=shell(f"exec > {said.path}; echo begun; sleep 1000 & wait"), seconds=1))
    run(hooks)
    hooks.note(Moment.WINDOW_OPEN, {})
    await said.until(b"begun\n")
    assert await said.until(b"") == ""
    hooks.note(Moment.WINDOW_OPEN, {})
    await said.until(b"begun\n")
    assert "took more than 1 s and was killed" in caplog.text


async def test_a_running_program_ends_with_the_agent(said: Said) -> None:
    hooks = Hooks(HooksConfig(window_open=shell(f"exec > {said.path}; echo begun; sleep 1000")))
    running = run(hooks)
    hooks.note(Moment.WINDOW_OPEN, {})
    await said.until(b"begun\n")
    running.cancel()
    await asyncio.wait([running])
    assert await said.until(b"") == ""


async def test_a_program_that_fails_or_is_not_there_is_told_and_the_next_one_runs(
    said: Said, caplog: pytest.LogCaptureFixture
) -> None:
    last = shell(f"echo end > {said.path}")
    hooks = Hooks(HooksConfig(exchange=("/none",), joined=("/bin/false",), connected=last))
    run(hooks)
    for moment in (Moment.EXCHANGE, Moment.JOINED, Moment.CONNECTED):
        hooks.note(moment, {})
    await said.until(b"end\n")
    assert "hooks.exchange: /none cannot be run" in caplog.text
    assert "hooks.joined: /bin/false ended with 1" in caplog.text


def test_events_without_end_do_not_fill_the_memory(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    hooks = Hooks(HooksConfig(exchange=("/bin/true",)))
    for _ in range(WAITING_MAX + 3):
        hooks.note(Moment.EXCHANGE, {})
    assert len(caplog.records) == 3

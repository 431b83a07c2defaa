"""Edges to presses, and edges from where the kernel writes them: real `struct input_event` octets through a FIFO."""

import asyncio
import os
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from device_agent.button import Button, Press
from device_agent.button_source import watch
from device_agent.config import ButtonConfig
from device_agent.errors import ButtonError

EV_SYN, EV_KEY = 0, 1
SYN_REPORT, SYN_DROPPED = 0, 3
KEY_RESTART, KEY_POWER = 408, 116


def play(button: Button, *edges: tuple[bool, float], until: float) -> list[tuple[Press, float]]:
    """Play edges at their times, expiring at every deadline, and return the presses with their times."""
    presses: list[tuple[Press, float]] = []

    def expire_until(end: float) -> None:
        while (deadline := button.deadline) is not None and deadline <= end:
            if (press := button.expire(deadline)) is not None:
                presses.append((press, deadline))

    for down, now in edges:
        expire_until(now)
        if (press := button.moved(down, now)) is not None:
            presses.append((press, now))
    expire_until(until)
    return presses


def test_without_a_long_press_a_press_counts_at_once_and_once() -> None:
    assert play(Button(0.5), (True, 1.0), (False, 60.0), until=100.0) == [(Press.OPEN, 1.5)]


def test_with_a_long_press_a_short_one_counts_when_it_ends() -> None:
    assert play(Button(0.5, 10.0), (True, 1.0), (False, 4.0), until=100.0) == [(Press.OPEN, 4.5)]


def test_a_long_press_counts_while_it_is_held_and_its_release_is_nothing() -> None:
    assert play(Button(0.5, 10.0), (True, 1.0), (False, 20.0), until=100.0) == [(Press.RESET, 11.0)]


def test_a_bouncing_contact_is_one_press() -> None:
    bounces = [(number % 2 == 0, 1.0 + number / 8) for number in range(7)]
    ending = [(number % 2 == 1, 5.0 + number / 8) for number in range(5)]
    assert play(Button(0.5, 10.0), *bounces, *ending, until=100.0) == [(Press.OPEN, 6.0)]


def test_a_spike_is_no_press() -> None:
    assert play(Button(0.5), (True, 1.0), (False, 1.25), until=100.0) == []


def test_a_bounce_does_not_shorten_a_long_press() -> None:
    edges = [(True, 1.0), (False, 6.0), (True, 6.25), (False, 20.0)]
    assert play(Button(0.5, 10.0), *edges, until=100.0) == [(Press.RESET, 11.0)]


def test_edges_that_are_read_late_mean_the_same() -> None:
    button = Button(0.5, 10.0)
    button.moved(True, 1.0)
    button.moved(False, 20.0)
    assert button.expire(20.5) is Press.RESET
    assert button.deadline is None


def test_a_press_of_which_nobody_knows_how_long_it_was_resets_nothing() -> None:
    button = Button(0.5, 10.0)
    button.moved(True, 1.0)
    button.moved(None, 3.0)
    assert play(button, (False, 30.0), until=100.0) == []
    assert play(button, (True, 101.0), (False, 102.0), until=200.0) == [(Press.OPEN, 102.5)]


def test_what_was_lost_while_nobody_pressed_is_nothing() -> None:
    button = Button(0.5, 10.0)
    button.moved(None, 3.0)
    assert button.deadline is None
    assert play(button, (True, 4.0), (False, 5.0), until=100.0) == [(Press.OPEN, 5.5)]


def test_two_presses_are_two() -> None:
    edges = [(True, 1.0), (False, 2.0), (True, 3.0), (False, 4.0)]
    assert [press for press, _ in play(Button(0.5), *edges, until=9.0)] == [Press.OPEN, Press.OPEN]


def input_event(kind: int, code: int, value: int, ago: float = 0.0) -> bytes:
    seconds, fraction = divmod(time.monotonic() - ago, 1)
    return struct.pack("llHHi", int(seconds), int(fraction * 1e6), kind, code, value)


class Keyboard:
    """The writing end of a FIFO that stands where /dev/input/eventN would, and what its reader made of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._writer = os.open(path, os.O_RDWR)
        self.presses: asyncio.Queue[Press] = asyncio.Queue()

    def write(self, octets: bytes) -> None:
        os.write(self._writer, octets)

    def key(self, value: int, code: int = KEY_RESTART, ago: float = 0.0) -> None:
        self.write(input_event(EV_KEY, code, value, ago) + input_event(EV_SYN, SYN_REPORT, 0, ago))

    def unplug(self) -> None:
        os.close(self._writer)

    def drop(self) -> None:
        """Say, as the kernel does to a reader that is too slow, that events are lost, and report what is next."""
        self.write(input_event(EV_SYN, SYN_DROPPED, 0) + input_event(EV_SYN, SYN_REPORT, 0))

    def watch(self, key: int | None = None, reset_seconds: int | None = None) -> "asyncio.Task[None]":
        config = ButtonConfig(input=self.path, key=key, debounce_ms=1, reset_seconds=reset_seconds)
        return asyncio.create_task(watch(config, self.presses.put))


@pytest.fixture
async def keyboard(tmp_path: Path) -> AsyncIterator[Keyboard]:
    keyboard = Keyboard(tmp_path / "event0")
    yield keyboard
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
        await asyncio.wait([task])


async def test_a_key_of_an_input_device_is_the_button(keyboard: Keyboard) -> None:
    keyboard.watch(KEY_RESTART)
    keyboard.key(1)
    async with asyncio.timeout(10):
        assert await keyboard.presses.get() is Press.OPEN


async def test_other_keys_and_repetitions_are_nothing(keyboard: Keyboard) -> None:
    keyboard.watch(KEY_RESTART)
    keyboard.key(1, KEY_POWER)
    keyboard.key(2)
    keyboard.key(1)
    async with asyncio.timeout(10):
        await keyboard.presses.get()
    assert keyboard.presses.empty()


async def test_an_event_that_comes_in_two_pieces_is_one(keyboard: Keyboard) -> None:
    octets = input_event(EV_KEY, KEY_RESTART, 1)
    keyboard.watch()
    for piece in (octets[:7], octets[7:]):
        keyboard.write(piece)
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        assert await keyboard.presses.get() is Press.OPEN


async def test_a_short_press_while_the_loop_stands_is_a_short_press(keyboard: Keyboard) -> None:
    keyboard.watch(KEY_RESTART, reset_seconds=1)
    keyboard.key(1)
    await asyncio.sleep(0.1)  # the press is read, and settled
    keyboard.key(0)
    time.sleep(1.2)  # noqa: ASYNC251 - the loop stands, as while a slow disk or a TPM is waited for
    async with asyncio.timeout(10):
        assert await keyboard.presses.get() is Press.OPEN
    assert keyboard.presses.empty()


async def test_events_the_kernel_has_dropped_make_no_reset(keyboard: Keyboard) -> None:
    keyboard.watch(KEY_RESTART, reset_seconds=1)
    keyboard.key(1)
    keyboard.drop()  # the release was among them
    await asyncio.sleep(1.2)  # longer than a long press
    keyboard.key(1, ago=0.2)
    keyboard.key(0, ago=0.1)
    async with asyncio.timeout(10):
        assert await keyboard.presses.get() is Press.OPEN
    assert keyboard.presses.empty()


async def test_a_device_that_goes_is_told(keyboard: Keyboard) -> None:
    watching = keyboard.watch()
    keyboard.key(1)
    await keyboard.presses.get()
    keyboard.unplug()
    with pytest.raises(ButtonError, match="has gone"):
        await asyncio.wait_for(watching, 10)


async def test_a_button_that_is_not_there_is_told_with_what_to_set() -> None:
    with pytest.raises(ButtonError, match="cannot be opened") as refused:
        await watch(ButtonConfig(input=Path("/dev/input/none")), asyncio.Queue[Press]().put)
    assert "Set button." in refused.value.remedy

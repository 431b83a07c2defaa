"""A button that is a key of a Linux input device: `struct input_event` (linux/input.h) in, presses out.

A button on a GPIO line becomes one by the kernel's own gpio-keys driver (docs/running.md), which also keeps the agent
away from all the other lines of that chip.
"""

import asyncio
import fcntl
import os
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, suppress

from device_agent.button import Button, Press
from device_agent.config import ButtonConfig
from device_agent.errors import ButtonError

_EVENT = struct.Struct("llHHi")  # struct input_event: seconds, microseconds, type, code, value
_EV_SYN, _EV_KEY = 0, 1
_SYN_REPORT, _SYN_DROPPED = 0, 3
_UP, _DOWN = 0, 1  # 2 is the keyboard's repetition
_EVIOCSCLOCKID = 0x400445A0
_READ_OCTETS = _EVENT.size * 1024
"""More than evdev keeps for a reader, so that one read leaves nothing behind."""


async def watch(config: ButtonConfig, on_press: Callable[[Press], Awaitable[None]]) -> None:
    """Report presses until cancelled; ButtonError if the button cannot be read, or no longer."""
    button = Button(config.debounce_ms / 1000, config.reset_seconds)
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    with closing(InputDevice(config)) as source:
        loop.add_reader(source.fileno(), readable.set)
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(button.deadline):
                        await readable.wait()
                readable.clear()
                # Read even when it is time to decide: the release may have waited while the loop stood.
                presses = [button.moved(down, at) for down, at in source.read()]
                for press in filter(None, [*presses, button.expire(loop.time())]):
                    await on_press(press)
        finally:
            loop.remove_reader(source.fileno())


class InputDevice:
    """One key, or any, of an input device."""

    def __init__(self, config: ButtonConfig) -> None:
        self._name, self._key = str(config.input), config.key
        self._rest = b""
        self._lossy = False
        try:
            self._descriptor = os.open(self._name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise ButtonError(
                f"the button {self._name} cannot be opened: {error.strerror}",
                "Set button.input to a device under /dev/input that the agent's group `input` may read.",
            ) from error
        with suppress(OSError):  # what is no input device has the clock of whoever writes to it
            fcntl.ioctl(self._descriptor, _EVIOCSCLOCKID, struct.pack("i", time.CLOCK_MONOTONIC))

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._descriptor

    def read(self) -> list[tuple[bool | None, float]]:
        """Return the edges of our key, True for down, and when they were: the kernel's time, however late this is.

        None stands where the kernel has lost some.
        """
        try:
            octets = os.read(self._descriptor, _READ_OCTETS)
        except BlockingIOError:
            return []
        except OSError as error:
            raise self._gone() from error
        if not octets:
            raise self._gone()
        octets = self._rest + octets
        whole = len(octets) - len(octets) % _EVENT.size
        self._rest = octets[whole:]
        return list(self._edges(octets[:whole]))

    def _edges(self, octets: bytes) -> Iterator[tuple[bool | None, float]]:
        for seconds, microseconds, kind, code, value in _EVENT.iter_unpack(octets):
            if (kind, code) == (_EV_SYN, _SYN_DROPPED):
                self._lossy = True  # so is what comes before the next report
                yield None, seconds + microseconds / 1e6
            elif (kind, code) == (_EV_SYN, _SYN_REPORT):
                self._lossy = False
            elif kind == _EV_KEY and value in (_UP, _DOWN) and self._key in (None, code) and not self._lossy:
                yield value == _DOWN, seconds + microseconds / 1e6

    def close(self) -> None:
        """Leave the device."""
        os.close(self._descriptor)

    def _gone(self) -> ButtonError:
        return ButtonError(f"the button {self._name} has gone", "See that the device is plugged in.")

"""The person at the terminal: asked on stderr, read from the terminal as one of the events the program waits for.

No thread waits in `input()`, so an answer can be waited for with a time limit and Ctrl-C works at once.
"""

import asyncio
import contextlib
import os
import termios
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from app_sim.errors import NobodyAnswersError
from app_sim.text import shown
from onboarding_protocol.dpp.objects import SSID_MAX_OCTETS
from onboarding_protocol.members import HeardNetwork

_LINE_MAX_OCTETS = 4096  # what a terminal's line discipline holds


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal: answers come from `descriptor`, questions go to `screen`."""

    descriptor: int
    screen: TextIO

    async def pick_network(self, heard: Sequence[HeardNetwork]) -> bytes:
        """Show what the device hears and return the chosen SSID; a name that is not shown may be typed."""
        self._say("The device hears:" if heard else "The device hears no network.")
        for number, network in enumerate(heard, 1):
            self._say(f"  {number:2}  {network.rssi:4} dBm  {shown(network.akm):8}  “{shown(network.ssid)}”")
        while True:
            answer = await self._ask("Wi-Fi for the device (number or name): ")
            if answer.isascii() and answer.isdigit() and 0 < int(answer[:4]) <= len(heard):
                return heard[int(answer[:4]) - 1].ssid
            if 0 < len(answer.encode()) <= SSID_MAX_OCTETS:
                return answer.encode()
            self._say(f"A network's name has 1 to {SSID_MAX_OCTETS} octets.")

    async def passphrase(self, ssid: bytes, complaint: str | None) -> str:
        """Return the password as typed, without showing it."""
        if complaint is not None:
            self._say(complaint)
        with self._no_echo():
            answer = await self._ask(f"Password of “{shown(ssid)}”: ")
        self._say("")
        return answer

    async def _ask(self, question: str) -> str:
        self.screen.write(question)
        self.screen.flush()
        loop, readable = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self.descriptor, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self.descriptor)
        line = os.read(self.descriptor, _LINE_MAX_OCTETS)
        if not line:
            raise NobodyAnswersError("the question was left without an answer")
        return line.decode("utf-8", errors="replace").rstrip("\r\n")

    def _say(self, line: str) -> None:
        self.screen.write(line + "\n")
        self.screen.flush()

    @contextlib.contextmanager
    def _no_echo(self) -> Iterator[None]:
        before = termios.tcgetattr(self.descriptor)
        silent = [*before]
        silent[3] = before[3] & ~termios.ECHO
        termios.tcsetattr(self.descriptor, termios.TCSADRAIN, silent)
        try:
            yield
        finally:
            termios.tcsetattr(self.descriptor, termios.TCSADRAIN, before)

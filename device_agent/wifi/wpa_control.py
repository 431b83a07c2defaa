"""wpa_supplicant's control interface: datagrams on a unix socket, one reply to each command, events once attached.

Every command has a socket of its own, so that a reply that comes too late is never taken for another one's. No error
repeats a command: it may hold a passphrase. Our sockets have no name in the file system, and only wpa_supplicant can
write to them.
"""

import asyncio
import re
import socket
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from device_agent.errors import WifiError

REPLY_S = 10.0
"""It answers at once, or it is busy with itself."""
DATAGRAM_MAX_OCTETS = 65536
EVENTS_MAX = 512
"""Events that wait to be read; a flood of them loses the newest."""
_MEMBER = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^\s\]]*)')


@dataclass(frozen=True, slots=True)
class WpaEvent:
    """One event: its name, and what it says as text."""

    name: str
    text: str = field(repr=False)
    """Not shown: the event that brings a passphrase is an event like any other."""

    @classmethod
    def parse(cls, datagram: bytes) -> "WpaEvent | None":
        """Read `<3>CTRL-EVENT-… text`; None for anything else."""
        found = re.match(r"<\d+>(\S+)(.*)", datagram.decode("utf-8", errors="surrogateescape"), re.DOTALL)
        return None if found is None else cls(found[1], found[2].removeprefix(" "))

    @property
    def members(self) -> dict[str, str]:
        """The `name=value` parts; a quoted value keeps its quotes, so that no SSID can pose as a member."""
        members: dict[str, str] = {}
        for name, value in _MEMBER.findall(self.text):
            members.setdefault(name, value)
        return members


class WpaEvents:
    """The events of one attachment, in order."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._waiting: deque[WpaEvent] = deque()
        self._arrived = asyncio.Event()
        self._gone = False

    def forget(self) -> None:
        """Drop what has come so far."""
        self.read()
        self._waiting.clear()

    async def next(self) -> WpaEvent:
        """Return the next event; WifiError once wpa_supplicant has ended."""
        while not self._waiting:
            if self._gone:
                raise WifiError("wpa_supplicant has ended", "Start it again: systemctl restart wpa_supplicant.")
            self._arrived.clear()
            await self._arrived.wait()
        event = self._waiting.popleft()
        self._gone = self._gone or event.name == "CTRL-EVENT-TERMINATING"
        return event

    def read(self) -> None:
        """Take what has come; asyncio calls it."""
        while True:
            try:
                datagram = self._channel.recv(DATAGRAM_MAX_OCTETS)
            except BlockingIOError:
                return
            except OSError:
                self._gone = True
                self._arrived.set()
                return
            if len(self._waiting) < EVENTS_MAX and (event := WpaEvent.parse(datagram)) is not None:
                self._waiting.append(event)
                self._arrived.set()


@dataclass(frozen=True, slots=True)
class WpaControl:
    """The control interface of one network interface."""

    path: Path
    reply_seconds: float = REPLY_S

    @property
    def interface(self) -> str:
        """The network interface; the socket has its name."""
        return self.path.name

    async def command(self, text: str) -> str:
        """Send a command and return its reply, without the newline at its end."""
        with self._open() as channel:
            return await self._ask(channel, text)

    async def order(self, text: str) -> None:
        """Send a command that must be answered with OK."""
        if (reply := await self.command(text)) != "OK":
            raise self._refused(text, reply)

    async def number(self, text: str) -> int:
        """Send a command that is answered with the number of what it made."""
        reply = await self.command(text)
        if not (reply.isascii() and reply.isdecimal() and len(reply) < 10):
            raise self._refused(text, reply)
        return int(reply)

    @asynccontextmanager
    async def events(self) -> AsyncIterator[WpaEvents]:
        """Attach, and detach at the end."""
        with self._open() as channel:
            if await self._ask(channel, "ATTACH") != "OK":
                raise WifiError(f"{self.path} sends no events", "Restart wpa_supplicant.")
            events = WpaEvents(channel)
            loop = asyncio.get_running_loop()
            loop.add_reader(channel, events.read)
            try:
                yield events
            finally:
                loop.remove_reader(channel)
                with suppress(OSError):  # it has ended, and what was attached with it
                    channel.send(b"DETACH")

    def _open(self) -> socket.socket:
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            channel.setblocking(False)
            channel.bind("")  # the kernel gives it an abstract name
            channel.connect(str(self.path))
        except OSError as error:
            channel.close()
            raise WifiError(
                f"wpa_supplicant cannot be reached at {self.path}: {error.strerror}",
                "Start it with a control interface (-O or ctrl_interface=), and let the agent's user open its socket.",
            ) from error
        return channel

    async def _ask(self, channel: socket.socket, text: str) -> str:
        if "\n" in text or "\0" in text:
            raise WifiError("a Wi-Fi setting has a line break", "Correct the setting.")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.reply_seconds):
                await loop.sock_sendall(channel, text.encode("utf-8", errors="surrogateescape"))
                while (reply := await loop.sock_recv(channel, DATAGRAM_MAX_OCTETS)).startswith(b"<"):
                    pass  # an event between ATTACH and its reply
        except TimeoutError as error:
            raise WifiError(
                f"wpa_supplicant did not answer {_verb(text)} in {self.reply_seconds:g} seconds",
                "Restart wpa_supplicant.",
            ) from error
        except OSError as error:
            raise WifiError(
                f"wpa_supplicant went away at {_verb(text)}: {error.strerror}", "Restart wpa_supplicant."
            ) from error
        return reply.decode("utf-8", errors="surrogateescape").removesuffix("\n")

    def _refused(self, text: str, reply: str) -> WifiError:
        answer = reply if reply in {"FAIL", "UNKNOWN COMMAND", "FAIL-BUSY"} else "something else"
        return WifiError(
            f"wpa_supplicant on {self.interface} answered {_verb(text)} with {answer}",
            "See its log: journalctl -u wpa_supplicant.",
        )


def _verb(command: str) -> str:
    words = command.split(" ")
    return " ".join([words[0], *words[2:3]]) if words[0] == "SET_NETWORK" else words[0]

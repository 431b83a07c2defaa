"""The host's end of the guest's commands: a program in the guest looks like a child of this process."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Self

_LINE_MAX = 1 << 20


class GuestError(Exception):
    """The guest does not do what it should; the text holds the end of its console."""


class GuestChild:
    """One program in the guest, with the face of `asyncio.subprocess.Process` as far as the harness uses it."""

    def __init__(self, channel: "Channel", number: int) -> None:
        self.stdout = asyncio.StreamReader(_LINE_MAX)
        self.pid = 0
        self.returncode: int | None = None
        self._channel = channel
        self._number = number
        self._begun = asyncio.Event()
        self._ended = asyncio.Event()

    async def begun(self) -> None:
        """Wait until it runs, or has failed to."""
        await self._begun.wait()

    async def wait(self) -> int:
        """Wait for its end and return its exit code."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to it and to what it has started."""
        self._channel.send({"signal": int(number), "to": self._number})

    def on_started(self, pid: int) -> None:
        """It runs."""
        self.pid = pid
        self._begun.set()

    def on_line(self, line: str) -> None:
        """It wrote a line."""
        self.stdout.feed_data(f"{line}\n".encode())

    def on_ended(self, code: int) -> None:
        """It has ended."""
        self.returncode = code
        self.stdout.feed_eof()
        self._begun.set()
        self._ended.set()


class Channel:
    """The serial port. Build it with `connect`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._children: dict[int, GuestChild] = {}
        self._numbers = count(1)
        self._ready: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def connect(cls, path: Path) -> Self:
        """Connect to the machine's end, which listens as soon as the machine has begun."""
        return cls(*await asyncio.open_unix_connection(path, limit=_LINE_MAX))

    async def ready(self) -> float:
        """Wait until the guest takes commands; return its age in seconds."""
        return await asyncio.shield(self._ready)

    async def start(
        self, command: list[str], log: Path, environment: Mapping[str, str], given: str | None
    ) -> GuestChild:
        """Start a program; its standard error goes to `log`, a path that both sides see."""
        number = next(self._numbers)
        child = self._children[number] = GuestChild(self, number)
        wanted = {"start": number, "command": command, "environment": dict(environment)}
        self.send({**wanted, "log": str(log), "input": given})
        await child.begun()
        return child

    def send(self, message: dict[str, object]) -> None:
        """Send one line to the guest."""
        self._writer.write(json.dumps(message).encode() + b"\n")

    async def close(self) -> None:
        """Let go of the port; every program counts as killed."""
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _listen(self) -> None:
        try:
            while line := await self._reader.readline():
                self._take(json.loads(line))
        except ConnectionError:
            pass
        finally:
            self._ready.cancel()
            for child in tuple(self._children.values()):
                child.on_ended(-9)

    def _take(self, message: dict[str, object]) -> None:
        match message:
            case {"ready": float(age)}:
                self._ready.set_result(age)
            case {"started": int(number), "pid": int(pid)}:
                self._children[number].on_started(pid)
            case {"said": int(number), "line": str(line)}:
                self._children[number].on_line(line)
            case {"ended": int(number), "code": int(code)}:
                self._children.pop(number).on_ended(code)
            case _:
                raise GuestError(f"the guest said {message}")

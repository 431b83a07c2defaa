"""One child process: its lines, its events, its end. A child dies with its parent, whatever kills the parent."""

import asyncio
import ctypes
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Protocol, Self

_PR_SET_PDEATHSIG = 1
_PATIENCE_S = 30.0
_GRACE_S = 10.0
_libc = ctypes.CDLL(None)
Event = dict[str, object]


class Child(Protocol):
    """What a process needs of its child, wherever that runs; `asyncio.subprocess.Process` has it."""

    @property
    def stdout(self) -> asyncio.StreamReader | None:
        """What it says."""

    @property
    def pid(self) -> int:
        """Its number, and that of its group."""

    @property
    def returncode(self) -> int | None:
        """Its exit code, None while it runs."""

    async def wait(self) -> int:
        """Wait for its end and return its exit code."""

    def send_signal(self, signal: int, /) -> None:
        """Send it a signal."""


class ProcessError(Exception):
    """A child did not do what was expected of it; the text holds the end of what it said."""


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A running program that writes JSON lines on standard output; standard error goes to a file."""

    def __init__(self, name: str, child: Child, log: Path, patience_s: float = _PATIENCE_S) -> None:
        self.name = name
        self._patience_s = patience_s
        self.log = log
        self.events: list[Event] = []
        self.text: list[str] = []
        self._child = child
        self._ended = False
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls,
        name: str,
        command: list[str | Path],
        folder: Path,
        environment: Mapping[str, str] | None = None,
        standard_input: bytes | None = None,
    ) -> Self:
        """Start a program; its standard error is `NAME.log` in `folder`."""
        log = folder / f"{name}.log"
        with log.open("ab") as errors:
            child = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL if standard_input is None else asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
                preexec_fn=_die_with_parent,
                start_new_session=True,
            )
        if standard_input is not None and child.stdin is not None:
            child.stdin.write(standard_input)
            child.stdin.close()
        return cls(name, child, log)

    async def wait_for(self, wanted: Callable[[Event], bool], patience_s: float | None = None, after: int = 0) -> Event:
        """Return the first event, past or coming, that is wanted; ProcessError if the process ends first.

        `after` is how many events there were when the wait began to matter.
        """

        def found() -> Event | None:
            return next((event for event in self.events[after:] if wanted(event)), None)

        try:
            async with asyncio.timeout(patience_s or self._patience_s), self._news:
                await self._news.wait_for(lambda: found() is not None or self.ended)
        except TimeoutError as error:
            raise ProcessError(f"{self.name} did not say what was awaited\n{self.story}") from error
        if (event := found()) is None:
            raise ProcessError(f"{self.name} ended with {self.returncode}\n{self.story}")
        return event

    async def wait_event(self, name: str, **facts: object) -> Event:
        """Return the first event of that name with these facts."""
        return await self.wait_for(lambda event: {"event": name, **facts}.items() <= event.items())

    async def wait_line(self, text: str, patience_s: float | None = None) -> None:
        """Wait until a line holds this text; ProcessError if the process ends first."""

        def said() -> bool:
            return any(text in line for line in self.text)

        async with asyncio.timeout(patience_s or self._patience_s), self._news:
            await self._news.wait_for(lambda: said() or self.ended)
        if not said():
            raise ProcessError(f"{self.name} ended without saying {text!r}\n{self.story}")

    async def lines(self) -> AsyncIterator[str]:
        """Yield every line, past and coming, until the process has ended."""
        seen = 0
        while seen < len(self.text) or not self.ended:
            if seen < len(self.text):
                yield self.text[seen]
                seen += 1
                continue
            async with self._news:
                if seen == len(self.text) and not self.ended:
                    await self._news.wait()

    async def every_event(self) -> AsyncIterator[Event]:
        """Yield every event, past and coming, until the process has ended."""
        seen = 0
        while seen < len(self.events) or not self.ended:
            if seen < len(self.events):
                yield self.events[seen]
                seen += 1
                continue
            async with self._news:
                if seen == len(self.events) and not self.ended:
                    await self._news.wait()

    async def finish(self, patience_s: float = 60.0) -> int:
        """Wait for the end and return the exit code."""
        async with asyncio.timeout(patience_s):
            code = await self._child.wait()
            await self._reader
        return code

    @property
    def ended(self) -> bool:
        """Whether the process has ended and all it said was read."""
        return self._ended

    @property
    def returncode(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._child.returncode

    @property
    def story(self) -> str:
        """The end of what it said, for an error message."""
        return "\n".join([*self.text[-20:], self.log.read_text(errors="replace")[-4000:]])

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal."""
        if self._child.returncode is None:
            self._child.send_signal(number)

    def kill_group(self, number: signal.Signals) -> None:
        """Send a signal to it and to all its children."""
        if self._child.returncode is None:
            os.killpg(self._child.pid, number)

    async def stop(self) -> int:
        """End it politely, then not politely; return the exit code."""
        self.kill(signal.SIGTERM)
        try:
            return await self.finish(_GRACE_S)
        except TimeoutError:
            self.kill()
            return await self.finish(_GRACE_S)

    async def _read(self) -> None:
        assert self._child.stdout is not None
        while line := await self._child.stdout.readline():
            text = line.decode(errors="replace").rstrip("\n")
            async with self._news:
                self.text.append(text)
                if text.startswith("{"):
                    self.events.append(json.loads(text))
                self._news.notify_all()
        await self._child.wait()
        async with self._news:
            self._ended = True
            self._news.notify_all()

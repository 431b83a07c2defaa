"""A running guest: boot it, start programs in it, end it. One at a time on a machine, since each takes two cores."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.vm.channel import Channel, GuestError
from tests.vm.image import Image, locked
from tests.vm.machine import command
from tests.vm.project import pack_project
from tests.world.process import Process, ProcessError

PATIENCE_S = 120.0
"""Emulated, on a busy machine, every program starts slowly."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A machine that takes commands. `folder` has the same path on both sides. Build it with `boot`."""

    folder: Path
    machine: Process
    channel: Channel
    age_at_ready_s: float

    @classmethod
    @asynccontextmanager
    async def boot(cls, image: Image, folder: Path) -> AsyncIterator["Guest"]:
        """Boot a guest with our code of now in it, and end it afterwards. Waits while another one runs."""
        folder.mkdir(parents=True, exist_ok=True)
        pack_project(image.recipe.suite, folder)
        with locked("guest"), tempfile.TemporaryDirectory(prefix="vm-") as short:
            socket = Path(short) / "commands"  # a socket's path is short, a test's folder is not
            console = folder / "console.log"
            machine = await Process.start("machine", command(image, folder, socket, f"file:{console}"), folder)
            try:
                channel = await _connected(machine, socket)
                try:
                    age = await _ready(channel, console)
                    yield cls(folder, machine, channel, age)
                finally:
                    await channel.close()
            finally:
                await machine.stop()

    async def start(
        self,
        name: str,
        arguments: list[str | Path],
        environment: Mapping[str, str] | None = None,
        given: str | None = None,
    ) -> Process:
        """Start a program in the guest; its standard error is `NAME.log` in the folder."""
        log = self.folder / f"{name}.log"
        log.touch()
        child = await self.channel.start([str(argument) for argument in arguments], log, environment or {}, given)
        return Process(name, child, log, PATIENCE_S)

    async def run(self, *arguments: str | Path, given: str | None = None) -> list[str]:
        """Run a program in the guest to its end and return its lines; ProcessError unless it succeeds."""
        process = await self.start(Path(arguments[0]).name, list(arguments), given=given)
        if await process.finish(PATIENCE_S) != 0:
            raise ProcessError(f"{' '.join(map(str, arguments))} failed in the guest\n{process.story}")
        return process.text


async def _connected(machine: Process, socket: Path) -> Channel:
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while machine.returncode is None:
                with suppress(FileNotFoundError, ConnectionRefusedError):
                    return await Channel.connect(socket)
                await asyncio.sleep(0.02)  # QEMU does not say when its socket is there
    raise GuestError(f"the machine did not start: {machine.story}")


async def _ready(channel: Channel, console: Path) -> float:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await channel.ready()
    except (TimeoutError, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and (task := asyncio.current_task()) and task.cancelling():
            raise
        said = console.read_text(errors="replace")[-4000:] if console.exists() else ""
        raise GuestError(f"the guest did not come up; its console ends with\n{said}") from error

"""Programs under test as separate processes, and the worlds they meet in."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

import pytest
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from virtual_bluez import VirtualBluez

ROOT = Path(__file__).parents[2]
PATIENCE_S = 15.0


class ProgramError(Exception):
    """A command of a program under test raised; *kind* is the name of its exception."""

    def __init__(self, kind: str, message: str, code: int | None) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.code = code


class Program:
    """A running program of `programs/`, as the party whose bus it was given."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._events: dict[str, asyncio.Queue[dict[str, Any]]] = {}
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, script: str, bus_address: str, *arguments: str) -> Self:
        environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus_address}
        module = f"tests.virtual_bluez.programs.{script}"
        command = (sys.executable, "-m", module, *arguments)
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdin=PIPE, stdout=PIPE)
        program = cls(process)
        await program.event("ready")
        return program

    async def ask(self, command: str, **arguments: object) -> Any:  # noqa: ANN401 - whatever JSON says
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([command, arguments]).encode() + b"\n")
        reply = await self.event("reply")
        if "error" in reply:
            raise ProgramError(reply["error"], reply["message"], reply["code"])
        return reply["result"]

    async def event(self, name: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            return await self._queue(name).get()

    def saw(self, name: str) -> bool:
        return not self._queue(name).empty()

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def close(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._listening

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            event = json.loads(line)
            self._queue(event["event"]).put_nowait(event)

    def _queue(self, name: str) -> asyncio.Queue[dict[str, Any]]:
        return self._events.setdefault(name, asyncio.Queue())


class Watcher:
    """What any program sees of Device1.Connected on a party's bus."""

    def __init__(self, bus: MessageBus) -> None:
        self.bus = bus
        self.changes: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()
        bus.add_message_handler(self._on_message)

    def _on_message(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL:
            return
        if message.member == "PropertiesChanged":
            interface, changed, _ = message.body
            if interface == "org.bluez.Device1" and "Connected" in changed:
                self.changes.put_nowait((message.path or "", changed["Connected"].value))
        elif message.member == "InterfacesAdded":
            path, interfaces = message.body
            if interfaces.get("org.bluez.Device1", {}).get("Connected", Variant("b", False)).value:
                self.changes.put_nowait((path, True))

    async def connected(self) -> bool:
        async with asyncio.timeout(PATIENCE_S):
            _, connected = await self.changes.get()
            return connected

    async def call(self, path: str, interface: str, member: str, signature: str = "", *body: object) -> Message:
        message = Message("org.bluez", path, interface, member, signature=signature, body=list(body))
        return await self.bus.call(message)

    async def set(self, interface: str, name: str, value: Variant) -> Message:
        properties = "org.freedesktop.DBus.Properties"
        return await self.call("/org/bluez/hci0", properties, "Set", "ssv", interface, name, value)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def make_world(stack: AsyncExitStack) -> Callable[..., Awaitable[VirtualBluez]]:
    async def make(*parties: str, **options: Any) -> VirtualBluez:  # noqa: ANN401
        return await stack.enter_async_context(VirtualBluez(parties or ("device", "phone"), **options))

    return make


@pytest.fixture
def run(stack: AsyncExitStack) -> Callable[..., Awaitable[Program]]:
    """Start a program of `programs/` as a party; it is killed at the end."""

    async def run(world: VirtualBluez, party: str, script: str, *arguments: str) -> Program:
        program = await Program.start(script, world.bus_address(party), *arguments)
        stack.push_async_callback(program.close)
        return program

    return run


@pytest.fixture
def watch(stack: AsyncExitStack) -> Callable[..., Awaitable[Watcher]]:
    """Join a party's bus as a mere onlooker."""

    async def watch(world: VirtualBluez, party: str) -> Watcher:
        bus = await MessageBus(bus_address=world.bus_address(party)).connect()
        stack.callback(bus.disconnect)
        rule = "type='signal',sender='org.bluez'"
        await bus.call(
            Message(
                "org.freedesktop.DBus",
                "/org/freedesktop/DBus",
                "org.freedesktop.DBus",
                "AddMatch",
                signature="s",
                body=[rule],
            )
        )
        return Watcher(bus)

    return watch

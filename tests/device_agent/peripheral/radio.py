"""A peripheral on a simulated radio, and what phones near it do."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from dbus_fast import Message, Variant
from dbus_fast.aio import MessageBus

from device_agent.config import Config, PeripheralChoice
from device_agent.peripheral import Peripheral, PeripheralEvent, open_peripheral
from onboarding_protocol.gatt import WRITE_CHARACTERISTIC_UUID
from tests.virtual_bluez.conftest import Program
from virtual_bluez import VirtualBluez

NAME = "ABCDEFGH"
EVENT_PATIENCE_S = 20
PHONE, PHONE2 = (f"/org/bluez/hci0/dev_00_AA_01_00_00_{number:02}" for number in (2, 3))
BOTH = [PeripheralChoice.BLUEZ, PeripheralChoice.BLESS]
E = TypeVar("E", bound=PeripheralEvent)
Link = Callable[[str], Awaitable[Program]]


class Device:
    """A peripheral and what it tells."""

    def __init__(self, choice: PeripheralChoice, adapter: str = "hci0") -> None:
        self._events: asyncio.Queue[PeripheralEvent] = asyncio.Queue()
        config = Config(adapter=adapter, peripheral=choice)
        self.peripheral: Peripheral = open_peripheral(config, self._events.put_nowait)

    async def event(self, kind: type[E]) -> E:
        async with asyncio.timeout(EVENT_PATIENCE_S):
            while not isinstance(event := await self._events.get(), kind):
                pass
            return event

    def told(self, kind: type[PeripheralEvent]) -> bool:
        events = [self._events.get_nowait() for _ in range(self._events.qsize())]
        return any(isinstance(event, kind) for event in events)


async def write(central: Program, octets: bytes) -> None:
    await central.ask("write", uuid=WRITE_CHARACTERISTIC_UUID, values=[octets.hex()])


async def hear(central: Program, count: int) -> list[bytes]:
    return [bytes.fromhex((await central.event("notified"))["value"]) for _ in range(count)]


async def adapter(world: VirtualBluez, name: str, value: Variant | None = None) -> object:
    bus = await MessageBus(bus_address=world.bus_address("device")).connect()
    body: list[object] = ["org.bluez.Adapter1", name, *([] if value is None else [value])]
    member, signature = ("Get", "ss") if value is None else ("Set", "ssv")
    properties = "org.freedesktop.DBus.Properties"
    reply = await bus.call(Message("org.bluez", "/org/bluez/hci0", properties, member, signature=signature, body=body))
    bus.disconnect()
    return reply.body[0].value if value is None else None

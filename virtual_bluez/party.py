"""One party: a private bus on which `org.bluez` owns one adapter, and the radio behind it.

The rule kept here: a killed program is a lost link. The bus tells when a unique name has no owner any more; what
that program had registered, asked for or connected goes, and links to an application that is gone drop.
"""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from bumble import hci
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from virtual_bluez import names
from virtual_bluez.adapter import Adapter
from virtual_bluez.advertising import AdvertisingManager
from virtual_bluez.application import SOCKETS, GattManager
from virtual_bluez.ether import Ether
from virtual_bluez.interfaces import Call, Interface, Method
from virtual_bluez.message_bus import PrivateBus
from virtual_bluez.objects import ObjectTree
from virtual_bluez.program import add_match
from virtual_bluez.radio import Radio
from virtual_bluez.tasks import TaskScope

__all__ = ["Party"]


class Party:
    """A bus, its `org.bluez`, and a place on the ether."""

    def __init__(self, name: str, address: str, ether: Ether, mtu: int, directory: Path, sockets: bool = True) -> None:
        self.name = name
        self.radio = Radio(name, address, ether, mtu)
        self._private_bus = PrivateBus(name, directory)
        self._sockets = sockets
        self._tasks = TaskScope()
        self._stack = AsyncExitStack()

    @property
    def bus_address(self) -> str:
        """The value of DBUS_SYSTEM_BUS_ADDRESS that makes a program this party."""
        return self._private_bus.address

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._private_bus)
            bus = MessageBus(bus_address=self.bus_address, negotiate_unix_fd=True)
            stack.callback(bus.disconnect)
            await bus.connect()
            stack.push_async_callback(self._tasks.close)
            await self.radio.power_on()
            stack.push_async_callback(self.radio.close)
            self._bus = bus
            self._serve(bus, ObjectTree(bus, self._tasks))
            stack.push_async_callback(self._adapter.close)
            await add_match(bus, f"type='signal',sender='{names.BUS}',member='NameOwnerChanged'")
            await bus.request_name(names.BLUEZ)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def restart(self) -> None:
        """Do as bluetoothd does when it is restarted: leave the bus, forget every program and link, come back."""
        await self._bus.release_name(names.BLUEZ)
        await self._advertising.forget()
        self._gatt.forget()
        await self._adapter.power_off()
        await self._bus.request_name(names.BLUEZ)

    def _serve(self, bus: MessageBus, tree: ObjectTree) -> None:
        """Put everything `org.bluez` shows at first on the bus."""
        self._adapter = adapter = Adapter(self.name, tree, self.radio)
        self._gatt = GattManager(bus, self.radio.server, SOCKETS if self._sockets else ())
        self._advertising = AdvertisingManager(bus, tree, self.radio, lambda: (adapter.alias, adapter.discoverable))
        adapter.interface.writable = {
            "Alias": self._refresh_advertisement,
            "Discoverable": self._refresh_advertisement,
            "DiscoverableTimeout": _accept,
            "Pairable": _accept,
            "PairableTimeout": _accept,
            "Powered": self._power,
        }
        tree.add(names.BLUEZ_PATH, _agent_manager())
        tree.add(names.ADAPTER_PATH, adapter.interface, self._gatt.interface, self._advertising.interface)
        bus.add_message_handler(self._on_signal)

    def _on_signal(self, message: Message) -> bool:
        if message.message_type is MessageType.SIGNAL:
            if message.member == "NameOwnerChanged" and message.sender == names.BUS:
                name, _, new_owner = message.body
                if name.startswith(":") and not new_owner:
                    self._tasks.start(self._program_gone(name))
            elif message.member == "PropertiesChanged" and message.interface == names.PROPERTIES:
                self._gatt.on_signal(message)
                if self._advertising.is_registered(message.sender, message.path):
                    self._tasks.start(self._advertising.changed(message.body[1]))
        return False

    async def _program_gone(self, name: str) -> None:
        await self._advertising.client_gone(name)
        if self._gatt.client_gone(name):
            self.radio.lose_links(hci.Role.PERIPHERAL)
        await self._adapter.client_gone(name)

    async def _refresh_advertisement(self, _value: Variant) -> None:
        await self._advertising.refresh()

    async def _power(self, value: Variant) -> None:
        if value.value:
            await self._advertising.refresh()
        else:
            await self._adapter.power_off()


async def _accept(_value: Variant) -> None:
    """Store a property that changes nothing without pairing."""


def _agent_manager() -> Interface:
    """AgentManager1: agents may register (Chromium does so at start); nobody will ask them anything."""

    async def accept(_call: Call) -> list[Any]:
        return []

    methods = {
        "RegisterAgent": Method("os", "", accept),
        "UnregisterAgent": Method("o", "", accept),
        "RequestDefaultAgent": Method("o", "", accept),
    }
    return Interface(names.AGENT_MANAGER, methods=methods)

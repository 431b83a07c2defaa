"""LEAdvertisingManager1: the one advertisement of an adapter, on the air only while it is registered."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from dbus_fast import Variant
from dbus_fast.aio import MessageBus

from virtual_bluez import advertising_data, names
from virtual_bluez.errors import BlueZError
from virtual_bluez.interfaces import Call, Interface, Method
from virtual_bluez.objects import ObjectTree
from virtual_bluez.program import Program, ProgramError, add_match
from virtual_bluez.radio import Radio

__all__ = ["AdvertisingManager"]

DEFAULT_INTERVAL_MS = 100
"""BlueZ's own default is 1,280 ms; programs in a hurry ask for 100, and nobody waits here for a battery's sake."""
SHORTEST_INTERVAL_MS = 20


class AdvertisingManager:
    """Registers advertisements; *appearance* tells the adapter's alias and whether it is discoverable."""

    def __init__(
        self, bus: MessageBus, tree: ObjectTree, radio: Radio, appearance: Callable[[], tuple[str, bool]]
    ) -> None:
        self._bus = bus
        self._tree = tree
        self._radio = radio
        self._appearance = appearance
        self._registered: tuple[str, str] | None = None
        self._properties: dict[str, Any] = {}
        self._turn = asyncio.Lock()
        self.interface = Interface(
            names.ADVERTISING_MANAGER,
            {
                "ActiveInstances": Variant("y", 0),
                "SupportedInstances": Variant("y", 1),
                "SupportedIncludes": Variant("as", ["tx-power", "local-name"]),
            },
            {
                "RegisterAdvertisement": Method("oa{sv}", "", self._register),
                "UnregisterAdvertisement": Method("o", "", self._unregister),
            },
        )

    async def refresh(self) -> None:
        """Put on the air what is registered, as it now reads. Raises BlueZError if it does not fit."""
        async with self._turn:
            if self._registered is None:
                return
            alias, discoverable = self._appearance()
            data, scan_response = advertising_data.build(self._properties, alias, discoverable=discoverable)
            interval = max(self._properties.get("MinInterval", DEFAULT_INTERVAL_MS), SHORTEST_INTERVAL_MS)
            await self._radio.advertise(data, scan_response, interval)
            self._show(1)

    async def client_gone(self, name: str) -> None:
        """Fall silent if the advertisement was this program's."""
        if self._registered and self._registered[0] == name:
            await self._withdraw()

    async def forget(self) -> None:
        """Fall silent."""
        if self._registered:
            await self._withdraw()

    def is_registered(self, sender: str | None, path: str | None) -> bool:
        """Tell whether the registered advertisement is this object."""
        return self._registered == (sender, path)

    async def changed(self, properties: Mapping[str, Variant]) -> None:
        """Follow changes a program makes to its registered advertisement."""
        self._properties |= {name: value.value for name, value in properties.items()}
        await self.refresh()

    async def _register(self, call: Call) -> list[Any]:
        path = call.arguments[0]
        if self._registered == (call.sender, path):
            raise BlueZError("AlreadyExists", "Already Exists")
        if self._registered:
            raise BlueZError("NotPermitted", "Maximum advertisements reached")
        self._registered = call.sender, path
        try:
            self._properties = await self._read_properties(call.sender, path)
            await self.refresh()
        except BlueZError:
            self._registered = None
            raise
        return []

    async def _read_properties(self, sender: str, path: str) -> dict[str, Any]:
        rule = f"type='signal',sender='{sender}',interface='{names.PROPERTIES}',path='{path}'"
        await add_match(self._bus, rule)
        try:
            (properties,) = await Program(self._bus, sender).call(
                path, names.PROPERTIES, "GetAll", "s", names.ADVERTISEMENT
            )
        except ProgramError as error:
            raise BlueZError("Failed", f"Failed to parse advertisement: {error}") from error
        if properties["Type"].value != "peripheral":
            raise BlueZError("NotSupported", "only connectable advertisements (Type peripheral)")
        return {name: value.value for name, value in properties.items()}

    async def _unregister(self, call: Call) -> list[Any]:
        if self._registered != (call.sender, call.arguments[0]):
            raise BlueZError("DoesNotExist", "Does Not Exist")
        await self._withdraw()
        return []

    async def _withdraw(self) -> None:
        self._registered = None
        async with self._turn:
            await self._radio.stop_advertising()
            self._show(0)

    def _show(self, active: int) -> None:
        changed = {"ActiveInstances": Variant("y", active), "SupportedInstances": Variant("y", 1 - active)}
        self._tree.change(names.ADAPTER_PATH, names.ADVERTISING_MANAGER, changed)

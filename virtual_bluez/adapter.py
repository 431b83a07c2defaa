"""Adapter1 and what it sees: discovery by any number of programs, and the remote devices they find.

Rules: discovery runs while any program wants it and ends with the last, also when that one is killed; a device
appears when it is first heard, or already connected when it links to us. Discovery filters are accepted and not
applied: programs filter too.
"""

import asyncio
from typing import Any

from bumble import hci
from bumble.device import Advertisement, Connection, Device
from dbus_fast import Variant

from virtual_bluez import names
from virtual_bluez.advertising_data import device_properties
from virtual_bluez.errors import BlueZError
from virtual_bluez.interfaces import Call, Interface, Method
from virtual_bluez.objects import ObjectTree
from virtual_bluez.radio import Radio
from virtual_bluez.remote_device import RemoteDevice

__all__ = ["Adapter"]


class Adapter:
    """The adapter of one party."""

    def __init__(self, name: str, tree: ObjectTree, radio: Radio) -> None:
        self._name = name
        self._tree = tree
        self._radio = radio
        self._discoverers: set[str] = set()
        self._scanning = asyncio.Lock()
        self._devices: dict[hci.Address, RemoteDevice] = {}
        address = radio.controller.public_address.to_string(with_type_qualifier=False)
        methods = {
            "StartDiscovery": Method("", "", self._start_discovery),
            "StopDiscovery": Method("", "", self._stop_discovery),
            "SetDiscoveryFilter": Method("a{sv}", "", self._set_discovery_filter),
            "GetDiscoveryFilters": Method("", "as", self._get_discovery_filters),
            "RemoveDevice": Method("o", "", self._remove_device),
        }
        self.interface = Interface(names.ADAPTER, _properties(name, address), methods)
        radio.device.on(Device.EVENT_ADVERTISEMENT, self._on_advertisement)
        radio.device.on(Device.EVENT_CONNECTION, self._on_connection)

    @property
    def alias(self) -> str:
        """The name shown to others; an empty one, as bless sets it, means the adapter's own."""
        return self.interface.properties["Alias"].value or self._name

    @property
    def discoverable(self) -> bool:
        """Whether advertisements carry the general discoverable flag."""
        return bool(self.interface.properties["Discoverable"].value)

    async def client_gone(self, name: str) -> None:
        """Forget what a program that left had asked for."""
        for device in list(self._devices.values()):
            await device.client_gone(name)
        await self._forget_discoverer(name)

    async def power_off(self) -> None:
        """End discovery for everybody, then all that the radio does."""
        self._discoverers.clear()
        await self._follow_discoverers()
        await self._radio.silence()

    async def close(self) -> None:
        """Stop what runs for the devices."""
        for device in self._devices.values():
            await device.close()

    async def _start_discovery(self, call: Call) -> list[Any]:
        if call.sender in self._discoverers:
            raise BlueZError("InProgress", "Operation already in progress")
        self._discoverers.add(call.sender)
        await self._follow_discoverers()
        return []

    async def _stop_discovery(self, call: Call) -> list[Any]:
        if call.sender not in self._discoverers:
            raise BlueZError("Failed", "No discovery started")
        await self._forget_discoverer(call.sender)
        return []

    async def _forget_discoverer(self, name: str) -> None:
        if name in self._discoverers:
            self._discoverers.remove(name)
            await self._follow_discoverers()

    async def _follow_discoverers(self) -> None:
        """Scan if anybody wants it. One change at a time, lest a start and a stop mix their commands."""
        async with self._scanning:
            wanted = bool(self._discoverers)
            if wanted == self.interface.properties["Discovering"].value:
                return
            await self._radio.scan(wanted=wanted)
            if not wanted:
                for device in self._devices.values():
                    device.not_heard()
            changed = {"Discovering": Variant("b", wanted)}
            self._tree.change(names.ADAPTER_PATH, names.ADAPTER, changed)

    async def _set_discovery_filter(self, _call: Call) -> list[Any]:
        return []

    async def _get_discovery_filters(self, _call: Call) -> list[Any]:
        return [["UUIDs", "RSSI", "Pathloss", "Transport", "DuplicateData", "Discoverable", "Pattern"]]

    async def _remove_device(self, call: Call) -> list[Any]:
        path = call.arguments[0]
        address = next((each for each, device in self._devices.items() if device.path == path), None)
        if address is None:
            raise BlueZError("DoesNotExist", "Does Not Exist")
        await self._devices[address].disconnect()
        await self._devices.pop(address).close()
        self._tree.remove(path)
        return []

    def _on_advertisement(self, advertisement: Advertisement) -> None:
        if not self._discoverers:
            return
        properties = device_properties((int(kind), value) for kind, value in advertisement.data.ad_structures)
        properties["RSSI"] = Variant("n", advertisement.rssi)
        if known := self._devices.get(advertisement.address):
            known.heard(properties)
        else:
            device = self._devices[advertisement.address] = RemoteDevice(advertisement.address, self._tree, self._radio)
            device.show(properties)

    def _on_connection(self, link: Connection) -> None:
        device = self._devices.get(link.peer_address)
        if device is None:
            device = self._devices[link.peer_address] = RemoteDevice(link.peer_address, self._tree, self._radio)
            device.show({"Connected": Variant("b", True)})
        link.on(Connection.EVENT_DISCONNECTION, lambda _reason: self._on_disconnection(device, link))
        device.link_up(link)

    def _on_disconnection(self, device: RemoteDevice, link: Connection) -> None:
        if device.link is link:
            device.link_down()


def _properties(name: str, address: str) -> dict[str, Variant]:
    return {
        "Address": Variant("s", address),
        "AddressType": Variant("s", "public"),
        "Name": Variant("s", name),
        "Alias": Variant("s", name),
        "Class": Variant("u", 0),
        "Powered": Variant("b", True),
        "Discoverable": Variant("b", False),
        "DiscoverableTimeout": Variant("u", 0),
        "Pairable": Variant("b", False),
        "PairableTimeout": Variant("u", 0),
        "Discovering": Variant("b", False),
        "UUIDs": Variant("as", []),
        "Roles": Variant("as", ["central", "peripheral"]),
        "ExperimentalFeatures": Variant("as", []),
    }

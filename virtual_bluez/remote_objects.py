"""The GATT objects of a remote device on the central's bus, all together.

They appear before `ServicesResolved` becomes true and go with the link. Paths carry the handles as bluetoothd's
do, `…/service0010/char0011/desc0013`, since bleak reads the handles from there.
"""

from bumble import gatt
from bumble.gatt_client import ServiceProxy
from dbus_fast import Variant

from virtual_bluez import names
from virtual_bluez.att_client import AttClient
from virtual_bluez.interfaces import Interface
from virtual_bluez.objects import ObjectTree
from virtual_bluez.remote_attributes import RemoteCharacteristic, RemoteDescriptor
from virtual_bluez.uuids import uuid_text

__all__ = ["RemoteObjects"]

HIDDEN = gatt.GATT_GENERIC_ACCESS_SERVICE
"""bluetoothd keeps this service to itself and shows what it says as properties of the device."""


class RemoteObjects:
    """All GATT objects of one link."""

    def __init__(self, client: AttClient, device_path: str, tree: ObjectTree) -> None:
        self._client = client
        self._device_path = device_path
        self._tree = tree
        self._services: list[str] = []
        self._characteristics: list[RemoteCharacteristic] = []

    def show(self, services: list[ServiceProxy]) -> None:
        """Put the discovered services on the bus."""
        for service in services:
            if service.uuid != HIDDEN:
                self._show_service(service)

    def withdraw(self) -> None:
        """Take everything away: the link is gone."""
        for path in self._services:
            self._tree.remove(path)
        self._services.clear()
        self._characteristics.clear()

    async def client_gone(self, name: str) -> None:
        """End the subscriptions of a program that left."""
        for characteristic in self._characteristics:
            await characteristic.release(name)

    def _show_service(self, service: ServiceProxy) -> None:
        path = f"{self._device_path}/service{service.handle:04x}"
        properties = {
            "UUID": Variant("s", uuid_text(service.uuid)),
            "Device": Variant("o", self._device_path),
            "Primary": Variant("b", service.type == gatt.GATT_PRIMARY_SERVICE_ATTRIBUTE_TYPE),
            "Includes": Variant("ao", []),
        }
        self._services.append(path)
        self._tree.add(path, Interface(names.GATT_SERVICE, properties))
        for proxy in service.characteristics:
            characteristic = RemoteCharacteristic(proxy, path, self._client, self._tree)
            self._characteristics.append(characteristic)
            self._tree.add(characteristic.path, characteristic.interface)
            for descriptor in proxy.descriptors:
                shown = RemoteDescriptor(descriptor, characteristic.path, self._client)
                self._tree.add(shown.path, shown.interface)

"""GattCharacteristic1 and GattDescriptor1: one attribute of a remote device on the central's bus.

Calls are answered one after the other as ATT allows one request at a time; bluetoothd would refuse a second one
with InProgress, which programs answer by trying again.
"""

from typing import Any

from bumble import gatt
from bumble.gatt_client import CharacteristicProxy, DescriptorProxy
from dbus_fast import Variant

from virtual_bluez import names
from virtual_bluez.att_client import AttClient
from virtual_bluez.errors import BlueZError
from virtual_bluez.interfaces import Call, Interface, Method
from virtual_bluez.objects import ObjectTree
from virtual_bluez.uuids import uuid_text

__all__ = ["RemoteCharacteristic", "RemoteDescriptor"]

FLAGS = {
    gatt.Characteristic.Properties.BROADCAST: "broadcast",
    gatt.Characteristic.Properties.READ: "read",
    gatt.Characteristic.Properties.WRITE_WITHOUT_RESPONSE: "write-without-response",
    gatt.Characteristic.Properties.WRITE: "write",
    gatt.Characteristic.Properties.NOTIFY: "notify",
    gatt.Characteristic.Properties.INDICATE: "indicate",
}
CCCD = gatt.GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR


class RemoteCharacteristic:
    """A remote characteristic; notifications are on while any program wants them."""

    def __init__(
        self, proxy: CharacteristicProxy[bytes], service_path: str, client: AttClient, tree: ObjectTree
    ) -> None:
        self._proxy = proxy
        self._client = client
        self._tree = tree
        self._subscribers: set[str] = set()
        self.path = f"{service_path}/char{proxy.handle - 1:04x}"
        self.interface = Interface(
            names.GATT_CHARACTERISTIC,
            {
                "UUID": Variant("s", uuid_text(proxy.uuid)),
                "Service": Variant("o", service_path),
                "Value": Variant("ay", b""),
                "Notifying": Variant("b", False),
                "Flags": Variant("as", [name for bit, name in FLAGS.items() if proxy.properties & bit]),
                "MTU": Variant("q", client.mtu),
            },
            {
                "ReadValue": Method("a{sv}", "ay", self._read),
                "WriteValue": Method("aya{sv}", "", self._write),
                "StartNotify": Method("", "", self._start_notify),
                "StopNotify": Method("", "", self._stop_notify),
            },
        )

    async def release(self, name: str) -> None:
        """Drop one program's subscription, the last one turns notifications off."""
        if name not in self._subscribers:
            return
        self._subscribers.remove(name)
        if not self._subscribers:
            await self._client.unsubscribe(self._proxy)
            self._change(Notifying=Variant("b", False))

    async def _read(self, call: Call) -> list[Any]:
        value = await self._client.read(self._proxy.handle, _option(call.arguments[0], "offset", 0))
        self._change(Value=Variant("ay", value))
        return [value]

    async def _write(self, call: Call) -> list[Any]:
        """Write as the option `type` says; without it by the flags, a request where one is possible."""
        value, options = bytes(call.arguments[0]), call.arguments[1]
        kind: str = _option(options, "type", "")
        if not kind:
            can_answer = self._proxy.properties & gatt.Characteristic.Properties.WRITE
            kind = "request" if can_answer else "command"
        if kind == "command":
            await self._client.write_command(self._proxy.handle, value)
        else:
            offset = _option(options, "offset", 0)
            await self._client.write_request(self._proxy.handle, value, offset, reliable=kind == "reliable")
        return []

    async def _start_notify(self, call: Call) -> list[Any]:
        properties = gatt.Characteristic.Properties
        if not self._proxy.properties & (properties.NOTIFY | properties.INDICATE):
            raise BlueZError("NotSupported", "Operation is not supported")
        if call.sender in self._subscribers:
            raise BlueZError("InProgress", "In Progress")
        first = not self._subscribers
        self._subscribers.add(call.sender)
        if first:
            try:
                await self._client.subscribe(self._proxy, self._on_value)
            except BlueZError:
                self._subscribers.discard(call.sender)
                raise
        self._change(Notifying=Variant("b", True))
        return []

    async def _stop_notify(self, call: Call) -> list[Any]:
        if call.sender not in self._subscribers:
            raise BlueZError("Failed", "No notify session started")
        await self.release(call.sender)
        return []

    def _on_value(self, value: bytes) -> None:
        self._change(Value=Variant("ay", value))

    def _change(self, **changed: Variant) -> None:
        self._tree.change(self.path, names.GATT_CHARACTERISTIC, changed)


class RemoteDescriptor:
    """A remote descriptor; the CCCD is written by subscribing only."""

    def __init__(self, proxy: DescriptorProxy, characteristic_path: str, client: AttClient) -> None:
        self._proxy = proxy
        self._client = client
        self.path = f"{characteristic_path}/desc{proxy.handle:04x}"
        self.interface = Interface(
            names.GATT_DESCRIPTOR,
            {
                "UUID": Variant("s", uuid_text(proxy.type)),
                "Characteristic": Variant("o", characteristic_path),
                "Value": Variant("ay", b""),
            },
            {
                "ReadValue": Method("a{sv}", "ay", self._read),
                "WriteValue": Method("aya{sv}", "", self._write),
            },
        )

    async def _read(self, call: Call) -> list[Any]:
        return [await self._client.read(self._proxy.handle, _option(call.arguments[0], "offset", 0))]

    async def _write(self, call: Call) -> list[Any]:
        if self._proxy.type == CCCD:
            raise BlueZError("NotPermitted", "Write not permitted")
        await self._client.write_request(self._proxy.handle, bytes(call.arguments[0]))
        return []


def _option(options: dict[str, Variant], name: str, default: Any) -> Any:  # noqa: ANN401 - what a Variant holds
    return options[name].value if name in options else default

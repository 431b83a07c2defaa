"""GattManager1: applications of programs on the bus become services of the adapter's ATT server.

Values stay in the program (see `application_value`); what it announces as its `Value` is published. An application
that unregisters leaves its links alone, as on BlueZ, but no Service Changed is indicated: centrals learn it by an
error. Encryption is asked for where flags want it; pairing is not offered, so such values stay closed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bumble import att, gatt
from bumble.core import UUID
from dbus_fast import Message, Variant
from dbus_fast.aio import MessageBus

from virtual_bluez import names
from virtual_bluez.application_value import ApplicationValue
from virtual_bluez.errors import BlueZError
from virtual_bluez.gatt_server import GattServer
from virtual_bluez.interfaces import Call, Interface, Method
from virtual_bluez.program import Program, ProgramError, add_match

__all__ = ["GattManager"]

Objects = dict[str, dict[str, dict[str, Variant]]]
Permissions = att.Attribute.Permissions
SOCKETS = frozenset({"NotifyAcquired", "WriteAcquired"})
"""Properties by which a characteristic offers a socket for its values."""
CCCD = gatt.GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR


@dataclass(slots=True)
class _Application:
    """What one RegisterApplication brought."""

    services: list[gatt.Service] = field(default_factory=list)
    characteristics: dict[str, gatt.Characteristic[bytes]] = field(default_factory=dict)


class GattManager:
    """Registers applications with the ATT server of the adapter."""

    def __init__(self, bus: MessageBus, server: GattServer, sockets: Iterable[str] = SOCKETS) -> None:
        self._bus = bus
        self._sockets = frozenset(sockets)
        self._server = server
        self._applications: dict[tuple[str, str], _Application] = {}
        self.interface = Interface(
            names.GATT_MANAGER,
            methods={
                "RegisterApplication": Method("oa{sv}", "", self._register),
                "UnregisterApplication": Method("o", "", self._unregister),
            },
        )

    def client_gone(self, name: str) -> bool:
        """Remove the applications of a program that left; tell whether it had any."""
        theirs = [key for key in self._applications if key[0] == name]
        for key in theirs:
            self._remove(key)
        return bool(theirs)

    def forget(self) -> None:
        """Remove all applications."""
        for key in list(self._applications):
            self._remove(key)

    def on_signal(self, message: Message) -> None:
        """Publish the value a program announces."""
        interface, changed = message.body[0], message.body[1]
        if interface != names.GATT_CHARACTERISTIC or "Value" not in changed:
            return
        for (owner, _), application in self._applications.items():
            characteristic = application.characteristics.get(message.path or "")
            if characteristic and owner == message.sender:
                self._server.publish(characteristic, bytes(changed["Value"].value))

    async def _register(self, call: Call) -> list[Any]:
        key = call.sender, call.arguments[0]
        if key in self._applications:
            raise BlueZError("AlreadyExists", "Already Exists")
        program = Program(self._bus, call.sender)
        await add_match(self._bus, f"type='signal',sender='{call.sender}',interface='{names.PROPERTIES}'")
        try:
            (objects,) = await program.call(key[1], names.OBJECT_MANAGER, "GetManagedObjects")
        except ProgramError as error:
            raise BlueZError("Failed", f"No object received: {error}") from error
        if not any(names.GATT_SERVICE in interfaces for interfaces in objects.values()):
            raise BlueZError("Failed", "No object received")
        self._applications[key] = self._add(program, objects)
        return []

    async def _unregister(self, call: Call) -> list[Any]:
        key = call.sender, call.arguments[0]
        if key not in self._applications:
            raise BlueZError("DoesNotExist", "Does Not Exist")
        self._remove(key)
        return []

    def _add(self, program: Program, objects: Objects) -> _Application:
        application = _Application()
        for path, properties in _of(objects, names.GATT_SERVICE):
            characteristics = {
                each: _characteristic(objects, each, shown)
                for each, shown in _of(objects, names.GATT_CHARACTERISTIC)
                if shown["Service"].value == path
            }
            primary = properties["Primary"].value
            service = gatt.Service(properties["UUID"].value, characteristics.values(), primary=primary)
            self._server.add_service(service)
            application.services.append(service)
            application.characteristics |= characteristics
        for path, characteristic in application.characteristics.items():
            offers = objects[path][names.GATT_CHARACTERISTIC].keys() & self._sockets
            publish = partial(self._server.publish, characteristic)
            value = ApplicationValue(program, path, names.GATT_CHARACTERISTIC, offers, publish)
            self._server.keep_value(characteristic, value)
            for below, descriptor in zip(_descriptor_paths(objects, path), characteristic.descriptors, strict=True):
                self._server.keep_value(descriptor, ApplicationValue(program, below, names.GATT_DESCRIPTOR))
        return application

    def _remove(self, key: tuple[str, str]) -> None:
        self._server.remove_services(self._applications.pop(key).services)


def _of(objects: Objects, interface: str) -> list[tuple[str, dict[str, Variant]]]:
    """Return the objects with *interface* in the order of their paths, which is that of their handles."""
    return [(path, objects[path][interface]) for path in sorted(objects) if interface in objects[path]]


def _descriptor_paths(objects: Objects, characteristic: str) -> list[str]:
    """Return the paths of a characteristic's descriptors; the CCCD is ours alone."""
    return [
        path
        for path, shown in _of(objects, names.GATT_DESCRIPTOR)
        if shown["Characteristic"].value == characteristic and UUID(shown["UUID"].value) != CCCD
    ]


def _characteristic(objects: Objects, path: str, shown: dict[str, Variant]) -> gatt.Characteristic[bytes]:
    flags = shown["Flags"].value
    descriptors = []
    for each in _descriptor_paths(objects, path):
        found = objects[each][names.GATT_DESCRIPTOR]
        readable = found["Flags"].value if "Flags" in found else ["read"]
        descriptors.append(gatt.Descriptor(found["UUID"].value, _permissions(readable)))
    return gatt.Characteristic(shown["UUID"].value, _properties(flags), _permissions(flags), descriptors=descriptors)


def _properties(flags: list[str]) -> gatt.Characteristic.Properties:
    properties = gatt.Characteristic.Properties(0)
    for flag in flags:
        plain = flag.removeprefix("encrypt-").removeprefix("authenticated-").removeprefix("secure-")
        name = plain.upper().replace("-", "_")
        properties |= gatt.Characteristic.Properties.__members__.get(name, 0)
    return properties


def _permissions(flags: list[str]) -> Permissions:
    permissions = Permissions(0)
    for flag in flags:
        protected = flag.startswith(("encrypt-", "secure-"))
        if flag.endswith("read"):
            permissions |= Permissions.READABLE
            permissions |= Permissions.READ_REQUIRES_ENCRYPTION if protected else Permissions(0)
        elif flag.endswith(("write", "write-without-response", "signed-writes")):
            permissions |= Permissions.WRITEABLE
            permissions |= Permissions.WRITE_REQUIRES_ENCRYPTION if protected else Permissions(0)
    return permissions

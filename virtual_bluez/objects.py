"""The object tree `org.bluez` shows on one bus: calls in, signals out.

Rules: ObjectManager signals are sent from path "/", as bluetoothd does and Chromium insists; calls are started in
the order they arrive; every call that expects a reply gets exactly one. This is the outermost loop: an exception
nobody foresaw is logged with its traceback and answered.
"""

import logging
from collections.abc import Mapping
from typing import Any

from dbus_fast import Message, MessageFlag, MessageType, Variant
from dbus_fast.aio import MessageBus

from virtual_bluez import names
from virtual_bluez.errors import BlueZError
from virtual_bluez.interfaces import Call, Interface, Method
from virtual_bluez.tasks import TaskScope

__all__ = ["ObjectTree"]

logger = logging.getLogger(__name__)


class ObjectTree:
    """The objects of one party's `org.bluez`."""

    def __init__(self, bus: MessageBus, tasks: TaskScope) -> None:
        self._bus = bus
        self._tasks = tasks
        self._objects: dict[str, dict[str, Interface]] = {}
        self._standard = self._standard_interfaces()
        bus.add_message_handler(self._on_message)

    def add(self, path: str, *interfaces: Interface) -> None:
        """Show an object."""
        self._objects[path] = {interface.name: interface for interface in interfaces}
        shown = {interface.name: interface.properties for interface in interfaces}
        self._signal(names.ROOT_PATH, names.OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, shown])

    def remove(self, path: str) -> None:
        """Take an object away, with those below it, deepest first."""
        below = sorted((each for each in self._objects if each == path or each.startswith(path + "/")), reverse=True)
        for each in below:
            gone = list(self._objects.pop(each))
            self._signal(names.ROOT_PATH, names.OBJECT_MANAGER, "InterfacesRemoved", "oas", [each, gone])

    def change(self, path: str, interface: str, changed: Mapping[str, Variant]) -> None:
        """Set properties and tell everybody; of an object that has gone meanwhile there is nothing to tell."""
        if held := self._objects.get(path, {}).get(interface):
            held.properties.update(changed)
            body = [interface, dict(changed), []]
            self._signal(path, names.PROPERTIES, "PropertiesChanged", "sa{sv}as", body)

    def invalidate(self, path: str, interface: str, *properties: str) -> None:
        """Take properties away, those that are there."""
        held = self._objects[path][interface].properties
        if gone := [name for name in properties if held.pop(name, None)]:
            self._signal(path, names.PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, {}, gone])

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        if self._bus.connected:
            self._bus.send(Message.new_signal(path, interface, member, signature, body))

    def _on_message(self, message: Message) -> bool:
        if message.message_type is not MessageType.METHOD_CALL or message.interface == names.PEER:
            return False
        self._tasks.start(self._answer(message))
        return True

    async def _answer(self, message: Message) -> None:
        try:
            reply = await self._dispatch(message)
        except BlueZError as error:
            reply = Message.new_error(message, error.name, error.message)
        except Exception:
            logger.exception("%s.%s on %s failed", message.interface, message.member, message.path)
            reply = Message.new_error(message, f"{names.BUS}.Error.Failed", "virtual-bluez failed: see its log")
        if not message.flags & MessageFlag.NO_REPLY_EXPECTED and self._bus.connected:
            self._bus.send(reply)

    async def _dispatch(self, message: Message) -> Message:
        path, member = message.path or "", message.member or ""
        interfaces = self._objects.get(path, {})
        standard = self._standard.get(message.interface or "")
        if standard and member in standard:
            arguments = [path, *message.body]
            method = standard[member]
        elif interface := interfaces.get(message.interface or ""):
            if member not in interface.methods:
                raise _unknown("Method", f"{message.interface} has no method {member}")
            arguments, method = message.body, interface.methods[member]
        else:
            raise _unknown("Object" if not interfaces else "Interface", f"{message.interface} is not at {path}")
        if message.signature != method.takes:
            raise _unknown("Method", f"{member} takes '{method.takes}', not '{message.signature}'")
        body = await method.run(Call(message.sender or "", arguments))
        return Message.new_method_return(message, method.gives, body)

    def _standard_interfaces(self) -> dict[str, dict[str, Method]]:
        """The interfaces all objects have; their methods get the path as first argument."""
        return {
            names.INTROSPECTABLE: {"Introspect": Method("", "s", self._introspect)},
            names.OBJECT_MANAGER: {"GetManagedObjects": Method("", "a{oa{sa{sv}}}", self._managed_objects)},
            names.PROPERTIES: {
                "Get": Method("ss", "v", self._get),
                "GetAll": Method("s", "a{sv}", self._get_all),
                "Set": Method("ssv", "", self._set),
            },
        }

    async def _managed_objects(self, call: Call) -> list[Any]:
        if call.arguments[0] != names.ROOT_PATH:
            raise _unknown("Interface", "the object manager is at /")
        return [
            {
                path: {name: interface.properties for name, interface in interfaces.items()}
                for path, interfaces in self._objects.items()
            }
        ]

    async def _get(self, call: Call) -> list[Any]:
        path, interface, name = call.arguments
        return [self._property(path, interface, name)]

    async def _get_all(self, call: Call) -> list[Any]:
        path, interface = call.arguments
        return [self._interface(path, interface).properties]

    async def _set(self, call: Call) -> list[Any]:
        path, interface, name, value = call.arguments
        held = self._property(path, interface, name)
        apply = self._interface(path, interface).writable.get(name)
        if apply is None:
            raise BlueZError(f"{names.BUS}.Error.PropertyReadOnly", f"{name} cannot be set")
        if value.signature != held.signature:
            raise BlueZError(f"{names.BUS}.Error.InvalidArgs", f"{name} is of type {held.signature}")
        self.change(path, interface, {name: value})
        await apply(value)
        return []

    def _interface(self, path: str, name: str) -> Interface:
        if path not in self._objects:
            raise _unknown("Object", f"nothing at {path}")
        if name not in self._objects[path]:
            raise _unknown("Interface", f"{name} is not at {path}")
        return self._objects[path][name]

    def _property(self, path: str, interface: str, name: str) -> Variant:
        properties = self._interface(path, interface).properties
        if name not in properties:
            raise _unknown("Property", f"{interface} has no {name}")
        return properties[name]

    async def _introspect(self, call: Call) -> list[Any]:
        path: str = call.arguments[0]
        prefix = path.rstrip("/") + "/"
        children = {each[len(prefix) :].split("/")[0] for each in self._objects if each.startswith(prefix)}
        standard = {**self._standard}
        if path != names.ROOT_PATH:
            del standard[names.OBJECT_MANAGER]
        interfaces = [Interface(name, methods=methods) for name, methods in standard.items()]
        interfaces += self._objects.get(path, {}).values()
        described = "".join(interface.describe() for interface in interfaces)
        nodes = "".join(f'<node name="{child}"/>' for child in sorted(children - {""}))
        return [f"<node>{described}{nodes}</node>"]


def _unknown(what: str, message: str) -> BlueZError:
    return BlueZError(f"{names.BUS}.Error.Unknown{what}", message)

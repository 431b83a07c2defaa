"""A peripheral written directly against BlueZ' D-Bus API: it sees all options and answers with any error."""

import asyncio
import socket
import sys
from typing import Any

from dbus_fast import DBusError, Message, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.constants import BusType, MessageType

from tests.virtual_bluez.programs.json_lines import serve, tell

ADAPTER = "/org/bluez/hci0"
SERVICE, LONG, ERRORS, PACKETS = (f"b07498ca-ad5b-474e-940d-16f1fbe7e8c{n}" for n in range(4))
LONG_VALUE = bytes(range(256)) + bytes(range(144))
OBJECTS: dict[str, dict[str, dict[str, Variant]]] = {
    "/app/s0": {"org.bluez.GattService1": {"UUID": Variant("s", SERVICE), "Primary": Variant("b", True)}},
    "/app/s0/c0": {
        "org.bluez.GattCharacteristic1": {
            "UUID": Variant("s", LONG),
            "Service": Variant("o", "/app/s0"),
            "Flags": Variant("as", ["read", "write"]),
        }
    },
    "/app/s0/c1": {
        "org.bluez.GattCharacteristic1": {
            "UUID": Variant("s", ERRORS),
            "Service": Variant("o", "/app/s0"),
            "Flags": Variant("as", ["write", "write-without-response", "indicate"]),
        }
    },
    "/app/s0/c2": {
        "org.bluez.GattCharacteristic1": {
            "UUID": Variant("s", PACKETS),
            "Service": Variant("o", "/app/s0"),
            "Flags": Variant("as", ["write", "notify"]),
            "WriteAcquired": Variant("b", False),
            "NotifyAcquired": Variant("b", False),
        }
    },
}


class Application:
    """Objects, values and answers, on bare messages."""

    def __init__(self, bus: MessageBus, name: str, uuids: list[str]) -> None:
        self.bus = bus
        self.held: list[Message] | None = None
        self.ends: dict[str, socket.socket] = {}
        self.refusal: str | None = None
        self.advertisement = {
            "Type": Variant("s", "peripheral"),
            "LocalName": Variant("s", name),
            "ServiceUUIDs": Variant("as", uuids),
        }

    async def call(self, interface: str, member: str, signature: str, *body: object) -> None:
        message = Message("org.bluez", ADAPTER, interface, member, signature=signature, body=list(body))
        reply = await self.bus.call(message)
        if reply.message_type is MessageType.ERROR:
            raise DBusError(reply.error_name or "", reply.body[0])

    def on_message(self, message: Message) -> Message | bool | None:
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        match message.member:
            case "GetManagedObjects":
                return Message.new_method_return(message, "a{oa{sa{sv}}}", [OBJECTS])
            case "GetAll":
                return Message.new_method_return(message, "a{sv}", [self.advertisement])
            case "ReadValue":
                options = unpack(message.body[0])
                tell("read", **options)
                return Message.new_method_return(message, "ay", [LONG_VALUE[options["offset"] :]])
            case "WriteValue":
                return self.write(message)
            case "StartNotify" | "StopNotify":
                tell(message.member)
                return Message.new_method_return(message)
            case "AcquireNotify" | "AcquireWrite":
                tell(message.member, **unpack(message.body[0]))
                return self.hand_over(message)
        return None

    def write(self, message: Message) -> Message | bool:
        value, options = bytes(message.body[0]), unpack(message.body[1])
        tell("write", value=value.hex(), **options)
        if self.held is not None:
            self.held.append(message)
            return True
        if value.startswith(b"org."):
            name, _, text = value.decode().partition(" ")
            return Message.new_error(message, name, text)
        return Message.new_method_return(message)

    def hand_over(self, message: Message) -> Message | bool:
        if self.refusal is not None:
            return Message.new_error(message, self.refusal, "")
        member = message.member or ""
        end, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        end.setblocking(False)
        self.ends[member] = end
        asyncio.get_running_loop().add_reader(end, self.packet, member, end)
        reply = Message.new_method_return(message, "hq", [0, 517], unix_fds=[theirs.fileno()])
        self.bus.send(reply).add_done_callback(lambda _: theirs.close())
        return True

    def packet(self, member: str, end: socket.socket) -> None:
        value = end.recv(600)
        tell("packet", of=member, value=value.hex())
        if not value:
            asyncio.get_running_loop().remove_reader(end)
            end.close()

    async def send(self, values: list[str]) -> None:
        for value in values:
            await asyncio.get_running_loop().sock_sendall(self.ends["AcquireNotify"], bytes.fromhex(value))

    async def refuse(self, error: str) -> None:
        self.refusal = error

    async def hold(self) -> None:
        self.held = []

    async def release(self) -> None:
        held, self.held = self.held or [], None
        for message in held:
            await self.bus.send(Message.new_method_return(message))

    async def register(self) -> None:
        await self.call("org.bluez.GattManager1", "RegisterApplication", "oa{sv}", "/app", {})

    async def advertise(self) -> None:
        await self.call("org.bluez.LEAdvertisingManager1", "RegisterAdvertisement", "oa{sv}", "/app/advertisement", {})

    async def indicate(self, value: str) -> None:
        changed = {"Value": Variant("ay", bytes.fromhex(value))}
        body = ["org.bluez.GattCharacteristic1", changed, []]
        properties = "org.freedesktop.DBus.Properties"
        await self.bus.send(Message.new_signal("/app/s0/c1", properties, "PropertiesChanged", "sa{sv}as", body))


def unpack(options: dict[str, Variant]) -> dict[str, Any]:
    return {name: option.value for name, option in options.items()}


async def main(name: str, uuids: list[str]) -> None:
    bus = await MessageBus(bus_type=BusType.SYSTEM, negotiate_unix_fd=True).connect()
    application = Application(bus, name, uuids)
    bus.add_message_handler(application.on_message)
    names = ("register", "advertise", "indicate", "hold", "release", "send", "refuse")
    await serve({each: getattr(application, each) for each in names})


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))

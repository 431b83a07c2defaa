"""Says what BlueZ shows on the bus: adapters, advertisements, links; and every request to pair, which it refuses.

{"event": "adapter", "adapter": "hci0", "powered": true}     {"event": "bluez", "present": true}
{"event": "advertising", "adapter": "hci0", "count": 1}
{"event": "device", "device": "hci1/dev_00_AA…", "connected": true, "paired": false}
{"event": "pairing", "request": "RequestConfirmation"}
"""

import asyncio
import json

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus

_AGENT = "/watch/agent"
_ADAPTER, _ADVERTISING, _DEVICE = "org.bluez.Adapter1", "org.bluez.LEAdvertisingManager1", "org.bluez.Device1"
_PROPERTIES, _OBJECTS = "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.ObjectManager"
_BUS = "org.freedesktop.DBus"


class Watch:
    """One connection to the bus that hears everything of BlueZ."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._present = asyncio.Event()

    async def run(self) -> None:
        """Watch until killed."""
        self._bus.add_message_handler(self._hear)
        for rule in ("type='signal',sender='org.bluez'", "type='signal',member='NameOwnerChanged',arg0='org.bluez'"):
            await self._call(_BUS, "/org/freedesktop/DBus", _BUS, "AddMatch", "s", rule)
        owned = await self._call(_BUS, "/org/freedesktop/DBus", _BUS, "NameHasOwner", "s", "org.bluez")
        if owned.body == [True]:
            self._present.set()
        tell(event="watching")
        while True:
            await self._present.wait()
            self._present.clear()
            await self._greet()

    async def _greet(self) -> None:
        await self._call(
            "org.bluez", "/org/bluez", "org.bluez.AgentManager1", "RegisterAgent", "os", _AGENT, "DisplayYesNo"
        )
        await self._call("org.bluez", "/org/bluez", "org.bluez.AgentManager1", "RequestDefaultAgent", "o", _AGENT)
        tell(event="bluez", present=True)
        objects = await self._call("org.bluez", "/", _OBJECTS, "GetManagedObjects")
        for path, interfaces in objects.body[0].items() if objects.body else ():
            for interface, properties in interfaces.items():
                self._show(path, interface, properties)

    def _hear(self, message: Message) -> Message | None:
        if message.message_type is MessageType.METHOD_CALL and message.path == _AGENT:
            if message.member != "Release":
                tell(event="pairing", request=message.member)
            return Message.new_error(message, "org.bluez.Error.Rejected", "nothing here pairs")
        match message.member:
            case "NameOwnerChanged" if message.body[2]:
                self._present.set()
            case "NameOwnerChanged":
                tell(event="bluez", present=False)
            case "InterfacesAdded":
                for interface, properties in message.body[1].items():
                    self._show(message.body[0], interface, properties)
            case "PropertiesChanged":
                self._show(message.path or "", message.body[0], message.body[1])
        return None

    def _show(self, path: str, interface: str, properties: dict[str, object]) -> None:
        values = {name: getattr(value, "value", value) for name, value in properties.items()}
        name = path.removeprefix("/org/bluez/")
        if interface == _ADAPTER and "Powered" in values:
            tell(event="adapter", adapter=name, powered=values["Powered"])
        elif interface == _ADVERTISING and "ActiveInstances" in values:
            tell(event="advertising", adapter=name, count=values["ActiveInstances"])
        elif interface == _DEVICE and {"Connected", "Paired"} & values.keys():
            shown = {key.lower(): values[key] for key in ("Connected", "Paired", "Bonded") if key in values}
            tell(event="device", device=name, **shown)

    async def _call(
        self, to: str, path: str, interface: str, member: str, signature: str = "", *body: object
    ) -> Message:
        call = Message(
            destination=to, path=path, interface=interface, member=member, signature=signature, body=list(body)
        )
        reply = await self._bus.call(call)
        assert reply is not None
        return reply


def tell(**facts: object) -> None:
    """Write one event."""
    print(json.dumps(facts), flush=True)


async def main() -> None:
    """Watch the system bus."""
    await Watch(await MessageBus(bus_type=BusType.SYSTEM).connect()).run()


if __name__ == "__main__":
    asyncio.run(main())

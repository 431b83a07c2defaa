"""The system bus, as much of it as NetworkManager takes: calls, properties and signals of one service.

The only file that knows dbus-fast. A connection lasts for one operation, so that a bus that was restarted is no
trouble at the next. No error repeats what was sent: it may hold a passphrase.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from dbus_fast import BusType, DBusError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, InvalidAddressError

from device_agent.errors import WifiError

CALL_S = 20.0
SIGNALS_MAX = 1024
"""Signals that wait to be read; a flood of them loses the newest."""
_PROPERTIES = "org.freedesktop.DBus.Properties"
Options = dict[str, Variant]
Settings = dict[str, Options]


class RefusedError(WifiError):
    """The service answered with an error."""

    def __init__(self, service: str, member: str, name: str) -> None:
        super().__init__(f"{service} refused {member}: {name}", "See its log: journalctl -u NetworkManager.")
        self.name = name
        """The D-Bus error's own name."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal of the service."""

    path: str
    member: str
    body: tuple[object, ...] = field(repr=False)


def variant(signature: str, value: object) -> Variant:
    """Return a value with its type."""
    return Variant(signature, value)


class SystemBus:
    """A connection, towards one service. Use it as `async with SystemBus.to(…)`."""

    def __init__(self, bus: MessageBus, service: str) -> None:
        self._bus = bus
        self._service = service
        self._listening = False
        self._owner = ""
        self._signals: asyncio.Queue[Signal] = asyncio.Queue(SIGNALS_MAX)

    @classmethod
    @asynccontextmanager
    async def to(cls, service: str) -> AsyncIterator["SystemBus"]:
        """Connect for as long as the context lasts; WifiError if there is no bus."""
        try:
            bus = MessageBus(bus_type=BusType.SYSTEM)
            await bus.connect()
        except (OSError, EOFError, AuthError, InvalidAddressError) as error:
            raise WifiError(f"the system bus cannot be reached: {error}", "Start dbus.") from error
        try:
            yield cls(bus, service)
        finally:
            bus.disconnect()

    async def is_served(self) -> bool:
        """Whether the service runs."""
        (owned,) = await self._ask_bus("NameHasOwner", self._service)
        return owned is True

    async def listen(self) -> None:
        """Have the service's signals sent to us from now on."""
        if self._listening:
            return
        (owner,) = await self._ask_bus("GetNameOwner", self._service)
        self._owner, self._listening = str(owner), True
        self._bus.add_message_handler(self._take)
        await self._ask_bus("AddMatch", f"type='signal',sender='{self._service}'")

    async def signal(self) -> Signal:
        """Return the next signal."""
        return await self._signals.get()

    async def call(
        self, path: str, interface: str, member: str, signature: str = "", *arguments: object
    ) -> tuple[object, ...]:
        """Call a method and return what it returns; RefusedError for an error."""
        return await self._send(self._service, path, interface, member, signature, *arguments)

    async def property(self, path: str, interface: str, name: str) -> object:
        """Return one property, without its type."""
        (value,) = await self.call(path, _PROPERTIES, "Get", "ss", interface, name)
        return plain(value)

    async def properties(self, path: str, interface: str) -> dict[str, object]:
        """Return all properties, without their types."""
        (values,) = await self.call(path, _PROPERTIES, "GetAll", "s", interface)
        return {str(name): plain(value) for name, value in values.items()} if isinstance(values, dict) else {}

    def _take(self, message: Message) -> None:
        # Anybody may send us a signal; the bus vouches for the sender, and for nothing else.
        ours = message.message_type is MessageType.SIGNAL and message.sender == self._owner
        if ours and message.path and not self._signals.full():
            self._signals.put_nowait(Signal(message.path, message.member or "", tuple(message.body)))

    async def _ask_bus(self, member: str, argument: str) -> tuple[object, ...]:
        bus = "org.freedesktop.DBus"
        return await self._send(bus, "/org/freedesktop/DBus", bus, member, "s", argument)

    async def _send(
        self, service: str, path: str, interface: str, member: str, signature: str, *arguments: object
    ) -> tuple[object, ...]:
        message = Message(
            destination=service,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(arguments),
        )
        try:
            async with asyncio.timeout(CALL_S):
                reply = await self._bus.call(message)
        except TimeoutError as error:
            raise WifiError(f"{service} did not answer {member} in {CALL_S:.0f} seconds", "Restart it.") from error
        except (DBusError, EOFError, OSError) as error:
            raise WifiError(f"the system bus went away at {member}", "Start dbus.") from error
        if reply is None:
            raise WifiError(f"{service} did not answer {member}", "Restart it.")
        if reply.message_type is MessageType.ERROR:
            raise RefusedError(service, member, reply.error_name or "unknown")
        return tuple(reply.body)


def plain(value: object) -> object:
    """Return a value without its type."""
    return value.value if isinstance(value, Variant) else value

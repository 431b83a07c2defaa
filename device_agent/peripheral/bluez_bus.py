"""This program's connection to the system bus: calls in, calls out, and each refusal with what to do about it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, InvalidAddressError

from device_agent.errors import PeripheralError

BLUEZ = "org.bluez"
BUS = "org.freedesktop.DBus"
PROPERTIES = f"{BUS}.Properties"
OBJECT_MANAGER = f"{BUS}.ObjectManager"
PATIENCE_S = 10.0
_START = "Start it: `systemctl start bluetooth`."
_REMEDIES = {
    f"{BUS}.Error.ServiceUnknown": ("bluetoothd does not run", _START),
    f"{BUS}.Error.NameHasNoOwner": ("bluetoothd does not run", _START),
    f"{BUS}.Error.NoReply": ("bluetoothd ended before it answered", "See why: `journalctl -u bluetooth`."),
    f"{BUS}.Error.AccessDenied": (
        "this user may not use Bluetooth",
        "Add the agent's user to the group bluetooth, or allow it org.bluez in /etc/dbus-1/system.d.",
    ),
    "org.bluez.Error.NotReady": ("the Bluetooth adapter is switched off", "Switch it on: `bluetoothctl power on`."),
    "org.bluez.Error.NotPermitted": (
        "no advertisement is left on this Bluetooth adapter",
        "Stop another program that advertises, or set `adapter` in the configuration.",
    ),
}


class Connection:
    """One connection; build it with `open`. Every failure of it is a PeripheralError.

    Anybody on the bus may send us what looks like bluetoothd's: heard is only who answers for its name, and the bus.
    """

    def __init__(self, bus: MessageBus, on_message: Callable[[Message], bool]) -> None:
        self._bus = bus
        self._on_message = on_message
        self._bluetoothd: str | None = None
        bus.add_message_handler(self._heed)

    @classmethod
    async def open(cls, on_message: Callable[[Message], bool]) -> Self:
        """Connect to the system bus; `on_message` returns whether it has dealt with a message."""
        bus = None
        try:
            bus = MessageBus(bus_type=BusType.SYSTEM, negotiate_unix_fd=True, auth_timeout=PATIENCE_S)
            await bus.connect()
        except (OSError, EOFError, ValueError, AuthError, InvalidAddressError, TimeoutError) as error:
            if bus is not None:
                with suppress(OSError):
                    bus.disconnect()
            raise PeripheralError(
                f"Bluetooth cannot be used: there is no system bus ({error or type(error).__name__})",
                "Install and start dbus; then `bluetoothctl list` shows the adapters.",
            ) from error
        return cls(bus, on_message)

    @property
    def alive(self) -> bool:
        """Whether the connection stands."""
        return bool(self._bus.connected)

    async def until_lost(self) -> None:
        """Return once the connection is lost, for whatever reason."""
        with suppress(OSError, EOFError):
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]

    async def call(
        self, path: str, interface: str, member: str, signature: str = "", *body: object, to: str = BLUEZ
    ) -> list[Any]:
        """Call a method and return what it answers."""
        if not self.alive:
            raise _lost()
        message = Message(to, path, interface, member, signature=signature, body=list(body))
        try:
            async with asyncio.timeout(PATIENCE_S):
                reply = await self._bus.call(message)
        except TimeoutError as error:
            raise PeripheralError("Bluetooth does not answer", "See why: `journalctl -u bluetooth`.") from error
        except (OSError, EOFError) as error:
            raise _lost() from error
        if reply.message_type is MessageType.ERROR:
            raise _refusal(member, reply)
        if to == BLUEZ:
            self._bluetoothd = reply.sender
        return list(reply.body)

    async def listen(self, *rules: str) -> None:
        """Have the bus send us the signals that match."""
        for rule in rules:
            await self.call("/org/freedesktop/DBus", BUS, "AddMatch", "s", f"type='signal',{rule}", to=BUS)

    def send(self, message: Message) -> "asyncio.Future[None]":
        """Send a reply or a signal; the future is done when it is with the bus."""
        sent: asyncio.Future[None] = self._bus.send(message)
        sent.add_done_callback(lambda done: done.cancelled() or done.exception())  # a lost bus is told by `until_lost`
        return sent

    async def announce(self, signal: Message) -> None:
        """Send a signal, as soon as the bus takes it."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self.send(signal)
        except (OSError, EOFError, TimeoutError) as error:
            raise _lost() from error

    def _heed(self, message: Message) -> bool:
        return message.sender in (self._bluetoothd, BUS) and self._on_message(message)

    def close(self) -> None:
        """Leave the bus; bluetoothd then takes away all that was registered."""
        if self.alive:
            with suppress(OSError):
                self._bus.disconnect()


def _refusal(member: str, reply: Message) -> PeripheralError:
    name = reply.error_name or ""
    if name.startswith(f"{BUS}.Error.Spawn."):
        name = f"{BUS}.Error.ServiceUnknown"
    if name in _REMEDIES:
        return PeripheralError(*_REMEDIES[name])
    text = reply.body[0] if reply.signature.startswith("s") else ""
    return PeripheralError(f"Bluetooth refuses {member}: {name}: {text}", "See why: `journalctl -u bluetooth`.")


def _lost() -> PeripheralError:
    return PeripheralError("the connection to the system bus was lost", "See that dbus runs, then open again.")

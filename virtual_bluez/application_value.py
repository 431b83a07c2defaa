"""A characteristic or descriptor value kept by a program on the bus.

Each read and write is one method call to the program, with the options bluetoothd gives: `device`, `mtu`, `link`,
`offset`, and for writes `type`. A program whose characteristic has the property `NotifyAcquired` or `WriteAcquired`
is asked for a socket instead. As in bluetoothd there is one of each for all links: what comes out of the first goes
to every subscriber, and what goes into the second no longer tells who wrote it, and is acknowledged at once.
"""

import asyncio
from collections.abc import Callable, Container
from typing import Any

from bumble import att
from bumble.device import Connection
from dbus_fast import Variant

from virtual_bluez import names
from virtual_bluez.errors import ERROR_PREFIX, att_error
from virtual_bluez.packet_socket import PacketSocket
from virtual_bluez.program import Program, ProgramError

__all__ = ["ApplicationValue"]

GIVES_UP_SILENTLY = (f"{ERROR_PREFIX}Failed", f"{names.BUS}.Error.NoReply")
"""After these answers to AcquireNotify bluetoothd does not ask for StartNotify either."""


class ApplicationValue:
    """The value of the object at *path*; its errors come back as ATT errors."""

    def __init__(
        self,
        program: Program,
        path: str,
        interface: str,
        offers: Container[str] = (),
        publish: Callable[[bytes], None] | None = None,
    ) -> None:
        self._program = program
        self._path = path
        self._interface = interface
        self._offers = offers
        self._publish = publish
        self._notify_socket: PacketSocket | None = None
        self._write_socket: PacketSocket | None = None
        self._turn = asyncio.Lock()

    async def read(self, link: Connection, offset: int) -> bytes:
        """Return the value from *offset* on, as far as the program honours that."""
        denied = att.ErrorCode.READ_NOT_PERMITTED
        (value,) = await self._call("ReadValue", denied, "a{sv}", _options(link, offset))
        return bytes(value)

    async def write(self, link: Connection, value: bytes, offset: int, kind: str) -> None:
        """Hand a value over; *kind* is BlueZ's `request`, `command` or `reliable`."""
        if "WriteAcquired" in self._offers and await self._write_to_socket(link, value):
            return
        options = {**_options(link, offset), "type": Variant("s", kind)}
        await self._call("WriteValue", att.ErrorCode.WRITE_NOT_PERMITTED, "aya{sv}", value, options)

    async def subscribed(self, link: Connection) -> None:
        """Have the program notify: each link that subscribes is told, unless it shares a socket already there."""
        # Turns, lest a last subscriber that goes and a first one that comes cross on the bus.
        async with self._turn:
            if self._notify_socket and self._notify_socket.open:
                return
            if "NotifyAcquired" in self._offers:
                try:
                    self._notify_socket = await self._acquire("AcquireNotify", link, self._publish)
                except ProgramError as error:
                    if error.name in GIVES_UP_SILENTLY:
                        return
                else:
                    return
            await self._call("StartNotify", att.ErrorCode.REQUEST_NOT_SUPPORTED)

    async def unsubscribed(self) -> None:
        """Tell the program that nobody is subscribed any more."""
        async with self._turn:
            if self._notify_socket:
                self._notify_socket.close()
                self._notify_socket = None
            else:
                await self._call("StopNotify", att.ErrorCode.REQUEST_NOT_SUPPORTED)

    def close(self) -> None:
        """Let go of what the program handed over."""
        for end in (self._notify_socket, self._write_socket):
            if end:
                end.close()

    async def _write_to_socket(self, link: Connection, value: bytes) -> bool:
        try:
            if self._write_socket is None or not self._write_socket.open:
                self._write_socket = await self._acquire("AcquireWrite", link)
            await self._write_socket.send(value)
        except ProgramError as error:
            refusal = att_error(error.name, error.message, att.ErrorCode.WRITE_NOT_PERMITTED)
            if refusal.error_code != att.ErrorCode.UNLIKELY_ERROR:
                raise refusal from error
            return False
        except OSError:
            return False
        return True

    async def _acquire(
        self, member: str, link: Connection, on_value: Callable[[bytes], None] | None = None
    ) -> PacketSocket:
        options = _options(link)
        descriptor = await self._program.call_for_descriptor(self._path, self._interface, member, "a{sv}", options)
        return PacketSocket.of_descriptor(descriptor, on_value)

    async def _call(self, member: str, denied: att.ErrorCode, signature: str = "", *arguments: object) -> list[Any]:
        try:
            return await self._program.call(self._path, self._interface, member, signature, *arguments)
        except ProgramError as error:
            raise att_error(error.name, error.message, denied) from error


def _options(link: Connection, offset: int | None = None) -> dict[str, Variant]:
    options = {
        "device": Variant("o", names.device_path(link.peer_address.to_string(with_type_qualifier=False))),
        "mtu": Variant("q", link.att_mtu),
        "link": Variant("s", "LE"),
    }
    return options if offset is None else {**options, "offset": Variant("q", offset)}

"""A characteristic or descriptor value kept by a program on the bus.

Each read and write is one method call to the program, with the options bluetoothd gives: `device`, `mtu`, `link`,
`offset`, and for writes `type`.
"""

import asyncio
from typing import Any

from bumble import att
from bumble.device import Connection
from dbus_fast import Variant

from virtual_bluez import names
from virtual_bluez.errors import att_error
from virtual_bluez.program import Program, ProgramError

__all__ = ["ApplicationValue"]


class ApplicationValue:
    """The value of the object at *path*; its errors come back as ATT errors."""

    def __init__(self, program: Program, path: str, interface: str) -> None:
        self._program = program
        self._path = path
        self._interface = interface
        self._notifying = False
        self._turn = asyncio.Lock()

    async def read(self, link: Connection, offset: int) -> bytes:
        """Return the value from *offset* on, as far as the program honours that."""
        denied = att.ErrorCode.READ_NOT_PERMITTED
        (value,) = await self._call("ReadValue", denied, "a{sv}", _options(link, offset))
        return bytes(value)

    async def write(self, link: Connection, value: bytes, offset: int, kind: str) -> None:
        """Hand a value over; *kind* is BlueZ's `request`, `command` or `reliable`."""
        options = {**_options(link, offset), "type": Variant("s", kind)}
        await self._call("WriteValue", att.ErrorCode.WRITE_NOT_PERMITTED, "aya{sv}", value, options)

    async def subscribed(self, count: int) -> None:
        """Tell the program when the first link subscribes and when the last one does no more."""
        # Turns, lest a last subscriber that goes and a first one that comes cross on the bus.
        async with self._turn:
            if (count > 0) != self._notifying:
                # Known before it is answered: a link lost meanwhile still has to be followed by StopNotify.
                self._notifying = count > 0
                member = "StartNotify" if self._notifying else "StopNotify"
                try:
                    await self._call(member, att.ErrorCode.REQUEST_NOT_SUPPORTED)
                except att.ATT_Error:
                    self._notifying = False
                    raise

    async def _call(self, member: str, denied: att.ErrorCode, signature: str = "", *arguments: object) -> list[Any]:
        try:
            return await self._program.call(self._path, self._interface, member, signature, *arguments)
        except ProgramError as error:
            raise att_error(error.name, error.message, denied) from error


def _options(link: Connection, offset: int) -> dict[str, Variant]:
    return {
        "device": Variant("o", names.device_path(link.peer_address.to_string(with_type_qualifier=False))),
        "mtu": Variant("q", link.att_mtu),
        "link": Variant("s", "LE"),
        "offset": Variant("q", offset),
    }

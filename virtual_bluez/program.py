"""A program on a party's bus, seen from `org.bluez`: the one we call for values, advertisements and agents."""

import os
from typing import Any

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

from virtual_bluez import names

__all__ = ["Program", "ProgramError", "add_match"]


class ProgramError(Exception):
    """A program (or the bus in its place) answered a call with an error."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


class Program:
    """A program by its unique name, which is never given twice."""

    def __init__(self, bus: MessageBus, name: str) -> None:
        self._bus = bus
        self.name = name

    async def call(self, path: str, interface: str, member: str, signature: str = "", *arguments: object) -> list[Any]:
        """Call a method. Raises ProgramError for an error reply, also when the program is gone."""
        reply = await self._ask(path, interface, member, signature, arguments)
        return reply.body

    async def call_for_descriptor(
        self, path: str, interface: str, member: str, signature: str = "", *arguments: object
    ) -> int:
        """Call a method that answers with a file descriptor, which is the caller's then. Raises ProgramError."""
        reply = await self._ask(path, interface, member, signature, arguments)
        if not reply.signature.startswith("h") or not reply.unix_fds:
            raise ProgramError(f"{names.BUS}.Error.InvalidArgs", f"{member} answered without a file descriptor")
        first, *others = reply.unix_fds
        for other in others:
            os.close(other)
        return first

    async def _ask(
        self, path: str, interface: str, member: str, signature: str, arguments: tuple[object, ...]
    ) -> Message:
        reply = await self._bus.call(
            Message(self.name, path, interface, member, signature=signature, body=list(arguments))
        )
        if reply.message_type is MessageType.ERROR:
            message = reply.body[0] if reply.signature.startswith("s") else ""
            raise ProgramError(reply.error_name or "", message)
        return reply


async def add_match(bus: MessageBus, rule: str) -> None:
    """Have the bus send us the signals that match *rule*."""
    await Program(bus, names.BUS).call(names.BUS_PATH, names.BUS, "AddMatch", "s", rule)

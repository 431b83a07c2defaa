"""A socket an application handed over (AcquireNotify, AcquireWrite): each packet is one value."""

import asyncio
import socket
from collections.abc import Callable
from typing import Self

__all__ = ["PacketSocket"]

PACKET_LIMIT = 512
"""bluetoothd reads no more of a packet than an attribute may hold."""


class PacketSocket:
    """Our end; *on_value* gets what the application sends, and the socket ends when either side closes it."""

    def __init__(self, end: socket.socket, on_value: Callable[[bytes], None] | None = None) -> None:
        self._end = end
        self._on_value = on_value
        end.setblocking(False)
        asyncio.get_running_loop().add_reader(end, self._read)

    @classmethod
    def of_descriptor(cls, descriptor: int, on_value: Callable[[bytes], None] | None = None) -> Self:
        """Take over a descriptor that came with a message."""
        return cls(socket.socket(fileno=descriptor), on_value)

    @property
    def open(self) -> bool:
        """Whether neither side has closed it."""
        return self._end.fileno() >= 0

    async def send(self, value: bytes) -> None:
        """Hand the application a value. Raises OSError if it has closed its end."""
        await asyncio.get_running_loop().sock_sendall(self._end, value)

    def close(self) -> None:
        """Close our end, which the application sees as end of file."""
        if self.open:
            asyncio.get_running_loop().remove_reader(self._end)
            self._end.close()

    def _read(self) -> None:
        try:
            value = self._end.recv(PACKET_LIMIT)
        except BlockingIOError:
            return
        except OSError:
            value = b""
        if not value:
            self.close()
        elif self._on_value:
            self._on_value(value)

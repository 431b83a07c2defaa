"""The socket bluetoothd takes notifications from: one packet each, and the sender waits while it is full."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

from device_agent.errors import PeripheralError

PATIENCE_S = 10.0


class NotifySocket:
    """Our end of a pair; `their_end` goes to bluetoothd, which closes it when nobody is subscribed any more."""

    def __init__(self, on_closed: Callable[["NotifySocket"], None]) -> None:
        self._ours, self.their_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)
        self.their_end.setblocking(False)
        self._on_closed = on_closed
        self._room: asyncio.Future[None] | None = None
        asyncio.get_running_loop().add_reader(self._ours, self._hung_up)

    def handed_over(self) -> None:
        """Close our copy of the end that bluetoothd now has."""
        self.their_end.close()

    async def send(self, octets: bytes) -> None:
        """Hand over one notification; PeripheralError if nobody takes it."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not self._sent(octets):
                    await self._until_room()
        except (OSError, TimeoutError) as error:
            self.close()
            self._on_closed(self)
            reason = "bluetoothd takes no more notifications"
            raise PeripheralError(reason, "See why: `journalctl -u bluetooth`.") from error

    def close(self) -> None:
        """End it at our side."""
        if self._ours.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._ours)
            asyncio.get_running_loop().remove_writer(self._ours)
        if self._room is not None and not self._room.done():
            self._room.set_exception(BrokenPipeError())
        self._ours.close()
        self.their_end.close()

    def _sent(self, octets: bytes) -> bool:
        try:
            self._ours.send(octets)
        except BlockingIOError:
            return False
        return True

    async def _until_room(self) -> None:
        # Not `sock_sendall`: it would not notice that we close the socket meanwhile.
        loop = asyncio.get_running_loop()
        self._room = loop.create_future()
        loop.add_writer(self._ours, _set, self._room)
        try:
            await self._room
        finally:
            if self._ours.fileno() >= 0:
                loop.remove_writer(self._ours)

    def _hung_up(self) -> None:
        with suppress(BlockingIOError):
            try:
                ended = not self._ours.recv(1)
            except OSError:
                ended = True
            if ended:
                self.close()
                self._on_closed(self)


def _set(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)

"""One link's traffic at the ATT server, in order: requests wait in an inbox, values to publish in an outbox.

bumble answers each request in a task of its own, so a slow write is overtaken; here one task per link answers and
one notifies. A link with INBOX_LIMIT requests waiting has its peer held until half of them are done.
"""

import asyncio
from collections.abc import Awaitable, Callable

from bumble import att, gatt, hci
from bumble.device import Connection

from virtual_bluez.tasks import TaskScope

__all__ = ["Bearer"]

INBOX_LIMIT = 16
Characteristic = gatt.Characteristic[bytes]


class Bearer:
    """The queues of *link*, worked off by *answer* and *notify*; *hold* stops and resumes the peer."""

    def __init__(
        self,
        link: Connection,
        answer: Callable[[Connection, att.ATT_PDU], Awaitable[None]],
        notify: Callable[[Connection, Characteristic, bytes], Awaitable[None]],
        hold: Callable[[hci.Address, bool], None],
        tasks: TaskScope,
    ) -> None:
        self._link = link
        self._answer = answer
        self._notify = notify
        self._hold = hold
        self._held = False
        self._inbox: asyncio.Queue[att.ATT_PDU] = asyncio.Queue()
        self._outbox: asyncio.Queue[tuple[Characteristic, bytes]] = asyncio.Queue()
        self._tasks = tasks.start(self._answer_in_order()), tasks.start(self._notify_in_order())

    def receive(self, request: att.ATT_PDU) -> None:
        """Take a request for its turn."""
        self._inbox.put_nowait(request)
        if not self._held and self._inbox.qsize() >= INBOX_LIMIT:
            self._set_held(True)

    def publish(self, characteristic: Characteristic, value: bytes) -> None:
        """Take a value to be notified or indicated in its turn."""
        self._outbox.put_nowait((characteristic, value))

    def close(self) -> None:
        """Stop working: the link is gone."""
        for task in self._tasks:
            task.cancel()
        if self._held:
            self._set_held(False)

    async def _answer_in_order(self) -> None:
        while True:
            request = await self._inbox.get()
            if self._held and self._inbox.qsize() < INBOX_LIMIT // 2:
                self._set_held(False)
            await self._answer(self._link, request)

    async def _notify_in_order(self) -> None:
        while True:
            await self._notify(self._link, *await self._outbox.get())

    def _set_held(self, held: bool) -> None:
        self._held = held
        self._hold(self._link.peer_address, held)

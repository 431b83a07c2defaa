"""A `Connection` on a `Link`: messages out, messages in, each with the protocol's own deadline.

What does not verify is ignored; why the last message was ignored is told if nothing better comes.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeVar

from app_sim.easy_connect.errors import PeerRefusedError, PeerSilentError
from app_sim.errors import AppError, DeviceBusyError, DeviceFailedError, WindowClosedError, WrongLabelError
from app_sim.link import Link
from onboarding_protocol.dpp import (
    ComebackDue,
    ComebackRequest,
    Connection,
    Event,
    ExchangeFailed,
    ForeignMessage,
    Message,
    MessageDropped,
    State,
)
from onboarding_protocol.errors import LocalProtocolError
from onboarding_protocol.hint import Hint, read_hint

Clock = Callable[[], float]
"""Seconds on a clock that does not jump."""
Awaited = TypeVar("Awaited", bound=Message)

BEGIN_S = 20.0
"""How long a peer that has connected may take to begin, unless told otherwise."""

_HINTS: Mapping[Hint, tuple[type[AppError], str]] = {
    Hint.BUSY: (DeviceBusyError, "the device is busy with another phone"),
    Hint.WINDOW_CLOSED: (WindowClosedError, "the device's provisioning window is closed"),
    Hint.NOT_MY_LABEL: (WrongLabelError, "the device says that this is another device's label"),
}


class Conversation:
    """One exchange after another with one peer, which may take `begin_s` seconds to begin."""

    def __init__(self, connection: Connection, link: Link, clock: Clock, begin_s: float = BEGIN_S) -> None:
        self.connection = connection
        self._begin_s = begin_s
        self._link = link
        self._clock = clock
        self._events: deque[Event] = deque()
        self._ignored = ""

    async def send(self, message: Message) -> None:
        """Send a message that is our turn; LinkLostError if the link breaks."""
        self._events.extend(self.connection.expire(self._clock()))
        try:
            octets = self.connection.send(message, self._clock())
        except LocalProtocolError as error:
            raise PeerRefusedError(f"this end cannot go on: {error}") from error
        if octets:
            await self._link.send(octets)

    async def expect(self, kind: type[Awaited]) -> Awaited:
        """Return the next message of this kind; an AppError if the exchange ends before."""
        while not isinstance(message := await self.receive(), kind):
            continue
        return message

    async def receive(self) -> Message:
        """Return the next message that is verified and in turn; an AppError if the exchange ends before."""
        patience = asyncio.timeout(self._begin_s if self.connection.deadline is None else None)
        try:
            async with patience:
                while True:
                    event = await self._next_event()
                    if isinstance(event, ComebackDue):
                        await self.send(ComebackRequest())
                    elif isinstance(event, ExchangeFailed | MessageDropped | ForeignMessage):
                        self._heed(event)
                    else:
                        return event
        except TimeoutError:
            if not patience.expired():
                raise
            raise PeerSilentError(f"the peer did not begin an exchange{self._ignored}") from None

    async def _next_event(self) -> Event:
        while not self._events:
            deadline = self.connection.deadline
            try:
                async with asyncio.timeout(None if deadline is None else max(0.0, deadline - self._clock())):
                    chunk = await self._link.receive()
            except TimeoutError:
                waiting = self.connection.state
                self._events.extend(self.connection.expire(self._clock()))
                if self.connection.state is State.FAILED:
                    self._events.clear()
                    name = waiting.name.lower()
                    raise PeerSilentError(f"the peer did not answer in time ({name}){self._ignored}") from None
            else:
                self._events.extend(self.connection.receive(chunk, self._clock()))
        return self._events.popleft()

    def _heed(self, event: ExchangeFailed | MessageDropped | ForeignMessage) -> None:
        match event:
            case ExchangeFailed(detail, status):
                raise PeerRefusedError(f"the exchange failed: {detail}", status)
            case MessageDropped(_, detail):
                self._ignored = f"; its last message was ignored: {detail}"
            case ForeignMessage(octets):
                self._heed_hint(read_hint(octets))

    def _heed_hint(self, hint: Hint | None) -> None:
        if hint is Hint.INTERNAL_ERROR:
            raise DeviceFailedError("the device reports an internal error")
        if hint is not None and self.connection.state is State.REQUESTED:
            kind, sentence = _HINTS[hint]
            raise kind(sentence)

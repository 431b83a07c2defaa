"""The app's end of an exchange, initiator and configurator, as calls that wait for the device's answers.

Octets go over a `Link`, everything else is `onboarding_protocol.dpp`'s. Rules kept here: what does not verify is
ignored; an unauthenticated hint ends only the wait for an Authentication Response (others on the same radio see
the same notifications), except for a failure of the device itself; every wait has the protocol's deadline.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TypeVar

from app_sim.errors import (
    AppError,
    DeviceBusyError,
    DeviceFailedError,
    DeviceForeignError,
    DeviceSilentError,
    ExchangeFailedError,
    LinkLostError,
    NobodyAnswersError,
    WindowClosedError,
    WrongLabelError,
)
from app_sim.link import Link
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import (
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ConfigurationObject,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    Connection,
    ConnectionStatus,
    ConnectionStatusResult,
    Event,
    ExchangeFailed,
    ForeignMessage,
    Message,
    State,
    Status,
)
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError
from onboarding_protocol.hint import Hint, read_hint
from onboarding_protocol.members import DeviceStatement

Clock = Callable[[], float]
"""Seconds on a clock that does not jump."""
Answer = TypeVar("Answer", bound=Message)

CHOICE_MARGIN_S = 5.0
"""The device began to count when it began to send its request, so its patience ends before ours."""

_ANSWERS_TO_REQUEST: Mapping[Hint, tuple[type[AppError], str]] = {
    Hint.BUSY: (DeviceBusyError, "the device is busy with another phone"),
    Hint.WINDOW_CLOSED: (WindowClosedError, "the device's provisioning window is closed"),
    Hint.NOT_MY_LABEL: (WrongLabelError, "the device says that this is another device's label"),
}


class Exchange:
    """One exchange after another with one device, over one link."""

    def __init__(self, link: Link, key: BootstrappingKey, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self._connection = Connection.initiator(key, Capability.CONFIGURATOR)
        self._events: deque[Event] = deque()

    async def authenticate(self, nonce: bytes = b"") -> DeviceStatement:
        """Prove that we know the label, have the device prove itself, and return what it says of itself.

        `nonce` is the API's challenge; without one a random nonce is drawn.
        """
        await self._send(AuthenticationRequest(nonce=nonce))
        await self._expect(AuthenticationResponse)
        await self._send(AuthenticationConfirm())
        asked = await self._expect(ConfigurationRequest)
        async with self.refused_on_failure():
            try:
                statement = DeviceStatement.from_members(asked.request.members)
            except RemoteProtocolError as error:
                raise DeviceForeignError(f"what the device says of itself cannot be read: {error}") from error
            if statement is None:
                raise DeviceForeignError("the device asks for Wi-Fi only and offers nothing to register")
        return statement

    @contextlib.asynccontextmanager
    async def refused_on_failure(self) -> AsyncIterator[None]:
        """While the device waits for its configuration: an error inside is told to it, so that it is free at once."""
        try:
            yield
        except AppError:
            with contextlib.suppress(AppError):
                await self._send(ConfigurationResponse(Status.CONFIGURE_FAILURE))
            raise

    @contextlib.asynccontextmanager
    async def while_the_device_waits(self) -> AsyncIterator[None]:
        """Give a person as long as the device waits; NobodyAnswersError afterwards."""
        deadline = self._connection.deadline
        patience = None if deadline is None else deadline - CHOICE_MARGIN_S - self._clock()
        try:
            async with asyncio.timeout(patience):
                yield
        except TimeoutError as error:
            raise NobodyAnswersError("nobody answered while the device was waiting") from error

    async def deliver(self, network: ConfigurationObject) -> Status:
        """Give the device its configuration; return its verdict, which it gives after it has stored it."""
        await self._send(ConfigurationResponse(objects=(network,)))
        return (await self._expect(ConfigurationResult)).status

    async def joined(self) -> ConnectionStatus | None:
        """Return how joining went; None if the device did not say, which is unknown and not failed."""
        try:
            return (await self._expect(ConnectionStatusResult)).status
        except (LinkLostError, DeviceSilentError, ExchangeFailedError, DeviceFailedError):
            return None

    async def _send(self, message: Message) -> None:
        self._events.extend(self._connection.expire(self._clock()))
        try:
            octets = self._connection.send(message, self._clock())
        except LocalProtocolError as error:
            raise ExchangeFailedError(f"the app cannot go on with this exchange: {error}") from error
        await self._link.send(octets)

    async def _expect(self, kind: type[Answer]) -> Answer:
        while True:
            event = await self._next_event()
            if isinstance(event, kind):
                return event
            if isinstance(event, ExchangeFailed):
                raise ExchangeFailedError(f"the exchange with the device failed: {event.detail}")
            if isinstance(event, ForeignMessage):
                self._heed(read_hint(event.octets))

    async def _next_event(self) -> Event:
        while not self._events:
            deadline = self._connection.deadline
            try:
                async with asyncio.timeout(None if deadline is None else deadline - self._clock()):
                    chunk = await self._link.receive()
            except TimeoutError:
                waiting = self._connection.state
                self._events.extend(self._connection.expire(self._clock()))
                if self._connection.state is not waiting:
                    raise DeviceSilentError(f"the device did not answer in time ({waiting.name.lower()})") from None
            else:
                self._events.extend(self._connection.receive(chunk, self._clock()))
        return self._events.popleft()

    def _heed(self, hint: Hint | None) -> None:
        if hint is Hint.INTERNAL_ERROR:
            raise DeviceFailedError("the device reports an internal error")
        if hint is not None and self._connection.state is State.REQUESTED:
            kind, sentence = _ANSWERS_TO_REQUEST[hint]
            raise kind(sentence)

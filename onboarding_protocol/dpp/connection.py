"""One end of one Easy Connect link: bytes in, events out, over any stream transport.

    device = Connection.responder(bootstrapping_key, Capability.ENROLLEE)
    for event in device.receive(chunk, now): ...
    transport.write(device.send(message, now))

A connection carries one exchange after another. Rules kept here: a message moves the state only after it has been
verified; what does not verify is dropped, up to five times per exchange; a fault of the authenticated peer ends
the exchange; then the next Authentication Request starts a clean one. `now` is any clock in seconds that does not
jump; ask `deadline` when to call `expire`.
"""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import enterprise
from onboarding_protocol.dpp.attributes import Status
from onboarding_protocol.dpp.authentication import WrongLabelError, check_version
from onboarding_protocol.dpp.configuration import PeerFaultError
from onboarding_protocol.dpp.connector import NetworkAccess
from onboarding_protocol.dpp.credential import Credential
from onboarding_protocol.dpp.exchange import Exchange, announced_step
from onboarding_protocol.dpp.frames import MESSAGE_MAX_OCTETS, MessageReader, delimit
from onboarding_protocol.dpp.initiator import Initiator
from onboarding_protocol.dpp.keys import Chance, Ephemerals
from onboarding_protocol.dpp.messages import (
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ComebackDelay,
    ComebackDue,
    ComebackRequest,
    ConfigurationResponse,
    DropReason,
    Event,
    ExchangeFailed,
    ForeignMessage,
    Message,
    MessageDropped,
)
from onboarding_protocol.dpp.responder import Responder
from onboarding_protocol.dpp.states import (
    MESSAGE_PATIENCE_S,
    PATIENCE_S,
    SENDER,
    TRANSITIONS,
    Party,
    State,
    Step,
)
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError

DROPS_MAX = 5
"""Messages of one exchange that may fail to verify. More means the link carries somebody else's traffic."""

_FOREIGN_FROM = 0xF0
_ENDED = {State.READY, State.COMPLETE, State.FAILED}


class Connection:
    """One end of a link; build it with `initiator` or `responder`."""

    _state: State
    _exchange: Exchange | None
    _deadline: float | None
    _comeback: float | None
    _drops: int
    _last_message: bytes
    _last_comeback: bytes
    """A delay or comeback request since we last spoke of such; the next one may have the same octets."""

    def __init__(
        self, party: Party, begin: Callable[[], Initiator | Responder], capability: Capability, chance: Chance
    ) -> None:
        if not capability:
            raise LocalProtocolError("an end is enrollee or configurator, or either")
        self._party = party
        self._begin: Callable[[], Exchange] = lambda: Exchange(begin(), chance)
        self._own = capability
        self._reader = MessageReader()
        self._message_deadline: float | None = None
        self._reset(State.READY, None)

    @classmethod
    def initiator(
        cls,
        peer: BootstrappingKey,
        capability: Capability,
        chance: Chance = Ephemerals.generate,
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
        version: int = 2,
    ) -> "Connection":
        """Return the end that has read `peer`'s label and speaks first.

        With a bootstrapping `key` of its own it lets the responder ask for mutual authentication.
        """
        check_version(version)
        return cls(Party.INITIATOR, lambda: Initiator(peer, chance(), capability, key, version), capability, chance)

    @classmethod
    def responder(
        cls,
        key: ec.EllipticCurvePrivateKey,
        capability: Capability,
        chance: Chance = Ephemerals.generate,
        *,
        version: int = 2,
    ) -> "Connection":
        """Return the end whose label carries `key`'s public half."""
        check_version(version)
        return cls(Party.RESPONDER, lambda: Responder(key, chance(), capability, version), capability, chance)

    @property
    def state(self) -> State:
        """How far the present exchange has come."""
        return self._state

    @property
    def authenticated(self) -> bool:
        """Whether the present exchange has an authenticated peer and has not ended."""
        return self._exchange is not None and self._exchange.session is not None

    @property
    def capability(self) -> Capability:
        """Enrollee or configurator as agreed with the peer; before that, all this end can be."""
        return (self._exchange.role if self._exchange else None) or self._own

    @property
    def mutual(self) -> bool:
        """Whether both ends have proven their labels. LocalProtocolError, as with all below, unless authenticated."""
        return self._running.established.mutual

    @property
    def peer_protocol_key(self) -> ec.EllipticCurvePublicKey:
        """The peer's protocol key: what a configurator puts into a Connector as the network access key."""
        return self._running.established.peer_protocol_key

    @property
    def protocol_key(self) -> ec.EllipticCurvePrivateKey:
        """This end's protocol key: what an enrollee's enterprise certificate is for."""
        return self._running.established.protocol_key

    @property
    def version(self) -> int:
        """The lower of the two ends' protocol versions."""
        return self._running.version

    def network_access(self, credential: Credential, at: int) -> NetworkAccess:
        """Return an enrollee's verified Connector and its key. `at` is seconds since 1970.

        ConnectorError if it does not verify: answer CONFIG_REJECTED. Call it before the Configuration Result.
        """
        return NetworkAccess.verify(credential, self._running.established.protocol_key, at)

    def signing_request(self, name: str) -> bytes:
        """Return an enrollee's certificate signing request for its protocol key, DER, for `EnrolleeRequest`."""
        session = self._running.established
        return enterprise.create_signing_request(session.protocol_key, name, session.challenge_password)

    def verify_signing_request(self, der: bytes) -> None:
        """Check at a configurator that a request was made by this enrollee in this exchange.

        RemoteProtocolError if not: answer CSR_BAD.
        """
        session = self._running.established
        enterprise.verify_signing_request(der, session.peer_protocol_key, session.challenge_password)

    @property
    def deadline(self) -> float | None:
        """When `expire` wants to be called, on the clock of `now`."""
        deadlines = (self._deadline, self._message_deadline, self._comeback)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def send(self, message: Message, now: float) -> bytes:
        """Return the octets of `message`. LocalProtocolError, and no change, if it is not our turn for it."""
        exchange = self._exchange
        if exchange is not None:
            message = exchange.adapt(message)
        step = message.step
        if not self._takes(step) or (self._state, step) not in TRANSITIONS:
            raise LocalProtocolError(f"{step.name} cannot be sent in state {self._state.name}")
        if isinstance(message, AuthenticationRequest) or exchange is None:
            exchange = self._begin()
        octets = exchange.write(message)
        if len(octets) > MESSAGE_MAX_OCTETS:
            raise LocalProtocolError(f"a message of {len(octets)} octets is longer than {MESSAGE_MAX_OCTETS}")
        if exchange is not self._exchange:
            self._reset(self._state, exchange)
        self._last_comeback = b""
        self._advance(message, now)
        return delimit(octets) if octets else b""

    def receive(self, chunk: bytes, now: float) -> list[Event]:
        """Take octets from the peer and return what they mean, oldest first."""
        events: list[Event] = []
        try:
            for message in self._reader.receive(chunk):
                events.append(self._take(message, now))
        except RemoteProtocolError as error:
            events.append(self._drop(DropReason.UNAUTHENTICATED, str(error)))
        self._message_deadline = now + MESSAGE_PATIENCE_S if self._reader.inside else None
        return events

    def expire(self, now: float) -> list[Event]:
        """Give up what is overdue at `now`, and say whether it is time to come back."""
        events: list[Event] = []
        if self._message_deadline is not None and now >= self._message_deadline:
            self._reader.reset()
            self._message_deadline = None
            events.append(self._drop(DropReason.UNAUTHENTICATED, "the rest of a message did not come"))
        if self._deadline is not None and now >= self._deadline:
            events.append(self._fail(f"nothing came in state {self._state.name} for too long"))
        if self._comeback is not None and now >= self._comeback:
            self._comeback = None
            events.append(ComebackDue())
        return events

    def _take(self, message: bytes, now: float) -> Event:
        if message[0] >= _FOREIGN_FROM:
            return ForeignMessage(message)
        if message in (self._last_message, self._last_comeback):
            return MessageDropped(DropReason.DUPLICATE, "the peer repeats itself")
        try:
            step = announced_step(message)
            if self._takes(step) or (self._state, step) not in TRANSITIONS:
                return self._drop(DropReason.OUT_OF_ORDER, f"{step.name} cannot come in state {self._state.name}")
            begins = step is Step.AUTHENTICATION_REQUEST or self._exchange is None
            exchange = self._begin() if begins or self._exchange is None else self._exchange
            event = exchange.read(step, message)
        except WrongLabelError as error:
            return self._drop(DropReason.NOT_MY_LABEL, str(error))
        except PeerFaultError as error:
            return self._fail(str(error))
        except RemoteProtocolError as error:
            return self._drop(DropReason.UNAUTHENTICATED, str(error))
        if (self._state, event.step) not in TRANSITIONS:
            return self._drop(DropReason.OUT_OF_ORDER, f"{event.step.name} cannot come in state {self._state.name}")
        if begins:
            self._reset(self._state, exchange)
        if isinstance(event, ComebackDelay | ComebackRequest):
            self._last_comeback = message
        else:
            self._last_message = message
        self._advance(event, now)
        if self._state is State.FAILED and isinstance(
            event, AuthenticationResponse | AuthenticationConfirm | ConfigurationResponse
        ):
            return self._fail(f"the peer answered with status {event.status.name}", event.status)
        return event

    def _takes(self, step: Step) -> bool:
        """Return whether it is this end that takes such a step."""
        if SENDER[step] in (Party.INITIATOR, Party.RESPONDER):
            return SENDER[step] is self._party
        configurator = Capability.CONFIGURATOR in self.capability
        return configurator == (SENDER[step] is Party.CONFIGURATOR)

    @property
    def _running(self) -> Exchange:
        if self._exchange is None:
            raise LocalProtocolError("there is no exchange")
        return self._exchange

    def _advance(self, message: Message, now: float) -> None:
        before, self._state = self._state, TRANSITIONS[self._state, message.step]
        self._comeback = now + message.seconds if isinstance(message, ComebackDelay) else None
        if self._takes(Step.COMEBACK_DELAY):
            self._comeback = None
        if self._state is not before or self._state is State.REQUESTED:
            patience = PATIENCE_S.get(self._state)
            self._deadline = None if patience is None else now + patience
        if self._state in _ENDED:
            self._exchange = None

    def _drop(self, reason: DropReason, detail: str) -> Event:
        self._drops += 1
        if self._drops > DROPS_MAX and self._state not in _ENDED:
            return self._fail(f"more than {DROPS_MAX} messages did not verify; the last: {detail}")
        return MessageDropped(reason, detail)

    def _fail(self, detail: str, status: Status | None = None) -> ExchangeFailed:
        self._reset(State.FAILED, None)
        return ExchangeFailed(detail, status)

    def _reset(self, state: State, exchange: Exchange | None) -> None:
        self._state = state
        self._exchange = exchange
        self._deadline = None
        self._comeback = None
        self._drops = 0
        self._last_message = b""
        self._last_comeback = b""

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
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import configuration
from onboarding_protocol.dpp.attributes import Attributes, Status
from onboarding_protocol.dpp.authentication import Initiator, Responder, WrongLabelError
from onboarding_protocol.dpp.configuration import PeerFaultError
from onboarding_protocol.dpp.frames import (
    MESSAGE_MAX_OCTETS,
    Action,
    FrameType,
    MessageReader,
    decode_frame,
    delimit,
)
from onboarding_protocol.dpp.keys import Chance, Ephemerals
from onboarding_protocol.dpp.messages import (
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    ConnectionStatusResult,
    DropReason,
    Event,
    ExchangeFailed,
    ForeignMessage,
    Message,
    MessageDropped,
)
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
    _deadline: float | None
    _authentication: Initiator | Responder
    _last_message: bytes

    def __init__(self, begin: Callable[[], Initiator | Responder], capability: Capability) -> None:
        if capability not in (Capability.ENROLLEE, Capability.CONFIGURATOR):
            raise LocalProtocolError("an end is enrollee or configurator, not both and not neither")
        self._begin = begin
        self._reader = MessageReader()
        self._message_deadline: float | None = None
        self._reset(State.READY)
        self._parties = {
            Party.INITIATOR if isinstance(self._authentication, Initiator) else Party.RESPONDER,
            Party.ENROLLEE if capability is Capability.ENROLLEE else Party.CONFIGURATOR,
        }

    @classmethod
    def initiator(
        cls, peer: BootstrappingKey, capability: Capability, chance: Chance = Ephemerals.generate
    ) -> "Connection":
        """Return the end that has read `peer`'s label and speaks first."""
        return cls(lambda: Initiator(peer, chance(), capability), capability)

    @classmethod
    def responder(
        cls, key: ec.EllipticCurvePrivateKey, capability: Capability, chance: Chance = Ephemerals.generate
    ) -> "Connection":
        """Return the end whose label carries `key`'s public half."""
        return cls(lambda: Responder(key, chance(), capability), capability)

    @property
    def state(self) -> State:
        """How far the present exchange has come."""
        return self._state

    @property
    def authenticated(self) -> bool:
        """Whether the present exchange has an authenticated peer and has not ended."""
        return bool(self._key) and self._state not in _ENDED

    @property
    def deadline(self) -> float | None:
        """When `expire` wants to be called, on the clock of `now`."""
        deadlines = (self._deadline, self._message_deadline)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def send(self, message: Message, now: float) -> bytes:
        """Return the octets of `message`. LocalProtocolError, and no change, if it is not our turn for it."""
        if isinstance(message, ConfigurationResult) and not self._status_follows:
            message = replace(message, status_follows=False)
        step = message.step
        if SENDER[step] not in self._parties or (self._state, step) not in TRANSITIONS:
            raise LocalProtocolError(f"{step.name} cannot be sent in state {self._state.name}")
        octets = self._encode(message)
        if len(octets) > MESSAGE_MAX_OCTETS:
            raise LocalProtocolError(f"a message of {len(octets)} octets is longer than {MESSAGE_MAX_OCTETS}")
        self._advance(step, now)
        return delimit(octets)

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
        """Give up what is overdue at `now`."""
        events: list[Event] = []
        if self._message_deadline is not None and now >= self._message_deadline:
            self._reader.reset()
            self._message_deadline = None
            events.append(self._drop(DropReason.UNAUTHENTICATED, "the rest of a message did not come"))
        if self._deadline is not None and now >= self._deadline:
            events.append(self._fail(f"nothing came in state {self._state.name} for too long"))
        return events

    def _take(self, message: bytes, now: float) -> Event:
        if message[0] >= _FOREIGN_FROM:
            return ForeignMessage(message)
        if message == self._last_message:
            return MessageDropped(DropReason.DUPLICATE, "the peer repeats itself")
        try:
            event = self._decode(message)
        except WrongLabelError as error:
            return self._drop(DropReason.NOT_MY_LABEL, str(error))
        except PeerFaultError as error:
            return self._fail(str(error))
        except RemoteProtocolError as error:
            return self._drop(DropReason.UNAUTHENTICATED, str(error))
        if isinstance(event, MessageDropped):
            return self._drop(event.reason, event.detail)
        self._last_message = message
        self._advance(event.step, now)
        if isinstance(event, AuthenticationResponse | ConfigurationResponse) and self._state is State.FAILED:
            return self._fail(f"the peer answered with status {event.status.name}", event.status)
        return event

    def _decode(self, octets: bytes) -> Message | MessageDropped:
        if octets[0] == Action.GAS_INITIAL_REQUEST:
            return self._expect(Step.CONFIGURATION_REQUEST) or self._read_request(octets)
        if octets[0] == Action.GAS_INITIAL_RESPONSE:
            return self._expect(Step.CONFIGURATION_RESPONSE) or self._read_response(octets)
        if octets[0] != Action.VENDOR_SPECIFIC:
            raise RemoteProtocolError(f"action {octets[0]:#04x} is unknown")
        frame_type, body = decode_frame(octets)
        attributes = Attributes.parse(body)
        match frame_type:
            case FrameType.AUTHENTICATION_REQUEST:
                return self._expect(Step.AUTHENTICATION_REQUEST) or self._read_authentication_request(attributes)
            case FrameType.AUTHENTICATION_RESPONSE:
                return self._expect(Step.AUTHENTICATION_RESPONSE) or self._initiator.read_response(attributes)
            case FrameType.AUTHENTICATION_CONFIRM:
                return self._expect(Step.AUTHENTICATION_CONFIRM) or self._read_confirm(attributes)
            case FrameType.CONFIGURATION_RESULT:
                return self._expect(Step.CONFIGURATION_RESULT) or configuration.decode_result(
                    attributes, self._key, self._enrollee_nonce, self._status_follows
                )
            case FrameType.CONNECTION_STATUS_RESULT:
                return self._expect(Step.CONNECTION_STATUS_RESULT) or configuration.decode_connection_status(
                    attributes, self._key, self._enrollee_nonce
                )

    def _expect(self, step: Step) -> MessageDropped | None:
        if SENDER[step] not in self._parties and (self._state, step) in TRANSITIONS:
            return None
        return MessageDropped(DropReason.OUT_OF_ORDER, f"{step.name} cannot come in state {self._state.name}")

    def _read_authentication_request(self, attributes: Attributes) -> AuthenticationRequest:
        candidate = self._begin()
        if not isinstance(candidate, Responder):
            raise RemoteProtocolError("an initiator does not answer requests")
        request = candidate.read_request(attributes)
        self._reset(self._state, candidate)
        return request

    def _read_confirm(self, attributes: Attributes) -> AuthenticationConfirm:
        responder = self._responder
        self._key = responder.read_confirm(attributes)
        return AuthenticationConfirm(responder.initiator_nonce)

    def _read_request(self, octets: bytes) -> ConfigurationRequest:
        request, self._enrollee_nonce, self._dialog_token = configuration.decode_request(octets, self._key)
        return request

    def _read_response(self, octets: bytes) -> ConfigurationResponse:
        response = configuration.decode_response(octets, self._key, self._enrollee_nonce, self._dialog_token)
        self._status_follows = response.wants_status
        return response

    def _encode(self, message: Message) -> bytes:
        match message:
            case AuthenticationRequest():
                return self._write_authentication_request(message)
            case AuthenticationResponse(status):
                return self._responder.respond(status)
            case AuthenticationConfirm():
                octets, self._key = self._initiator.confirm()
                return octets
            case ConfigurationRequest():
                self._enrollee_nonce = self._authentication.ephemerals.enrollee_nonce
                return configuration.encode_request(message, self._key, self._enrollee_nonce, self._dialog_token)
            case ConfigurationResponse():
                self._status_follows = message.wants_status
                return configuration.encode_response(message, self._key, self._enrollee_nonce, self._dialog_token)
            case ConfigurationResult():
                return configuration.encode_result(message, self._key, self._enrollee_nonce)
            case ConnectionStatusResult():
                return configuration.encode_connection_status(message, self._key, self._enrollee_nonce)

    def _write_authentication_request(self, message: AuthenticationRequest) -> bytes:
        candidate = self._begin()
        if not isinstance(candidate, Initiator):
            raise LocalProtocolError("a responder does not ask")
        octets = candidate.request(message)
        self._reset(self._state, candidate)
        return octets

    @property
    def _initiator(self) -> Initiator:
        if not isinstance(self._authentication, Initiator):
            raise LocalProtocolError("this end is the responder")
        return self._authentication

    @property
    def _responder(self) -> Responder:
        if not isinstance(self._authentication, Responder):
            raise LocalProtocolError("this end is the initiator")
        return self._authentication

    def _advance(self, step: Step, now: float) -> None:
        self._state = TRANSITIONS[self._state, step]
        patience = PATIENCE_S.get(self._state)
        self._deadline = None if patience is None else now + patience

    def _drop(self, reason: DropReason, detail: str) -> Event:
        self._drops += 1
        if self._drops > DROPS_MAX and self._state not in _ENDED:
            return self._fail(f"more than {DROPS_MAX} messages did not verify; the last: {detail}")
        return MessageDropped(reason, detail)

    def _fail(self, detail: str, status: Status | None = None) -> ExchangeFailed:
        self._reset(State.FAILED)
        return ExchangeFailed(detail, status)

    def _reset(self, state: State, authentication: Initiator | Responder | None = None) -> None:
        self._state = state
        self._deadline = None
        self._drops = 0
        self._key = b""
        self._enrollee_nonce = b""
        self._dialog_token = 1
        self._status_follows = True
        self._last_message = b""
        self._authentication = authentication or self._begin()

"""One exchange of one end: its keys and nonces. Reads and writes messages; knows no state and no time.

What is secret lives only here. When both ends have proven themselves the authentication, with k1, k2 and what they
were derived from, is let go; when the exchange ends, the whole object is, and with it `ke`, `cp` and the private
protocol key. Python does not overwrite memory: "let go" means that no reference remains.
"""

from dataclasses import dataclass, field, replace

from onboarding_protocol.dpp import configuration, gas
from onboarding_protocol.dpp.attributes import Attributes, Status
from onboarding_protocol.dpp.authentication import Session
from onboarding_protocol.dpp.frames import Action, FrameType, decode_frame
from onboarding_protocol.dpp.gas import Query
from onboarding_protocol.dpp.initiator import Initiator
from onboarding_protocol.dpp.keys import Chance
from onboarding_protocol.dpp.messages import (
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ComebackDelay,
    ComebackRequest,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    ConnectionStatusResult,
    Message,
)
from onboarding_protocol.dpp.responder import Responder
from onboarding_protocol.dpp.states import Step
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError

_STEPS_OF_ACTIONS = {
    Action.GAS_INITIAL_REQUEST: Step.CONFIGURATION_REQUEST,
    Action.GAS_INITIAL_RESPONSE: Step.CONFIGURATION_RESPONSE,
    Action.GAS_COMEBACK_REQUEST: Step.COMEBACK_REQUEST,
    Action.GAS_COMEBACK_RESPONSE: Step.CONFIGURATION_RESPONSE,
}
_STEPS_OF_FRAMES = {
    FrameType.AUTHENTICATION_REQUEST: Step.AUTHENTICATION_REQUEST,
    FrameType.AUTHENTICATION_RESPONSE: Step.AUTHENTICATION_RESPONSE,
    FrameType.AUTHENTICATION_CONFIRM: Step.AUTHENTICATION_CONFIRM,
    FrameType.CONFIGURATION_RESULT: Step.CONFIGURATION_RESULT,
    FrameType.CONNECTION_STATUS_RESULT: Step.CONNECTION_STATUS_RESULT,
}


def announced_step(message: bytes) -> Step:
    """Return the step that a message claims to be, before any of it is verified. Its status may make it another."""
    if message[0] == Action.VENDOR_SPECIFIC:
        return _STEPS_OF_FRAMES[decode_frame(message)[0]]
    try:
        return _STEPS_OF_ACTIONS[Action(message[0])]
    except ValueError as error:
        raise RemoteProtocolError(f"action {message[0]:#04x} is unknown") from error


@dataclass(slots=True)
class Exchange:
    """From an Authentication Request to the last word on the configuration."""

    authentication: Initiator | Responder | None
    """None once both ends have proven themselves."""
    chance: Chance
    """Where the nonce of an enrollee's second request comes from."""
    session: Session | None = field(default=None, init=False)
    status_follows: bool = field(default=True, init=False)
    _role: Capability | None = field(default=None, init=False)
    _enrollee_nonce: bytes = field(default=b"", init=False, repr=False)
    _query: Query = field(default_factory=Query, init=False)

    @property
    def role(self) -> Capability | None:
        """Enrollee or configurator, as soon as that is settled."""
        return self.authentication.role if self.authentication else self._role

    def read(self, step: Step, message: bytes) -> Message:
        """Return what a message that announces `step` says; RemoteProtocolError if it does not verify."""
        match step:
            case Step.CONFIGURATION_REQUEST:
                return self._read_request(message)
            case Step.CONFIGURATION_RESPONSE:
                return self._read_response(message)
            case Step.COMEBACK_REQUEST:
                self._query.decode_comeback_request(message)
                return ComebackRequest()
        attributes = Attributes.parse(decode_frame(message)[1])
        match step:
            case Step.AUTHENTICATION_REQUEST:
                return self._responder.read_request(attributes)
            case Step.AUTHENTICATION_RESPONSE:
                return self._initiator.read_response(attributes)
            case Step.AUTHENTICATION_CONFIRM:
                confirm, session = self._responder.read_confirm(attributes)
                self._conclude(session)
                return confirm
            case Step.CONFIGURATION_RESULT:
                return configuration.decode_result(attributes, self._key, self._enrollee_nonce, self.status_follows)
            case _:
                return configuration.decode_connection_status(attributes, self._key, self._enrollee_nonce)

    def write(self, message: Message) -> bytes:
        """Return the octets of a message; none for a Configuration Result to a peer whose version has no such thing."""
        match message:
            case AuthenticationRequest():
                return self._initiator.request(message)
            case AuthenticationResponse():
                return self._responder.respond(message)
            case AuthenticationConfirm():
                octets, session = self._initiator.confirm(message.status)
                self._conclude(session)
                return octets
            case ConfigurationRequest():
                return self._write_request(message)
            case ComebackDelay():
                return self._query.encode_delay(message.time_units)
            case ComebackRequest():
                return self._query.encode_comeback_request()
            case ConfigurationResponse():
                octets = configuration.encode_response(message, self._key, self._enrollee_nonce)
                self.status_follows = message.wants_status
                return self._query.encode_response(octets)
            case ConfigurationResult():
                if self.version == 1:
                    return b""
                return configuration.encode_result(message, self._key, self._enrollee_nonce)
            case ConnectionStatusResult():
                return configuration.encode_connection_status(message, self._key, self._enrollee_nonce)

    def adapt(self, message: Message) -> Message:
        """Return `message` as the exchange allows it: what the peer's version or wish leaves out is left out."""
        match message:
            case ConfigurationResult() if not self.status_follows:
                return replace(message, status_follows=False)
            case ConfigurationResponse() if self.session and self.version == 1:
                objects = tuple(item.for_version_1() for item in message.objects[:1])
                return replace(message, objects=objects, wants_status=False, result_follows=False)
            case _:
                return message

    @property
    def version(self) -> int:
        """The lower of the two ends' protocol versions."""
        return self.established.version

    @property
    def established(self) -> Session:
        """What the authentication left; LocalProtocolError before that."""
        if self.session is None:
            raise LocalProtocolError("the exchange is not authenticated")
        return self.session

    def _conclude(self, session: Session | None) -> None:
        if session is not None and self.authentication is not None:
            self._role = self.authentication.role
            self._enrollee_nonce = self.authentication.ephemerals.enrollee_nonce
            self.session, self.authentication = session, None

    def _read_request(self, message: bytes) -> ConfigurationRequest:
        dialog_token, body = gas.decode_initial_request(message)
        request, self._enrollee_nonce = configuration.decode_request(body, self._key)
        self._query = Query(dialog_token)
        return request

    def _read_response(self, message: bytes) -> ConfigurationResponse | ComebackDelay:
        answer = self._query.decode_response(message)
        if isinstance(answer, int):
            self._query.delayed = True
            return ComebackDelay(answer)
        response = configuration.decode_response(answer, self._key, self._enrollee_nonce)
        if response.status is Status.CSR_NEEDED:
            # AES-SIV repeats itself, so a nonce serves one request. The first is the ephemerals'.
            self._enrollee_nonce = self.chance().enrollee_nonce
            self._query = Query((self._query.dialog_token + 1) % 256)
        self.status_follows = response.wants_status and self.version > 1
        return replace(response, wants_status=self.status_follows)

    def _write_request(self, message: ConfigurationRequest) -> bytes:
        attributes = configuration.encode_request(message, self._key, self._enrollee_nonce)
        return gas.encode_initial_request(self._query.dialog_token, attributes)

    @property
    def _key(self) -> bytes:
        return self.established.encryption_key

    @property
    def _initiator(self) -> Initiator:
        if not isinstance(self.authentication, Initiator):
            raise LocalProtocolError("this end is not an initiator in an authentication")
        return self.authentication

    @property
    def _responder(self) -> Responder:
        if not isinstance(self.authentication, Responder):
            raise RemoteProtocolError("this end is not a responder in an authentication")
        return self.authentication

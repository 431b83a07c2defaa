"""The messages of an exchange, as both ends see them: what one end sends is the event at the other.

Each states its step of the state table (`states.py`). Those from Configuration Request on exist only encrypted.
"""

from dataclasses import dataclass, field
from enum import Enum, Flag, auto

from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp.attributes import Status
from onboarding_protocol.dpp.gas import TIME_UNIT_S
from onboarding_protocol.dpp.objects import ConfigurationObject, ConnectionStatus, EnrolleeRequest
from onboarding_protocol.dpp.states import Step


class Capability(Flag):
    """What an end can be in the configuration that follows (Easy Connect section 8.1.1.6)."""

    ENROLLEE = 1
    CONFIGURATOR = 2

    @property
    def counterpart(self) -> "Capability":
        """What the peer must be able to be."""
        return Capability(self.value >> 1 | (self.value & 1) << 1)

    def towards(self, initiator: "Capability") -> "Capability | None":
        """Return the one role a responder with these takes towards an initiator: enrollee, where either would do."""
        fitting = self & initiator.counterpart
        return next((role for role in (Capability.ENROLLEE, Capability.CONFIGURATOR) if role in fitting), None)


@dataclass(frozen=True, slots=True)
class AuthenticationRequest:
    """Opens an exchange; the initiator knows the responder's label."""

    capabilities: Capability = Capability.CONFIGURATOR
    """What the initiator can be. When sending, the connection writes its own role."""
    nonce: bytes = field(default=b"", repr=False)
    """I-nonce, 16 octets: the challenge. When sending, empty means a fresh random one."""
    initiator_key_hash: bytes = field(default=b"", compare=False)
    """I_HASH: names the initiator's bootstrapping key, if it has one. Filled in by the receiving end."""

    @property
    def step(self) -> Step:
        """Where it stands in the state table."""
        return Step.AUTHENTICATION_REQUEST

    def answer(self, own: Capability, initiator: BootstrappingKey | None = None) -> "AuthenticationResponse":
        """Return the response of an end that can be `own`: a refusal where the roles do not fit.

        With the `initiator`'s bootstrapping key the response asks for mutual authentication.
        """
        if own.towards(self.capabilities) is None:
            return AuthenticationResponse(Status.NOT_COMPATIBLE)
        return AuthenticationResponse(initiator=initiator)


@dataclass(frozen=True, slots=True)
class AuthenticationResponse:
    """Proves that the responder holds the label's private key; or refuses; or, with RESPONSE_PENDING, asks to wait."""

    status: Status = Status.OK
    initiator: BootstrappingKey | None = None
    """The initiator's bootstrapping key in mutual authentication. Only the responder decides on that."""

    @property
    def step(self) -> Step:
        """Where it stands in the state table."""
        if self.status is Status.RESPONSE_PENDING:
            return Step.AUTHENTICATION_PENDING
        return Step.AUTHENTICATION_RESPONSE if self.status is Status.OK else Step.AUTHENTICATION_REFUSAL


@dataclass(frozen=True, slots=True)
class AuthenticationConfirm:
    """Proves that the initiator took part; from here on both ends have `ke`. With another status it gives up."""

    nonce: bytes = field(default=b"", repr=False)
    """The I-nonce that is now authenticated. Filled in by the receiving end."""
    status: Status = Status.OK

    @property
    def step(self) -> Step:
        """Where it stands in the state table."""
        return Step.AUTHENTICATION_CONFIRM if self.status is Status.OK else Step.AUTHENTICATION_ABORT


@dataclass(frozen=True, slots=True)
class ConfigurationRequest:
    """The enrollee asks to be configured and says what it is."""

    request: EnrolleeRequest

    @property
    def step(self) -> Step:
        """Where it stands in the state table."""
        return Step.CONFIGURATION_REQUEST


@dataclass(frozen=True, slots=True)
class ComebackDelay:
    """The configurator has no answer yet: come back later. Unauthenticated, and it buys no time."""

    time_units: int
    """Of 1,024 microseconds."""

    @property
    def seconds(self) -> float:
        """The delay in seconds."""
        return self.time_units * TIME_UNIT_S

    @property
    def step(self) -> Step:
        """Where it stands in the state table."""
        return Step.COMEBACK_DELAY


@dataclass(frozen=True, slots=True)
class ComebackRequest:
    """The enrollee asks again for the answer to its Configuration Request."""

    @property
    def step(self) -> Step:
        """Where it stands in the state table."""
        return Step.COMEBACK_REQUEST


@dataclass(frozen=True, slots=True)
class ConfigurationResponse:
    """The configurator's answer: networks in order of preference, or a refusal, or a demand for a signing request."""

    status: Status = Status.OK
    objects: tuple[ConfigurationObject, ...] = ()
    wants_status: bool = True
    """Whether the enrollee shall send a Connection Status Result."""
    csr_attributes: bytes = b""
    """With CSR_NEEDED: what the certificate signing request shall contain, CsrAttrs in DER (RFC 7030 section 4.5.2)."""
    result_follows: bool = True
    """Whether a Configuration Result follows; not on the wire. A connection says False to a peer of version 1."""

    @property
    def step(self) -> Step:
        """Where it stands in the state table."""
        if self.status is Status.CSR_NEEDED:
            return Step.CSR_NEEDED
        if self.status is not Status.OK:
            return Step.CONFIGURATION_REFUSAL
        return Step.CONFIGURATION_RESPONSE if self.result_follows else Step.LAST_CONFIGURATION_RESPONSE


@dataclass(frozen=True, slots=True)
class ConfigurationResult:
    """The enrollee has stored the configuration, or rejects it."""

    status: Status = Status.OK
    status_follows: bool = True
    """Whether a Connection Status Result follows; not on the wire. False wherever the configurator asked for none."""

    @property
    def step(self) -> Step:
        """Where it stands in the state table."""
        return Step.CONFIGURATION_RESULT if self.status_follows else Step.LAST_CONFIGURATION_RESULT


@dataclass(frozen=True, slots=True)
class ConnectionStatusResult:
    """The enrollee has tried to join; its arrival ends the exchange."""

    status: ConnectionStatus

    @property
    def step(self) -> Step:
        """Where it stands in the state table."""
        return Step.CONNECTION_STATUS_RESULT


Message = (
    AuthenticationRequest
    | AuthenticationResponse
    | AuthenticationConfirm
    | ConfigurationRequest
    | ComebackDelay
    | ComebackRequest
    | ConfigurationResponse
    | ConfigurationResult
    | ConnectionStatusResult
)


class DropReason(Enum):
    """Why a message was ignored."""

    NOT_MY_LABEL = auto()
    """It names another bootstrapping key."""
    DUPLICATE = auto()
    """Octet for octet the message that was taken last; some peers repeat while they wait."""
    UNAUTHENTICATED = auto()
    """It does not verify, so anybody may have sent it."""
    OUT_OF_ORDER = auto()
    """Its step is not possible now."""


@dataclass(frozen=True, slots=True)
class MessageDropped:
    """A message was ignored and changed nothing."""

    reason: DropReason
    detail: str


@dataclass(frozen=True, slots=True)
class ForeignMessage:
    """A message whose action octet the standard does not know; unauthenticated."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class ComebackDue:
    """The delay that the configurator asked for has passed: send a ComebackRequest."""


@dataclass(frozen=True, slots=True)
class ExchangeFailed:
    """This exchange is dead; the next Authentication Request starts a clean one."""

    detail: str
    status: Status | None = None
    """The standard's status, where the peer or the rule broken has one."""


Event = Message | MessageDropped | ForeignMessage | ComebackDue | ExchangeFailed

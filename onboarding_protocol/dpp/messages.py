"""The messages of an exchange, as both ends see them: what one end sends is the event at the other.

Each states its step of the state table (`states.py`). Those from Configuration Request on exist only encrypted.
"""

from dataclasses import dataclass, field
from enum import Enum, Flag, auto

from onboarding_protocol.dpp.attributes import Status
from onboarding_protocol.dpp.objects import ConfigurationObject, ConnectionStatus, EnrolleeRequest
from onboarding_protocol.dpp.states import Step


class Capability(Flag):
    """What an end can be in the configuration that follows (Easy Connect section 8.1.1.6)."""

    ENROLLEE = 1
    CONFIGURATOR = 2

    @property
    def counterpart(self) -> "Capability":
        """The capability the peer must have."""
        return Capability.CONFIGURATOR if self is Capability.ENROLLEE else Capability.ENROLLEE


@dataclass(frozen=True, slots=True)
class AuthenticationRequest:
    """Opens an exchange; the initiator knows the responder's label."""

    capabilities: Capability = Capability.CONFIGURATOR
    """What the initiator can be. When sending, the connection writes its own role."""
    nonce: bytes = field(default=b"", repr=False)
    """I-nonce, 16 octets: the challenge. When sending, empty means a fresh random one."""

    @property
    def step(self) -> Step:
        """Where it stands in the state table."""
        return Step.AUTHENTICATION_REQUEST

    def answer(self, own: Capability) -> "AuthenticationResponse":
        """Return the response of an end that can be `own`: a refusal where the roles do not fit."""
        fits = bool(self.capabilities & own.counterpart)
        return AuthenticationResponse(Status.OK if fits else Status.NOT_COMPATIBLE)


@dataclass(frozen=True, slots=True)
class AuthenticationResponse:
    """Proves that the responder holds the label's private key."""

    status: Status = Status.OK

    @property
    def step(self) -> Step:
        """Where it stands in the state table."""
        return Step.AUTHENTICATION_RESPONSE if self.status is Status.OK else Step.AUTHENTICATION_REFUSAL


@dataclass(frozen=True, slots=True)
class AuthenticationConfirm:
    """Proves that the initiator took part; from here on both ends have `ke`."""

    nonce: bytes = field(default=b"", repr=False)
    """The I-nonce that is now authenticated. Filled in by the receiving end."""

    @property
    def step(self) -> Step:
        """Where it stands in the state table."""
        return Step.AUTHENTICATION_CONFIRM


@dataclass(frozen=True, slots=True)
class ConfigurationRequest:
    """The enrollee asks to be configured and says what it is."""

    request: EnrolleeRequest

    @property
    def step(self) -> Step:
        """Where it stands in the state table."""
        return Step.CONFIGURATION_REQUEST


@dataclass(frozen=True, slots=True)
class ConfigurationResponse:
    """The configurator's answer: networks in order of preference, or a refusal."""

    status: Status = Status.OK
    objects: tuple[ConfigurationObject, ...] = ()
    wants_status: bool = True
    """Whether the enrollee shall send a Connection Status Result."""

    @property
    def step(self) -> Step:
        """Where it stands in the state table."""
        return Step.CONFIGURATION_RESPONSE if self.status is Status.OK else Step.CONFIGURATION_REFUSAL


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
class ExchangeFailed:
    """This exchange is dead; the next Authentication Request starts a clean one."""

    detail: str
    status: Status | None = None
    """The standard's status, where the peer or the rule broken has one."""


Event = Message | MessageDropped | ForeignMessage | ExchangeFailed

"""Wi-Fi Easy Connect (DPP), sans I/O: `Connection` and the messages it sends and receives."""

from onboarding_protocol.dpp.attributes import Status
from onboarding_protocol.dpp.connection import Connection
from onboarding_protocol.dpp.frames import MESSAGE_MAX_OCTETS, delimit
from onboarding_protocol.dpp.keys import Ephemerals
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
from onboarding_protocol.dpp.objects import Akm, ConfigurationObject, ConnectionStatus, Credential, EnrolleeRequest
from onboarding_protocol.dpp.states import State

__all__ = [
    "MESSAGE_MAX_OCTETS",
    "Akm",
    "AuthenticationConfirm",
    "AuthenticationRequest",
    "AuthenticationResponse",
    "Capability",
    "ConfigurationObject",
    "ConfigurationRequest",
    "ConfigurationResponse",
    "ConfigurationResult",
    "Connection",
    "ConnectionStatus",
    "ConnectionStatusResult",
    "Credential",
    "DropReason",
    "EnrolleeRequest",
    "Ephemerals",
    "Event",
    "ExchangeFailed",
    "ForeignMessage",
    "Message",
    "MessageDropped",
    "State",
    "Status",
    "delimit",
]

"""Wi-Fi Easy Connect (DPP), sans I/O: `Connection` and the messages it sends and receives."""

from onboarding_protocol.dpp.attributes import Status
from onboarding_protocol.dpp.connection import Connection
from onboarding_protocol.dpp.connector import ConfiguratorKey, Connector, ConnectorError, Group, NetworkAccess
from onboarding_protocol.dpp.credential import Akm, Credential
from onboarding_protocol.dpp.enterprise import CSR_ATTRIBUTES, EnterpriseCredential
from onboarding_protocol.dpp.frames import MESSAGE_MAX_OCTETS, delimit
from onboarding_protocol.dpp.keys import Ephemerals
from onboarding_protocol.dpp.messages import (
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ComebackDelay,
    ComebackDue,
    ComebackRequest,
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
from onboarding_protocol.dpp.objects import ConfigurationObject, ConnectionStatus, EnrolleeRequest
from onboarding_protocol.dpp.states import State

__all__ = [
    "CSR_ATTRIBUTES",
    "MESSAGE_MAX_OCTETS",
    "Akm",
    "AuthenticationConfirm",
    "AuthenticationRequest",
    "AuthenticationResponse",
    "Capability",
    "ComebackDelay",
    "ComebackDue",
    "ComebackRequest",
    "ConfigurationObject",
    "ConfigurationRequest",
    "ConfigurationResponse",
    "ConfigurationResult",
    "ConfiguratorKey",
    "Connection",
    "ConnectionStatus",
    "ConnectionStatusResult",
    "Connector",
    "ConnectorError",
    "Credential",
    "DropReason",
    "EnrolleeRequest",
    "EnterpriseCredential",
    "Ephemerals",
    "Event",
    "ExchangeFailed",
    "ForeignMessage",
    "Group",
    "Message",
    "MessageDropped",
    "NetworkAccess",
    "State",
    "Status",
    "delimit",
]

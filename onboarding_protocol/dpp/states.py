"""The state table of an exchange. Everything that affects transitions is in this file, and it knows no role.

Both ends keep one `State` and move it by the same table, when they send as when they receive. The diagram in
docs/protocol.md is drawn from it. Only with version 1 do the ends part company: the configurator is done when it has
answered, the enrollee when it has stored the answer.
"""

from collections.abc import Mapping
from enum import Enum, auto


class State(Enum):
    """How far an exchange has come."""

    READY = auto()
    """No exchange yet."""
    REQUESTED = auto()
    """Authentication Request sent or received."""
    RESPONSE_PENDING = auto()
    """The responder will answer later: somebody has to scan the initiator's label first."""
    RESPONDED = auto()
    """The responder has proven itself; both can derive `ke`."""
    AUTHENTICATED = auto()
    """Both have proven that they took part."""
    CONFIGURATION_REQUESTED = auto()
    """The enrollee has asked; the configurator may take its time, and have it ask again (GAS comeback)."""
    CONFIGURED = auto()
    """The configuration was delivered; the enrollee is storing it."""
    JOINING = auto()
    """The enrollee has answered for the configuration; a Connection Status may follow."""
    COMPLETE = auto()
    """All that can be said was said."""
    FAILED = auto()
    """This exchange is dead."""


class Step(Enum):
    """What moves an exchange."""

    AUTHENTICATION_REQUEST = auto()
    AUTHENTICATION_RESPONSE = auto()
    AUTHENTICATION_PENDING = auto()
    """An Authentication Response with status RESPONSE_PENDING: the real one follows."""
    AUTHENTICATION_REFUSAL = auto()
    AUTHENTICATION_CONFIRM = auto()
    AUTHENTICATION_ABORT = auto()
    """An Authentication Confirm with another status than OK."""
    CONFIGURATION_REQUEST = auto()
    COMEBACK_DELAY = auto()
    """The configurator has the enrollee ask again later."""
    COMEBACK_REQUEST = auto()
    CSR_NEEDED = auto()
    """A Configuration Response that asks for a request with a certificate signing request inside."""
    CONFIGURATION_RESPONSE = auto()
    LAST_CONFIGURATION_RESPONSE = auto()
    """A Configuration Response to a peer of version 1, which sends no Configuration Result."""
    CONFIGURATION_REFUSAL = auto()
    CONFIGURATION_RESULT = auto()
    LAST_CONFIGURATION_RESULT = auto()
    """A Configuration Result to a configurator that asked for no Connection Status.

    To one of version 1 it is not even written: that version ends when the enrollee has stored the configuration.
    """
    CONNECTION_STATUS_RESULT = auto()


class Party(Enum):
    """Who may take a step."""

    INITIATOR = auto()
    RESPONDER = auto()
    ENROLLEE = auto()
    CONFIGURATOR = auto()


SENDER: Mapping[Step, Party] = {
    Step.AUTHENTICATION_REQUEST: Party.INITIATOR,
    Step.AUTHENTICATION_RESPONSE: Party.RESPONDER,
    Step.AUTHENTICATION_PENDING: Party.RESPONDER,
    Step.AUTHENTICATION_REFUSAL: Party.RESPONDER,
    Step.AUTHENTICATION_CONFIRM: Party.INITIATOR,
    Step.AUTHENTICATION_ABORT: Party.INITIATOR,
    Step.CONFIGURATION_REQUEST: Party.ENROLLEE,
    Step.COMEBACK_DELAY: Party.CONFIGURATOR,
    Step.COMEBACK_REQUEST: Party.ENROLLEE,
    Step.CSR_NEEDED: Party.CONFIGURATOR,
    Step.CONFIGURATION_RESPONSE: Party.CONFIGURATOR,
    Step.LAST_CONFIGURATION_RESPONSE: Party.CONFIGURATOR,
    Step.CONFIGURATION_REFUSAL: Party.CONFIGURATOR,
    Step.CONFIGURATION_RESULT: Party.ENROLLEE,
    Step.LAST_CONFIGURATION_RESULT: Party.ENROLLEE,
    Step.CONNECTION_STATUS_RESULT: Party.ENROLLEE,
}

# An exchange that is not authenticated yet gives way to the newest Authentication Request; an authenticated one
# does not, so that a replayed request cannot end it.
_RESTARTABLE = (
    State.READY,
    State.REQUESTED,
    State.RESPONSE_PENDING,
    State.RESPONDED,
    State.COMPLETE,
    State.FAILED,
)

TRANSITIONS: Mapping[tuple[State, Step], State] = {
    **{(state, Step.AUTHENTICATION_REQUEST): State.REQUESTED for state in _RESTARTABLE},
    (State.REQUESTED, Step.AUTHENTICATION_RESPONSE): State.RESPONDED,
    (State.REQUESTED, Step.AUTHENTICATION_PENDING): State.RESPONSE_PENDING,
    (State.REQUESTED, Step.AUTHENTICATION_REFUSAL): State.FAILED,
    (State.RESPONSE_PENDING, Step.AUTHENTICATION_RESPONSE): State.RESPONDED,
    (State.RESPONSE_PENDING, Step.AUTHENTICATION_REFUSAL): State.FAILED,
    (State.RESPONDED, Step.AUTHENTICATION_CONFIRM): State.AUTHENTICATED,
    (State.RESPONDED, Step.AUTHENTICATION_ABORT): State.FAILED,
    (State.AUTHENTICATED, Step.CONFIGURATION_REQUEST): State.CONFIGURATION_REQUESTED,
    (State.CONFIGURATION_REQUESTED, Step.COMEBACK_DELAY): State.CONFIGURATION_REQUESTED,
    (State.CONFIGURATION_REQUESTED, Step.COMEBACK_REQUEST): State.CONFIGURATION_REQUESTED,
    (State.CONFIGURATION_REQUESTED, Step.CSR_NEEDED): State.AUTHENTICATED,
    (State.CONFIGURATION_REQUESTED, Step.CONFIGURATION_RESPONSE): State.CONFIGURED,
    (State.CONFIGURATION_REQUESTED, Step.LAST_CONFIGURATION_RESPONSE): State.COMPLETE,
    (State.CONFIGURATION_REQUESTED, Step.CONFIGURATION_REFUSAL): State.FAILED,
    (State.CONFIGURED, Step.CONFIGURATION_RESULT): State.JOINING,
    (State.CONFIGURED, Step.LAST_CONFIGURATION_RESULT): State.COMPLETE,
    (State.JOINING, Step.CONNECTION_STATUS_RESULT): State.COMPLETE,
}

PATIENCE_S: Mapping[State, float] = {
    State.REQUESTED: 10,  # hostap and iwd give an answer ten seconds
    State.RESPONSE_PENDING: 120,  # a person fetches the other label and scans it
    State.RESPONDED: 10,
    State.AUTHENTICATED: 20,  # the enrollee makes a key pair and signs, perhaps in a slow TPM
    State.CONFIGURATION_REQUESTED: 120,  # the configurator asks a backend, and a person for a password
    State.CONFIGURED: 20,  # the enrollee writes to flash
    State.JOINING: 60,  # scan, join, address, first contact with the endpoint
}
"""How long the next message may take in each state, in seconds; no entry means for ever."""

MESSAGE_PATIENCE_S = 10.0
"""How long a peer may be silent inside a message. At ATT_MTU 23 a whole one may take longer than that."""

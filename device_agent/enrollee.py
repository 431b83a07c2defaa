"""One phone's exchange with this device: protocol events in, outcomes out. No I/O but the store.

Rules kept here: nothing is announced that is not stored; a configuration is taken as a whole or not at all; a
device keeps its assignment when a configurator gives Wi-Fi only.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from device_agent import trust
from device_agent.errors import StateError
from device_agent.profile import choose_profile
from device_agent.record import Record
from device_agent.statement import Particulars, make_request
from device_agent.store import Store
from onboarding_protocol.assignment import AssignmentError
from onboarding_protocol.dpp import (
    AuthenticationConfirm,
    AuthenticationRequest,
    Capability,
    ComebackDue,
    ComebackRequest,
    ConfigurationObject,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    Connection,
    ConnectionStatus,
    ConnectionStatusResult,
    DropReason,
    EnrolleeRequest,
    Event,
    ExchangeFailed,
    MessageDropped,
    State,
    Status,
)
from onboarding_protocol.errors import RemoteProtocolError
from onboarding_protocol.hint import Hint, encode_hint
from onboarding_protocol.members import DeviceState, EndpointResult, EndpointStatus, Grant, HeardNetwork


@dataclass(frozen=True, slots=True)
class Say:
    """Octets for the phone."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Begun:
    """A phone that knows the label has begun an exchange."""


@dataclass(frozen=True, slots=True)
class Configured:
    """A configuration is stored; join now."""

    foreign: bool
    """The configurator is not ours: it waits for a status 15 seconds at the most."""
    issued_at: int | None
    """Authenticated time, seconds since 1970, where a new assignment came."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The exchange has ended without a configuration."""

    detail: str


Outcome = Say | Begun | Configured | Failed
LABEL_HINTS_MAX = 3
"""How often a phone is told that it has scanned another label: whoever sends such requests need not know ours."""


class Enrollee:
    """This device, towards one phone."""

    def __init__(self, store: Store, particulars: Particulars, heard: Callable[[], tuple[HeardNetwork, ...]]) -> None:
        self._store = store
        self._particulars = particulars
        self._heard = heard
        self._connection = self._no_exchange()
        self._label_hints = 0
        self._request: EnrolleeRequest | None = None

    @property
    def authenticated(self) -> bool:
        """Whether this phone has proven itself in an exchange that goes on."""
        return self._connection.authenticated

    @property
    def deadline(self) -> float | None:
        """When `expire` wants to be called."""
        return self._connection.deadline

    def receive(self, octets: bytes, now: float) -> list[Outcome]:
        """Take octets from the phone."""
        outcomes: list[Outcome] = []
        try:
            for event in self._connection.receive(octets, now):
                outcomes += self._meet(event, now)
        except StateError as error:
            self._connection = self._no_exchange()
            return [*outcomes, Say(encode_hint(Hint.INTERNAL_ERROR)), Failed(f"{error}. {error.remedy}")]
        return outcomes

    def expire(self, now: float) -> list[Outcome]:
        """Give up what is overdue."""
        return [outcome for event in self._connection.expire(now) for outcome in self._meet(event, now)]

    def report(self, status: ConnectionStatus, now: float) -> list[Outcome]:
        """Say how joining went, if the phone still waits for it."""
        if self._connection.state is not State.JOINING:
            return []
        return [Say(self._connection.send(ConnectionStatusResult(status), now))]

    def _no_exchange(self) -> Connection:
        return Connection.responder(self._store.bootstrapping_key, Capability.ENROLLEE)

    def _meet(self, event: Event, now: float) -> list[Outcome]:
        # A phone may send on without waiting for its turn. What the connection has left behind needs no answer.
        match event:
            case AuthenticationRequest() if self._connection.state is State.REQUESTED:
                self._label_hints = 0
                return [Begun(), Say(self._connection.send(event.answer(Capability.ENROLLEE), now))]
            case AuthenticationConfirm(nonce) if self._connection.state is State.AUTHENTICATED:
                self._request = make_request(self._store, self._particulars, nonce, self._heard())
                return [Say(self._connection.send(ConfigurationRequest(self._request), now))]
            case ConfigurationResponse() if self._connection.state is State.CONFIGURED:
                return self._configure(event, now)
            case ConfigurationResponse(Status.CSR_NEEDED) if self._connection.state is State.AUTHENTICATED:
                return self._ask_for_certificate(now)
            case ComebackDue():
                return [Say(self._connection.send(ComebackRequest(), now))]
            case MessageDropped(DropReason.NOT_MY_LABEL) if self._label_hints < LABEL_HINTS_MAX:
                self._label_hints += 1
                return [Say(encode_hint(Hint.NOT_MY_LABEL))]
            case ExchangeFailed(detail):
                return [Failed(detail)]
            case _:
                return []

    def _configure(self, response: ConfigurationResponse, now: float) -> list[Outcome]:
        try:
            profile = choose_profile(
                response.objects,
                self._connection,
                self._store.operational_key.public_key(),
                self._store.record.clock_floor,
            )
            grant = _grant(response.objects)
            record, issued_at = self._accept(grant)
        except AssignmentError as error:
            return self._reject(error.reason, str(error), response, now)
        except RemoteProtocolError as error:
            return self._reject("configuration-malformed", str(error), response, now)
        self._store.save(replace(record, wifi=(profile, *record.wifi[-1:])))
        result = ConfigurationResult(status_follows=response.wants_status)
        return [
            Say(self._connection.send(result, now)),
            Configured(foreign=grant is None and record.ownership is None, issued_at=issued_at),
        ]

    def _ask_for_certificate(self, now: float) -> list[Outcome]:
        request = self._request
        if request is None or request.signing_request is not None:
            self._connection = self._no_exchange()
            return [Failed("the configurator asks for a signing request that it has")]
        signing_request = self._connection.signing_request(request.name)
        self._request = replace(request, signing_request=signing_request)
        return [Say(self._connection.send(ConfigurationRequest(self._request), now))]

    def _accept(self, grant: Grant | None) -> tuple[Record, int | None]:
        record = self._store.record
        if grant is None:
            return record, None
        ownership, assignment = trust.accept(grant, record, self._store.operational_key.public_key())
        state = DeviceState.ASSIGNED if record.state is DeviceState.NEW else record.state
        floor = max(record.clock_floor, assignment.issued_at)
        return replace(record, state=state, ownership=ownership, clock_floor=floor), assignment.issued_at

    def _reject(self, reason: str, sentence: str, response: ConfigurationResponse, now: float) -> list[Outcome]:
        result = ConfigurationResult(Status.CONFIG_REJECTED, status_follows=response.wants_status)
        outcomes: list[Outcome] = [Say(self._connection.send(result, now))]
        member = EndpointStatus(EndpointResult.UNTRIED, reason).to_members()
        outcomes += self.report(ConnectionStatus(Status.CONFIG_REJECTED, members=member), now)
        return [*outcomes, Failed(sentence)]


def _grant(objects: tuple[ConfigurationObject, ...]) -> Grant | None:
    # It belongs to the device, whichever network is chosen.
    grants = (Grant.from_members(item.members) for item in objects)
    return next((grant for grant in grants if grant is not None), None)

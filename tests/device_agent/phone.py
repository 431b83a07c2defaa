"""A phone in memory: a real initiator that has read the label, towards whatever takes octets and gives outcomes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cryptography import x509

from device_agent.enrollee import Outcome, Say
from device_agent.store import Store
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import (
    Akm,
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ConfigurationObject,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    Connection,
    ConnectionStatusResult,
    Credential,
    Event,
    ForeignMessage,
    Message,
)
from onboarding_protocol.dpp.frames import MessageReader
from onboarding_protocol.hint import Hint, read_hint
from onboarding_protocol.members import DeviceState, DeviceStatement, EndpointStatus, Grant
from tests.device_agent.operator import NONCE, Operator

PASSPHRASE = "correct horse battery"
Carrier = Callable[[bytes, float], Iterable[Outcome]]


def network(
    grant: Grant | None = None, *, ssid: bytes = b"Home", akm: Akm = Akm.PSK, passphrase: str | None = PASSPHRASE
) -> ConfigurationObject:
    return ConfigurationObject(ssid, Credential(akm, passphrase), {} if grant is None else grant.to_members())


def label(store: Store) -> BootstrappingKey:
    return BootstrappingKey.from_public_key(store.bootstrapping_key.public_key())


@dataclass
class Phone:
    """One phone; what the device says comes back at once."""

    key: BootstrappingKey
    carry: Carrier
    now: float = 1000.0
    outcomes: list[Outcome] = field(default_factory=list)
    heard: list[Event] = field(default_factory=list)
    hints: list[Hint | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = Connection.initiator(self.key, Capability.CONFIGURATOR)

    def write(self, octets: bytes) -> list[Event]:
        return self.take(self.carry(octets, self.now))

    def take(self, outcomes: Iterable[Outcome]) -> list[Event]:
        events: list[Event] = []
        for outcome in outcomes:
            self.outcomes.append(outcome)
            if isinstance(outcome, Say):
                self.hints += [hint for m in MessageReader().receive(outcome.octets) if (hint := read_hint(m))]
                heard = self.connection.receive(outcome.octets, self.now)
                events += [event for event in heard if not isinstance(event, ForeignMessage)]
        self.heard += events
        return events

    def send(self, message: Message) -> list[Event]:
        return self.write(self.connection.send(message, self.now))

    def ask(self, nonce: bytes = NONCE) -> list[Event]:
        return self.send(AuthenticationRequest(nonce=nonce))

    def authenticate(self, nonce: bytes = NONCE) -> DeviceStatement:
        """Go as far as the device's request."""
        (answer,) = self.ask(nonce)
        assert isinstance(answer, AuthenticationResponse)
        (request,) = self.send(AuthenticationConfirm())
        assert isinstance(request, ConfigurationRequest)
        statement = DeviceStatement.from_members(request.request.members)
        assert statement is not None
        return statement

    def configure(self, *objects: ConfigurationObject, wants_status: bool = True) -> ConfigurationResult:
        result, *self.rest = self.send(ConfigurationResponse(objects=objects, wants_status=wants_status))
        assert isinstance(result, ConfigurationResult)
        return result

    @property
    def reason(self) -> str | None:
        """Why the device refused, from the Connection Status it has sent."""
        status = self.heard[-1]
        assert isinstance(status, ConnectionStatusResult)
        contact = EndpointStatus.from_members(status.status.members)
        return None if contact is None else contact.reason

    def onboard(self, operator: Operator, nonce: bytes = NONCE, **bent: object) -> ConfigurationResult:
        """Go all the way with a device that is new."""
        statement = self.authenticate(nonce)
        assert statement.state is DeviceState.NEW
        assert statement.signing_request is not None
        key = x509.load_der_x509_csr(statement.signing_request).public_key()
        return self.configure(network(operator.grant(key, nonce=nonce, **bent)))  # type: ignore[arg-type]

"""Two real connections joined by a wire in memory; every message is checked at the end it arrives at."""

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_protocol.dpp import (
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    Connection,
    ConnectionStatusResult,
    Ephemerals,
    Event,
    ExchangeFailed,
    Message,
    State,
    Status,
)
from onboarding_protocol.dpp.states import SENDER, Party, Step
from tests.protocol import samples

VECTOR: dict[str, str] = json.loads((Path(__file__).parent / "vectors/p256-responder-only.json").read_text())
LENGTH_OCTETS = 4
STORY = (
    State.READY,
    State.REQUESTED,
    State.RESPONDED,
    State.AUTHENTICATED,
    State.CONFIGURATION_REQUESTED,
    State.CONFIGURED,
    State.JOINING,
    State.COMPLETE,
)


def initiator_chance() -> Ephemerals:
    """The ephemerals of the standard's vector."""
    return Ephemerals(
        samples.key(int(VECTOR["initiator_protocol_key"], 16)),
        bytes.fromhex(VECTOR["initiator_nonce"]),
        bytes(range(16)),
        bytes.fromhex(VECTOR["authentication_request"])[47:79],
    )


def responder_chance() -> Ephemerals:
    """The ephemerals of the standard's vector."""
    return Ephemerals(
        samples.key(int(VECTOR["responder_protocol_key"], 16)),
        bytes.fromhex(VECTOR["responder_nonce"]),
        bytes(range(16, 32)),
        bytes(32),
    )


def full_story(
    initiator: Capability = Capability.CONFIGURATOR, wants_status: bool = True, mutual: bool = False
) -> tuple[Message, ...]:
    """Return the messages of one complete onboarding."""
    request = samples.enrollee(samples.statement().to_members())
    objects = (samples.network(samples.grant().to_members()),)
    story: tuple[Message, ...] = (
        AuthenticationRequest(initiator, samples.CHALLENGE),
        AuthenticationResponse(initiator=samples.INITIATOR_LABEL if mutual else None),
        AuthenticationConfirm(samples.CHALLENGE),
        ConfigurationRequest(request),
        ConfigurationResponse(objects=objects, wants_status=wants_status),
        ConfigurationResult(status_follows=wants_status),
    )
    return (*story, ConnectionStatusResult(samples.joined())) if wants_status else story


@dataclass
class Pair:
    """Both ends of a link. The responder's label was read by the initiator."""

    initiator: Connection
    responder: Connection
    initiator_capability: Capability = Capability.CONFIGURATOR
    now: float = 1000.0
    octets: list[bytes] = field(default_factory=list)
    """What went over the wire, message for message with its length."""

    @classmethod
    def fresh(
        cls,
        initiator: Capability = Capability.CONFIGURATOR,
        versions: tuple[int, int] = (2, 2),
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> "Pair":
        """Return two ends with random ephemerals, the initiator with this bootstrapping key."""
        return cls(
            Connection.initiator(samples.LABEL, initiator, key=key, version=versions[0]),
            Connection.responder(samples.LABEL_KEY, initiator.counterpart, version=versions[1]),
            initiator,
        )

    @classmethod
    def fixed(cls, initiator: Capability = Capability.CONFIGURATOR) -> "Pair":
        """Return two ends whose every exchange has the same ephemerals, so that one exchange can stand for another."""
        return cls(
            Connection.initiator(samples.LABEL, initiator, initiator_chance, key=samples.INITIATOR_KEY),
            Connection.responder(samples.LABEL_KEY, initiator.counterpart, responder_chance),
            initiator,
        )

    @classmethod
    def at(cls, state: State, story: Sequence[Message], initiator: Capability = Capability.CONFIGURATOR) -> "Pair":
        """Return a fixed pair that has told `story` up to `state`."""
        pair = cls.fixed(initiator)
        if state is State.FAILED:
            pair.tell(story[:4])
            pair.now += 1000
            for end in pair.ends:
                assert isinstance(end.expire(pair.now)[0], ExchangeFailed)
        elif state is State.RESPONSE_PENDING:
            pair.tell([story[0], AuthenticationResponse(Status.RESPONSE_PENDING)])
        else:
            pair.tell(story[: STORY.index(state)])
        assert pair.initiator.state is pair.responder.state is state
        return pair

    @property
    def ends(self) -> tuple[Connection, Connection]:
        """Initiator and responder."""
        return self.initiator, self.responder

    def sender(self, step: Step) -> Connection:
        """Return the end that takes this step."""
        by_initiator = {
            Party.INITIATOR: True,
            Party.RESPONDER: False,
            Party.ENROLLEE: self.initiator_capability is Capability.ENROLLEE,
            Party.CONFIGURATOR: self.initiator_capability is Capability.CONFIGURATOR,
        }[SENDER[step]]
        return self.initiator if by_initiator else self.responder

    def receiver(self, step: Step) -> Connection:
        """Return the end that hears of this step."""
        return self.responder if self.sender(step) is self.initiator else self.initiator

    def send(self, message: Message) -> Event:
        """Carry `message` to the other end and return what it made there."""
        octets = self.sender(message.step).send(message, self.now)
        self.octets.append(octets)
        receiver = self.receiver(message.step)
        (event,) = receiver.receive(octets, self.now)
        assert receiver.state is self.sender(message.step).state
        assert int.from_bytes(octets[:LENGTH_OCTETS], "big") == len(octets) - LENGTH_OCTETS
        return event

    def tell(self, story: Sequence[Message]) -> None:
        """Carry messages that must arrive as they were sent."""
        for message in story:
            assert self.send(message) == message


def snapshot(connection: Connection) -> tuple[State, float | None, bool]:
    """Return all that a caller can see of a connection."""
    return connection.state, connection.deadline, connection.authenticated


def twin(connection: Connection) -> Connection:
    """Return a connection in the same state with the same keys, to be spoilt."""
    return copy.deepcopy(connection)

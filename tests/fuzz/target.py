"""What is fuzzed: both ends of a connection in every state, the documents inside, and `decode`.

An input is an octet that says what is fuzzed, one that says where, one for the size of chunks, and the octets. Three
ways in: octets on the wire; what is inside Wrapped Data, sealed with the right key; a JSON document inside that.
Whatever comes in, what comes out is events, or errors of ours; the buffer stays bounded.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app_sim.easy_connect.capture import Captured, read_capture
from app_sim.easy_connect.dissect import Dissector
from onboarding_protocol.dpp import (
    MESSAGE_MAX_OCTETS,
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ComebackRequest,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    Connection,
    ConnectionStatusResult,
    Event,
    State,
    Status,
    delimit,
    siv,
)
from onboarding_protocol.dpp.attributes import AttributeId, Attributes, encode_attributes
from onboarding_protocol.dpp.messages import Event as EventUnion
from onboarding_protocol.errors import LocalProtocolError, ProtocolError
from onboarding_protocol.members import DeviceStatement, EndpointStatus, Grant
from tests.fuzz.documents import DOCUMENTS
from tests.protocol import samples
from tests.protocol.forge import K1, K2, KE
from tests.protocol.pair import LENGTH_OCTETS, STORY, Pair, full_story, twin

TOLD = full_story()
RECORDED = Pair.at(State.COMPLETE, TOLD).octets
STATES = STORY[:7]
_TALES = (
    (TOLD, Capability.CONFIGURATOR),
    (full_story(mutual=True), Capability.CONFIGURATOR),
    (full_story(Capability.ENROLLEE), Capability.ENROLLEE),
)
_PAIRS = [Pair.at(state, told, initiator) for told, initiator in _TALES for state in STATES]
_KEYS = (K1, K2, KE, KE, KE, KE, KE)
_EVENTS = EventUnion.__args__
_GAS_LENGTHS_AT = {0x0A: 12, 0x0B: 16}
_FRAME_ATTRIBUTES_AT = 7
_DOCUMENTS_IN = {
    3: AttributeId.CONFIGURATION_REQUEST,
    4: AttributeId.CONFIGURATION_OBJECT,
    6: AttributeId.CONNECTION_STATUS,
}
_DISSECTOR = Dissector({"ke": KE, "k1": K1, "k2": K2})


@dataclass(frozen=True)
class Sealed:
    """A message of the recorded exchange, to be sealed again over another content."""

    start: bytes
    gas: bool
    before: bytes
    key: bytes
    plaintext: bytes

    @classmethod
    def open(cls, message: bytes, key: bytes) -> "Sealed":
        gas = message[0] in _GAS_LENGTHS_AT
        at = _GAS_LENGTHS_AT[message[0]] if gas else _FRAME_ATTRIBUTES_AT
        attributes = Attributes.parse(message[at + 2 * gas :])
        sealed = cls(message[:at], gas, attributes.unwrapped, key, b"")
        plaintext = siv.unwrap(key, attributes.take(AttributeId.WRAPPED_DATA), sealed.associated)
        return cls(message[:at], gas, attributes.unwrapped, key, plaintext)

    @property
    def associated(self) -> list[bytes]:
        if not self.gas:
            return [self.start[1:], self.before]
        return [self.before] if self.before else []

    def seal(self, plaintext: bytes) -> bytes:
        wrapped = siv.wrap(self.key, plaintext, self.associated)
        attributes = self.before + encode_attributes([(AttributeId.WRAPPED_DATA, wrapped)])
        length = len(attributes).to_bytes(2, "little") if self.gas else b""
        return self.start + length + attributes

    def with_document(self, identifier: AttributeId, document: bytes) -> bytes:
        inner = Attributes.parse(self.plaintext).values
        items = [(AttributeId(known), document if known == identifier else value) for known, value in inner]
        return self.seal(encode_attributes(items))


SEALED = [Sealed.open(octets[LENGTH_OCTETS:], key) for octets, key in zip(RECORDED, _KEYS, strict=True)]


def run(data: bytes) -> list[Event]:
    """Take one input; an AssertionError, or any exception but ours, is a finding."""
    if len(data) < 3:
        return []
    way, place, octets = data[0] % len(WAYS), data[1], data[3:]
    return WAYS[way](place, 1 + data[2] * 16, octets)


def fuzz_stream(place: int, size: int, octets: bytes) -> list[Event]:
    """Octets on the wire, to either end in any state."""
    pair = _PAIRS[place // 2 % len(_PAIRS)]
    return feed(twin(pair.ends[place % 2]), octets, size, pair.now)


def fuzz_sealed(place: int, size: int, octets: bytes) -> list[Event]:
    """What an authenticated peer, or at first anybody who has read the label, can write."""
    number = place % len(SEALED)
    plaintext = octets[: MESSAGE_MAX_OCTETS // 2]
    return feed_message(number, size, SEALED[number].seal(plaintext))


def fuzz_document(place: int, size: int, octets: bytes) -> list[Event]:
    """A JSON document by an authenticated peer."""
    number = list(_DOCUMENTS_IN)[place % len(_DOCUMENTS_IN)]
    document = octets[: MESSAGE_MAX_OCTETS // 2]
    return feed_message(number, size, SEALED[number].with_document(_DOCUMENTS_IN[number], document))


def fuzz_capture(_: int, __: int, octets: bytes) -> list[Event]:
    """A file for `decode`."""
    for item in read_capture(octets):
        if isinstance(item, Captured):
            found = _DISSECTOR.dissect(item.message)
            assert found.octets == len(item.message)
    return []


COMEBACK = b"".join(
    delimit(frame + (20).to_bytes(2, "little") + bytes.fromhex("6c087fdd05506f9a1a010000"))
    for frame in (b"\x0b\x01\0\0", b"\x0d\x01\0\0\0")
)
"""To an enrollee that waits for its configuration: come back, and once more."""

WAYS: tuple[Callable[[int, int, bytes], list[Event]], ...] = (
    fuzz_stream,
    fuzz_sealed,
    fuzz_document,
    fuzz_capture,
)


def feed_message(number: int, size: int, message: bytes) -> list[Event]:
    """Deliver a message in place of this one of the story, to whom it is meant for."""
    pair = _PAIRS[number]
    return feed(twin(pair.receiver(TOLD[number].step)), delimit(message), size, pair.now)


def feed(end: Connection, stream: bytes, size: int, now: float) -> list[Event]:
    """Deliver a stream in chunks, answer as a program would, and let all deadlines pass."""
    events: list[Event] = []
    for start in range(0, len(stream), size):
        new = end.receive(stream[start : start + size], now)
        assert len(end._reader._buffer) < LENGTH_OCTETS + MESSAGE_MAX_OCTETS
        new += end.expire(now + 0.05)  # a comeback may be due
        for event in new:
            assert isinstance(event, _EVENTS)
            look(end, event)
            answer(end, event, now)
        events += new
    end.expire(now + 1000)
    end.expire(now + 2000)
    assert end.deadline is None
    return events


def answer(end: Connection, event: Event, now: float) -> None:
    """Say what is in turn, and what is not."""
    for message in answers(end, event):
        try:
            end.send(message, now)
        except LocalProtocolError:
            continue


def answers(end: Connection, event: Event) -> Iterator[
    AuthenticationResponse | AuthenticationConfirm | ConfigurationRequest | ComebackRequest | ConfigurationResponse
    | ConfigurationResult | ConnectionStatusResult
]:  # fmt: skip
    match event:
        case AuthenticationRequest():
            yield event.answer(end.capability)
        case AuthenticationResponse():
            yield AuthenticationConfirm()
        case AuthenticationConfirm():
            yield ConfigurationRequest(samples.enrollee())
        case ConfigurationRequest():
            yield ConfigurationResponse(objects=(samples.network(),))
        case ConfigurationResponse(Status.OK):
            yield ConfigurationResult()
            yield ConnectionStatusResult(samples.joined())
        case _:
            yield ComebackRequest()


def look(end: Connection, event: Event) -> None:
    """Read all that a program would read of an event; errors of ours are what bad content gives."""
    try:
        match event:
            case ConfigurationRequest(request):
                request.to_json()
                DeviceStatement.from_members(request.members)
                end.verify_signing_request(request.signing_request or b"")
            case ConfigurationResponse():
                for given in event.objects:
                    given.to_json()
                    Grant.from_members(given.members)
                    end.network_access(given.credential, 1_700_000_000)
            case ConnectionStatusResult(status):
                status.to_json()
                EndpointStatus.from_members(status.members)
    except ProtocolError:
        return


def seeds() -> Iterator[bytes]:
    """Return inputs to begin with: the recorded exchange from every state on, its contents, its documents."""
    for place in range(2 * len(_PAIRS)):
        pair, end, begun = _PAIRS[place // 2], place % 2, place // 2 % len(STATES)
        told, initiator = _TALES[place // 2 // len(STATES)]
        recorded = Pair.at(State.COMPLETE, told, initiator).octets
        heard = [n for n in range(begun, len(told)) if pair.receiver(told[n].step) is pair.ends[end]]
        yield bytes([0, place, 1]) + b"".join(recorded[n] for n in heard)
    yield bytes([0, 2 * STATES.index(State.CONFIGURATION_REQUESTED) + 1, 1]) + COMEBACK
    for number, sealed in enumerate(SEALED):
        yield bytes([1, number, 200]) + sealed.plaintext
    for place, identifier in enumerate(_DOCUMENTS_IN.values()):
        for document in DOCUMENTS[identifier]:
            yield bytes([2, place, 200]) + document
    yield bytes([3, 0, 0]) + b"".join(RECORDED)
    yield bytes([3, 0, 0]) + b"".join(b"> " + octets.hex().encode() + b"\n" for octets in RECORDED)

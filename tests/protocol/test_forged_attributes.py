"""A peer that knows every key and breaks the rules of the attributes."""

import pytest

from onboarding_protocol.dpp import (
    AuthenticationRequest,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    ConnectionStatusResult,
    DropReason,
    ExchangeFailed,
    MessageDropped,
    State,
)
from onboarding_protocol.dpp.attributes import AttributeId, Attributes, encode_attributes
from onboarding_protocol.dpp.frames import FrameType
from onboarding_protocol.dpp.keys import encode_point
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError
from tests.protocol import forge, samples
from tests.protocol.forge import Items
from tests.protocol.pair import Pair, full_story, snapshot

TOLD = full_story()
UNKNOWN = (0x10FF).to_bytes(2, "little") + (3).to_bytes(2, "little") + b"abc"
NONCE = (AttributeId.ENROLLEE_NONCE, forge.ENROLLEE_NONCE)
OBJECT = b'{"wi-fi_tech":"infra","discovery":{"ssid":"n"},"cred":{"akm":"psk","pass":"12345678"}}'
REQUEST = b'{"name":"n","wi-fi_tech":"infra","netRole":"sta"}'
STATUS = b'{"result":0}'


def test_the_forger_writes_what_the_connection_writes() -> None:
    pair = Pair.fixed()
    pair.tell(TOLD[:1])
    assert forge.authentication_request() == pair.octets[0]
    assert isinstance(Pair.fixed().responder.receive(forge.authentication_request(), 0)[0], AuthenticationRequest)


def without(items: Items, identifier: AttributeId) -> Items:
    return [item for item in items if item[0] is not identifier]


def with_value(items: Items, identifier: AttributeId, value: bytes) -> Items:
    return [(known, value if known is identifier else old) for known, old in items]


MANDATORY = [identifier for identifier, _ in forge.REQUEST_CLEAR[:3]]
INNER = [identifier for identifier, _ in forge.REQUEST_INNER]
ALL = [identifier for identifier, _ in forge.REQUEST_CLEAR]


@pytest.mark.parametrize(
    "octets",
    [
        *(forge.authentication_request(clear=without(forge.REQUEST_CLEAR, name)) for name in MANDATORY),
        *(forge.authentication_request(inner=without(forge.REQUEST_INNER, name)) for name in INNER),
        *(forge.authentication_request(clear=with_value(forge.REQUEST_CLEAR, name, b"")) for name in ALL),
        *(forge.authentication_request(clear=with_value(forge.REQUEST_CLEAR, name, bytes(65))) for name in ALL),
        *(forge.authentication_request(inner=with_value(forge.REQUEST_INNER, name, b"")) for name in INNER),
        *(forge.authentication_request(inner=with_value(forge.REQUEST_INNER, name, bytes(17))) for name in INNER),
        *(forge.authentication_request(clear=[*forge.REQUEST_CLEAR, item]) for item in forge.REQUEST_CLEAR),
        *(forge.authentication_request(inner=[*forge.REQUEST_INNER, item]) for item in forge.REQUEST_INNER),
        forge.authentication_request(after=[(AttributeId.PROTOCOL_VERSION, b"\x02")]),
        forge.authentication_request(key=forge.K2),
        forge.authentication_request(inner=[*forge.REQUEST_INNER, (AttributeId.WRAPPED_DATA, b""), (NONCE)]),
    ],
)
def test_a_request_with_attributes_missing_doubled_or_of_another_length_is_dropped(octets: bytes) -> None:
    pair = Pair.fixed()
    before = snapshot(pair.responder)
    (event,) = pair.responder.receive(octets, pair.now)
    assert isinstance(event, MessageDropped)
    assert event.reason is DropReason.UNAUTHENTICATED
    assert snapshot(pair.responder) == before
    pair.tell(TOLD)


def test_attributes_we_do_not_know_are_passed_over_even_when_doubled() -> None:
    attributes = Attributes.parse(UNKNOWN + UNKNOWN + encode_attributes(forge.REQUEST_CLEAR))
    assert attributes.take(AttributeId.PROTOCOL_VERSION, 1) == b"\x02"
    assert len(attributes.values) == 6
    with pytest.raises(RemoteProtocolError):
        Attributes.parse(encode_attributes(forge.REQUEST_CLEAR * 2))
    with pytest.raises(RemoteProtocolError):
        attributes.take(AttributeId.STATUS)


@pytest.mark.parametrize("octets", [b"\0", b"\x00\x10\x01", b"\x00\x10\x01\x00", UNKNOWN + b"\x01", UNKNOWN[:-1]])
def test_attributes_that_run_past_the_end_are_refused(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="past the end"):
        Attributes.parse(octets)
    assert Attributes.parse(b"").values == ()


def test_an_attribute_longer_than_any_message_is_not_written() -> None:
    for size in (8_001, 65_535, 65_536):
        with pytest.raises(LocalProtocolError):
            encode_attributes([(AttributeId.CONFIGURATION_OBJECT, bytes(size))])
    assert len(encode_attributes([(AttributeId.CONFIGURATION_OBJECT, bytes(8_000))])) == 8_004


@pytest.mark.parametrize(
    "point",
    [
        bytes(64),
        b"\xff" * 64,
        bytes(32) + b"\x01" * 32,
        forge.INITIATOR_POINT[:-1] + bytes([forge.INITIATOR_POINT[-1] ^ 1]),
        forge.INITIATOR_POINT[32:] + forge.INITIATOR_POINT[:32],
    ],
)
def test_a_point_off_the_curve_is_refused_in_request_and_response(point: bytes) -> None:
    clear = with_value(forge.REQUEST_CLEAR, AttributeId.INITIATOR_PROTOCOL_KEY, point)
    (event,) = Pair.fixed().responder.receive(forge.authentication_request(clear), 0)
    assert isinstance(event, MessageDropped)
    pair = Pair.at(State.REQUESTED, TOLD)
    answer: Items = [
        (AttributeId.STATUS, b"\0"),
        (AttributeId.RESPONDER_KEY_HASH, samples.LABEL.key_hash),
        (AttributeId.RESPONDER_PROTOCOL_KEY, point),
    ]
    octets = forge.frame(FrameType.AUTHENTICATION_RESPONSE, answer, b"", forge.K2)
    (event,) = pair.initiator.receive(octets, pair.now)
    assert isinstance(event, MessageDropped)
    assert "P-256" in event.detail
    assert pair.initiator.state is State.REQUESTED


def test_a_request_for_another_label_is_named_as_such_and_changes_nothing() -> None:
    pair = Pair.fixed()
    other = with_value(forge.REQUEST_CLEAR, AttributeId.RESPONDER_KEY_HASH, bytes(32))
    (event,) = pair.responder.receive(forge.authentication_request(other), pair.now)
    assert isinstance(event, MessageDropped)
    assert event.reason is DropReason.NOT_MY_LABEL
    assert pair.responder.state is State.READY
    assert pair.responder.deadline is None


def test_a_request_wrapped_with_another_protocol_key_than_it_names_is_dropped() -> None:
    clear = with_value(
        forge.REQUEST_CLEAR, AttributeId.INITIATOR_PROTOCOL_KEY, encode_point(samples.key(77).public_key())
    )
    pair = Pair.fixed()
    (dropped,) = pair.responder.receive(forge.authentication_request(clear), pair.now)
    assert isinstance(dropped, MessageDropped)
    (taken,) = pair.responder.receive(forge.authentication_request(clear, key=forge.request_key(77)), pair.now)
    assert isinstance(taken, AuthenticationRequest)


@pytest.mark.parametrize(
    ("state", "good", "bad"),
    [
        (
            State.AUTHENTICATED,
            forge.configuration_request(encode_attributes([NONCE, (AttributeId.CONFIGURATION_REQUEST, REQUEST)])),
            [
                forge.configuration_request(encode_attributes([NONCE])),
                forge.configuration_request(encode_attributes([(AttributeId.CONFIGURATION_REQUEST, REQUEST)])),
                forge.configuration_request(encode_attributes([NONCE, (AttributeId.CONFIGURATION_REQUEST, b"{}")])),
                forge.configuration_request(
                    encode_attributes([NONCE, (AttributeId.CONFIGURATION_REQUEST, b"[" * 5000)])
                ),
                forge.configuration_request(b""),
                forge.configuration_request(b"\0\0\0"),
            ],
        ),
        (
            State.CONFIGURATION_REQUESTED,
            forge.configuration_response(encode_attributes([NONCE, (AttributeId.CONFIGURATION_OBJECT, OBJECT)])),
            [
                forge.configuration_response(encode_attributes([NONCE])),
                forge.configuration_response(encode_attributes([(AttributeId.CONFIGURATION_OBJECT, OBJECT)])),
                forge.configuration_response(
                    encode_attributes([(NONCE[0], bytes(16)), (AttributeId.CONFIGURATION_OBJECT, OBJECT)])
                ),
                forge.configuration_response(encode_attributes([NONCE]), status=b"\x7f"),
                forge.configuration_response(encode_attributes([NONCE]), status=b""),
                forge.configuration_response(encode_attributes([NONCE, (AttributeId.CONFIGURATION_OBJECT, b"null")])),
                forge.configuration_response(
                    encode_attributes(
                        [NONCE, (AttributeId.CONFIGURATION_OBJECT, OBJECT), (AttributeId.SEND_CONNECTION_STATUS, b"x")]
                    )
                ),
            ],
        ),
        (
            State.CONFIGURED,
            forge.sealed_result(
                FrameType.CONFIGURATION_RESULT, encode_attributes([(AttributeId.STATUS, b"\0"), NONCE])
            ),
            [
                forge.sealed_result(FrameType.CONFIGURATION_RESULT, encode_attributes([NONCE])),
                forge.sealed_result(
                    FrameType.CONFIGURATION_RESULT, encode_attributes([(AttributeId.STATUS, b"\x0f"), NONCE])
                ),
                forge.sealed_result(FrameType.CONFIGURATION_RESULT, encode_attributes([(AttributeId.STATUS, b"\0")])),
            ],
        ),
        (
            State.JOINING,
            forge.sealed_result(
                FrameType.CONNECTION_STATUS_RESULT, encode_attributes([NONCE, (AttributeId.CONNECTION_STATUS, STATUS)])
            ),
            [
                forge.sealed_result(FrameType.CONNECTION_STATUS_RESULT, encode_attributes([NONCE])),
                forge.sealed_result(
                    FrameType.CONNECTION_STATUS_RESULT,
                    encode_attributes([NONCE, (AttributeId.CONNECTION_STATUS, b'{"result":true}')]),
                ),
            ],
        ),
    ],
)
def test_a_fault_under_the_session_key_ends_the_exchange_at_once(state: State, good: bytes, bad: list[bytes]) -> None:
    taken = (ConfigurationRequest, ConfigurationResponse, ConfigurationResult, ConnectionStatusResult)
    by_initiator = state is not State.CONFIGURATION_REQUESTED
    for octets in bad:
        pair = Pair.at(state, TOLD)
        end = pair.initiator if by_initiator else pair.responder
        (event,) = end.receive(octets, pair.now)
        assert isinstance(event, ExchangeFailed), octets
        assert end.state is State.FAILED
        assert not end.authenticated
    pair = Pair.at(state, TOLD)
    (event,) = (pair.initiator if by_initiator else pair.responder).receive(good, pair.now)
    assert isinstance(event, taken)

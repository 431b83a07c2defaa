"""A responder or initiator that knows every key of the authentication and does not keep to it."""

import pytest

from onboarding_protocol.dpp import ExchangeFailed, MessageDropped, State, siv
from onboarding_protocol.dpp.attributes import AttributeId, Status, encode_attributes
from onboarding_protocol.dpp.frames import FrameType
from tests.protocol import forge, samples
from tests.protocol.forge import Items
from tests.protocol.pair import VECTOR, Pair, full_story

TOLD = full_story()


def test_a_responder_that_wants_mutual_authentication_is_not_followed() -> None:
    pair = Pair.at(State.REQUESTED, TOLD)
    clear: Items = [
        (AttributeId.STATUS, b"\0"),
        (AttributeId.RESPONDER_KEY_HASH, samples.LABEL.key_hash),
        (AttributeId.INITIATOR_KEY_HASH, bytes(32)),
        (AttributeId.RESPONDER_PROTOCOL_KEY, forge.RESPONDER_POINT),
    ]
    (event,) = pair.initiator.receive(forge.frame(FrameType.AUTHENTICATION_RESPONSE, clear, b"", forge.K2), pair.now)
    assert isinstance(event, MessageDropped)
    assert "mutual" in event.detail


RESPONSE_CLEAR: Items = [
    (AttributeId.STATUS, b"\0"),
    (AttributeId.RESPONDER_KEY_HASH, samples.LABEL.key_hash),
    (AttributeId.RESPONDER_PROTOCOL_KEY, forge.RESPONDER_POINT),
]
R_AUTH, I_AUTH = (bytes.fromhex(VECTOR[name]) for name in ("responder_tag", "initiator_tag"))


@pytest.mark.parametrize(
    ("nonce", "role", "tag", "fits"),
    [
        (samples.CHALLENGE, b"\x01", R_AUTH, True),
        (bytes(16), b"\x01", R_AUTH, False),
        (samples.CHALLENGE, b"\x02", R_AUTH, False),
        (samples.CHALLENGE, b"\x01", bytes(32), False),
        (samples.CHALLENGE, b"\x01", I_AUTH, False),
    ],
)
def test_a_response_with_another_nonce_role_or_tag_is_dropped(
    nonce: bytes, role: bytes, tag: bytes, fits: bool
) -> None:
    pair = Pair.at(State.REQUESTED, TOLD)
    sealed = siv.wrap(forge.KE, encode_attributes([(AttributeId.RESPONDER_AUTHENTICATION_TAG, tag)]))
    inner: Items = [
        (AttributeId.RESPONDER_NONCE, bytes.fromhex(VECTOR["responder_nonce"])),
        (AttributeId.INITIATOR_NONCE, nonce),
        (AttributeId.RESPONDER_CAPABILITIES, role),
        (AttributeId.WRAPPED_DATA, sealed),
    ]
    octets = forge.frame(FrameType.AUTHENTICATION_RESPONSE, RESPONSE_CLEAR, encode_attributes(inner), forge.K2)
    (event,) = pair.initiator.receive(octets, pair.now)
    assert isinstance(event, MessageDropped) is not fits
    assert pair.initiator.state is (State.RESPONDED if fits else State.REQUESTED)


@pytest.mark.parametrize(("nonce", "fits"), [(samples.CHALLENGE, True), (bytes(16), False)])
def test_a_refusal_counts_only_if_it_answers_this_request(nonce: bytes, fits: bool) -> None:
    pair = Pair.at(State.REQUESTED, TOLD)
    clear = [(AttributeId.STATUS, bytes([Status.NOT_COMPATIBLE])), RESPONSE_CLEAR[1]]
    inner = [(AttributeId.INITIATOR_NONCE, nonce), (AttributeId.RESPONDER_CAPABILITIES, b"\x02")]
    octets = forge.frame(FrameType.AUTHENTICATION_RESPONSE, clear, encode_attributes(inner), forge.K1)
    (event,) = pair.initiator.receive(octets, pair.now)
    assert isinstance(event, ExchangeFailed) is fits
    assert pair.initiator.state is (State.FAILED if fits else State.REQUESTED)


@pytest.mark.parametrize(("tag", "fits"), [(I_AUTH, True), (R_AUTH, False), (bytes(32), False), (b"", False)])
def test_a_confirm_needs_the_initiators_tag(tag: bytes, fits: bool) -> None:
    pair = Pair.at(State.RESPONDED, TOLD)
    inner = encode_attributes([(AttributeId.INITIATOR_AUTHENTICATION_TAG, tag)])
    octets = forge.frame(FrameType.AUTHENTICATION_CONFIRM, RESPONSE_CLEAR[:2], inner, forge.KE)
    (event,) = pair.responder.receive(octets, pair.now)
    assert isinstance(event, MessageDropped) is not fits
    assert pair.responder.authenticated is fits


def test_a_confirm_that_reports_failure_ends_nothing() -> None:
    pair = Pair.at(State.RESPONDED, TOLD)
    clear: Items = [
        (AttributeId.STATUS, bytes([Status.AUTH_FAILURE])),
        (AttributeId.RESPONDER_KEY_HASH, samples.LABEL.key_hash),
    ]
    (event,) = pair.responder.receive(forge.frame(FrameType.AUTHENTICATION_CONFIRM, clear, b"", forge.K2), pair.now)
    assert isinstance(event, MessageDropped)
    pair.tell(TOLD[2:])
    assert pair.responder.state is State.COMPLETE

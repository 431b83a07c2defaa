"""Mutual authentication: the standard's vector, every role, "pending", and who lies about it."""

import itertools
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_protocol.bootstrapping import BootstrappingKey, BootstrappingUri
from onboarding_protocol.dpp import (
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ComebackDelay,
    ComebackRequest,
    Connection,
    DropReason,
    ExchangeFailed,
    MessageDropped,
    State,
    Status,
    siv,
)
from onboarding_protocol.dpp.attributes import AttributeId, encode_attributes
from onboarding_protocol.dpp.frames import FrameType
from onboarding_protocol.dpp.mutual import add_points, initiator_share, responder_share
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError
from tests.protocol import forge, samples
from tests.protocol.forge import Items
from tests.protocol.pair import LENGTH_OCTETS, Pair, full_story, initiator_chance, responder_chance, snapshot, twin
from tests.protocol.winding import WINDING

VECTOR: dict[str, str] = json.loads((Path(__file__).parent / "vectors/p256-mutual.json").read_text())
TOLD = full_story(mutual=True)
PENDING = AuthenticationResponse(Status.RESPONSE_PENDING)
STRANGER = BootstrappingKey.from_public_key(samples.key(99).public_key())
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
BOTH_ROLES = [Capability.CONFIGURATOR, Capability.ENROLLEE]


def test_the_standards_third_secret_from_either_end() -> None:
    ours, theirs = initiator_chance().protocol_key, responder_chance().protocol_key
    assert ours != theirs
    initiator = initiator_share(samples.INITIATOR_KEY, samples.LABEL.public_key, theirs.public_key())
    responder = responder_share(samples.LABEL_KEY, theirs, samples.INITIATOR_LABEL.public_key)
    assert initiator.hex() == responder.hex() == VECTOR["shared_l"]


def test_the_standards_three_mutual_frames_octet_for_octet() -> None:
    pair = Pair.fixed()
    pair.tell(TOLD[:3])
    frames = [octets[LENGTH_OCTETS:].hex() for octets in pair.octets]
    names = ["authentication_request", "authentication_response", "authentication_confirm"]
    assert frames == [VECTOR[name] for name in names]
    assert pair.initiator.mutual
    assert pair.responder.mutual
    assert str(BootstrappingUri(samples.INITIATOR_LABEL)) == VECTOR["initiator_uri"]


def test_the_standards_mutual_tags_and_ke() -> None:
    pair = Pair.fixed()
    pair.tell(TOLD[:2])
    exchange = pair.initiator._exchange
    assert exchange is not None
    assert exchange.authentication is not None
    transcript = exchange.authentication._transcript
    assert transcript is not None
    assert transcript.encryption_key.hex() == VECTOR["ke"]
    assert transcript.initiator_tag.hex() == VECTOR["initiator_tag"]
    assert transcript.responder_tag.hex() == VECTOR["responder_tag"]
    assert transcript._bootstrapped_key.hex() == VECTOR["bk"]
    assert len(transcript.challenge_password) == 64


@pytest.mark.parametrize(("one", "other"), [(1, 2), (5, 7), (ORDER - 3, 9), (2**200, 2**199 + 1)])
def test_points_add_up_as_their_private_keys_do(one: int, other: int) -> None:
    total = samples.key((one + other) % ORDER)
    assert add_points(samples.key(one).public_key(), samples.key(other).public_key()) == total.public_key()


@pytest.mark.parametrize("other", [7, ORDER - 7])
def test_a_point_is_not_added_to_itself_or_its_opposite(other: int) -> None:
    with pytest.raises(RemoteProtocolError):
        add_points(samples.key(7).public_key(), samples.key(other).public_key())


@pytest.mark.parametrize("pending", [False, True])
@pytest.mark.parametrize("initiator", BOTH_ROLES)
def test_both_ends_prove_their_labels_in_either_role(initiator: Capability, pending: bool) -> None:
    pair = Pair.fresh(initiator, key=samples.INITIATOR_KEY)
    story = full_story(initiator, mutual=True)
    asked = pair.send(story[0])
    assert isinstance(asked, AuthenticationRequest)
    assert asked.initiator_key_hash == samples.INITIATOR_LABEL.key_hash
    pair.tell([PENDING] if pending else [])
    assert pair.initiator.state is (State.RESPONSE_PENDING if pending else State.REQUESTED)
    pair.tell(story[1:3])
    assert pair.initiator.mutual
    assert pair.responder.mutual
    pair.tell(story[3:])
    assert pair.initiator.state is pair.responder.state is State.COMPLETE


@pytest.mark.parametrize("key", [None, samples.INITIATOR_KEY])
def test_it_is_the_responder_who_decides(key: ec.EllipticCurvePrivateKey | None) -> None:
    pair = Pair.fresh(key=key)
    pair.tell(full_story()[:3])
    assert not pair.initiator.mutual
    assert not pair.responder.mutual
    pair.tell(full_story()[3:])


def test_while_the_response_is_pending_a_person_has_time_to_scan() -> None:
    pair = Pair.fresh(key=samples.INITIATOR_KEY)
    pair.tell([TOLD[0], PENDING])
    assert pair.initiator.deadline == pair.responder.deadline == pair.now + 120
    for end in pair.ends:
        with pytest.raises(LocalProtocolError):
            end.send(PENDING, pair.now)
    (again,) = pair.initiator.receive(pair.octets[1], pair.now)
    assert isinstance(again, MessageDropped)
    pair.now += 100
    pair.tell(TOLD[1:])


def test_a_pending_response_may_end_in_a_refusal() -> None:
    pair = Pair.fresh(key=samples.INITIATOR_KEY)
    pair.tell([TOLD[0], PENDING])
    failed = pair.send(AuthenticationResponse(Status.NOT_COMPATIBLE))
    assert isinstance(failed, ExchangeFailed)
    assert failed.status is Status.NOT_COMPATIBLE
    pair.tell(TOLD)


def test_a_responder_names_only_the_key_that_the_initiator_named() -> None:
    pair = Pair.fixed()
    pair.tell(TOLD[:1])
    before = snapshot(pair.responder)
    with pytest.raises(LocalProtocolError):
        pair.responder.send(AuthenticationResponse(initiator=STRANGER), pair.now)
    assert snapshot(pair.responder) == before
    pair.tell(TOLD[1:])


def test_whoever_only_photographed_the_initiators_label_cannot_take_its_place() -> None:
    honest = Connection.initiator(samples.LABEL, Capability.CONFIGURATOR, key=samples.INITIATOR_KEY)
    thief = Connection.initiator(samples.LABEL, Capability.CONFIGURATOR, key=samples.key(99))
    responder = Connection.responder(samples.LABEL_KEY, Capability.ENROLLEE)
    request = thief.send(AuthenticationRequest(), 0)
    responder.receive(request, 0)
    with pytest.raises(LocalProtocolError):
        responder.send(AuthenticationResponse(initiator=samples.INITIATOR_LABEL), 0)
    assert honest.state is State.READY


RESPONSE: Items = [
    (AttributeId.STATUS, b"\0"),
    (AttributeId.RESPONDER_KEY_HASH, samples.LABEL.key_hash),
    (AttributeId.INITIATOR_KEY_HASH, samples.INITIATOR_LABEL.key_hash),
    (AttributeId.RESPONDER_PROTOCOL_KEY, forge.RESPONDER_POINT),
]
KE = bytes.fromhex(VECTOR["ke"])


def forged_response(clear: Items, tag: str, key: bytes) -> bytes:
    sealed = siv.wrap(key, encode_attributes([(AttributeId.RESPONDER_AUTHENTICATION_TAG, bytes.fromhex(tag))]))
    inner: Items = [
        (AttributeId.RESPONDER_NONCE, responder_chance().nonce),
        (AttributeId.INITIATOR_NONCE, samples.CHALLENGE),
        (AttributeId.RESPONDER_CAPABILITIES, b"\x01"),
        (AttributeId.WRAPPED_DATA, sealed),
    ]
    return forge.frame(FrameType.AUTHENTICATION_RESPONSE, clear, encode_attributes(inner), forge.K2)


@pytest.mark.parametrize(
    ("clear", "tag", "key", "fits"),
    [
        (RESPONSE, VECTOR["responder_tag"], KE, True),
        (RESPONSE, VECTOR["initiator_tag"], KE, False),
        (RESPONSE, VECTOR["responder_tag"], forge.KE, False),
        (RESPONSE[:2] + RESPONSE[3:], VECTOR["responder_tag"], KE, False),
        ([*RESPONSE[:2], (AttributeId.INITIATOR_KEY_HASH, bytes(32)), RESPONSE[3]], VECTOR["responder_tag"], KE, False),
    ],
)
def test_a_response_is_mutual_in_every_part_or_dropped(clear: Items, tag: str, key: bytes, fits: bool) -> None:
    pair = Pair.at(State.REQUESTED, TOLD)
    (event,) = pair.initiator.receive(forged_response(clear, tag, key), pair.now)
    assert isinstance(event, MessageDropped) is not fits
    assert pair.initiator.state is (State.RESPONDED if fits else State.REQUESTED)


def test_a_responder_whose_protocol_key_is_its_label_is_dropped_before_any_sum() -> None:
    pair = Pair.at(State.REQUESTED, TOLD)
    point = samples.LABEL.public_key.public_numbers()
    octets = point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")
    clear: Items = [*RESPONSE[:3], (AttributeId.RESPONDER_PROTOCOL_KEY, octets)]
    sealed = forge.frame(
        FrameType.AUTHENTICATION_RESPONSE,
        clear,
        encode_attributes([(AttributeId.RESPONDER_NONCE, bytes(16)), (AttributeId.INITIATOR_NONCE, samples.CHALLENGE)]),
        forge.second_key(samples.LABEL.public_key),
    )
    (event,) = pair.initiator.receive(sealed, pair.now)
    assert isinstance(event, MessageDropped)
    assert "opposite" in event.detail
    assert pair.initiator.state is State.REQUESTED


@pytest.mark.parametrize("mutual", [False, True])
def test_a_confirm_that_sees_the_direction_otherwise_is_dropped(mutual: bool) -> None:
    pair = Pair.at(State.RESPONDED, full_story(mutual=mutual))
    other = Pair.at(State.RESPONDED, full_story(mutual=not mutual))
    octets = other.initiator.send(AuthenticationConfirm(), pair.now)
    (event,) = pair.responder.receive(octets, pair.now)
    assert isinstance(event, MessageDropped)
    assert not pair.responder.authenticated
    pair.tell(full_story(mutual=mutual)[2:])


def test_an_initiator_that_insists_on_a_mutual_exchange_can_give_up_and_say_so() -> None:
    pair = Pair.fresh(key=samples.INITIATOR_KEY)
    pair.tell(full_story()[:2])
    failed = pair.send(AuthenticationConfirm(status=Status.AUTH_FAILURE))
    assert isinstance(failed, ExchangeFailed)
    assert failed.status is Status.AUTH_FAILURE
    assert not pair.initiator.authenticated
    pair.tell(TOLD)


@pytest.mark.parametrize("what", ["pending", "response", "confirm", "abort"])
def test_every_single_bit_flip_and_cut_of_a_mutual_message_is_refused(what: str) -> None:
    messages = {"pending": PENDING, "response": TOLD[1], "confirm": TOLD[2]}
    message = messages.get(what, AuthenticationConfirm(samples.CHALLENGE, Status.AUTH_FAILURE))
    state = State.REQUESTED if what in ("pending", "response") else State.RESPONDED
    pair = Pair.at(state, TOLD)
    octets = twin(pair.sender(message.step)).send(message, pair.now)
    end = pair.receiver(message.step)
    before = snapshot(end)
    flips = [
        octets[:position] + bytes([octets[position] ^ 1 << bit]) + octets[position + 1 :]
        for position, bit in itertools.product(range(LENGTH_OCTETS, len(octets)), range(8))
    ]
    cuts = [
        (length - LENGTH_OCTETS).to_bytes(4, "big") + octets[LENGTH_OCTETS:length]
        for length in range(LENGTH_OCTETS + 1, len(octets))
    ]
    for spoilt in (*flips, *cuts):
        victim = twin(end)
        (event,) = victim.receive(spoilt, pair.now)
        assert isinstance(event, MessageDropped)
        assert snapshot(victim) == before


@pytest.mark.parametrize("number", range(len(WINDING)))
def test_whatever_comes_twice_counts_once_in_the_longest_story(number: int) -> None:
    pair = Pair.fresh(key=samples.INITIATOR_KEY)
    pair.tell(WINDING[: number + 1])
    end = pair.receiver(WINDING[number].step)
    before = snapshot(end)
    for _ in range(20):
        (event,) = end.receive(pair.octets[number], pair.now)
        assert isinstance(event, MessageDropped)
        assert event.reason is DropReason.DUPLICATE
    assert snapshot(end) == before
    pair.tell(WINDING[number + 1 :])
    assert pair.initiator.state is pair.responder.state is State.COMPLETE


@pytest.mark.parametrize("number", range(1, len(WINDING)))
def test_what_an_earlier_long_story_said_is_not_taken_in_a_later_one(number: int) -> None:
    pair = Pair.fresh(key=samples.INITIATOR_KEY)
    pair.tell(WINDING)
    recorded = list(pair.octets)
    pair.tell(WINDING[:number])
    end = pair.receiver(WINDING[number].step)
    for old, octets in zip(WINDING[1:], recorded[1:], strict=True):
        if pair.receiver(old.step) is not end:
            continue
        spoilt = twin(end)
        (event,) = spoilt.receive(octets, pair.now)
        if isinstance(old, ComebackDelay | ComebackRequest) and event == old:
            assert spoilt.state is end.state, "they are not authenticated, and move nothing"
        else:
            assert isinstance(event, MessageDropped)
            assert snapshot(spoilt) == snapshot(end)
    pair.tell(WINDING[number:])

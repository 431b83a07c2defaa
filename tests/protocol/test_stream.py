"""Octets as a link delivers them: in chunks of any size, late, or not at all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onboarding_protocol.dpp import (
    MESSAGE_MAX_OCTETS,
    AuthenticationRequest,
    DropReason,
    ExchangeFailed,
    MessageDropped,
    State,
    delimit,
)
from onboarding_protocol.dpp.frames import MessageReader
from onboarding_protocol.dpp.states import MESSAGE_PATIENCE_S, PATIENCE_S
from onboarding_protocol.errors import RemoteProtocolError
from onboarding_protocol.gatt import CHUNK_MAX_OCTETS, NOTIFICATION_HEADER_OCTETS, chunk_octets, chunks
from tests.protocol.pair import STORY, Pair, full_story, snapshot, twin

TOLD = full_story()
RECORDED = Pair.at(State.COMPLETE, TOLD).octets


@pytest.mark.parametrize("mtu", [23, 24, 64, 158, 185, 247, 503, 504, 512, 517])
def test_the_whole_story_comes_through_at_every_mtu(mtu: int) -> None:
    pair = Pair.fresh()
    for message in TOLD:
        octets = pair.sender(message.step).send(message, pair.now)
        pieces = list(chunks(octets, mtu))
        assert b"".join(pieces) == octets
        assert max(map(len, pieces)) <= min(mtu - 3, CHUNK_MAX_OCTETS)
        receiver = pair.receiver(message.step)
        events = [event for piece in pieces for event in receiver.receive(piece, pair.now)]
        assert events == [message]
    assert pair.responder.state is State.COMPLETE


@pytest.mark.parametrize(("mtu", "size"), [(0, 20), (22, 20), (23, 20), (185, 182), (247, 244), (503, 500), (517, 500)])
def test_a_chunk_is_what_the_smallest_stack_takes(mtu: int, size: int) -> None:
    assert chunk_octets(mtu) == size
    assert [len(chunk) for chunk in chunks(bytes(size + 1), mtu)] == [size, 1]


@pytest.mark.parametrize(("mtu", "size"), [(23, 18), (185, 180), (505, 500), (517, 500)])
def test_a_notification_leaves_room_for_its_length(mtu: int, size: int) -> None:
    assert [len(chunk) for chunk in chunks(bytes(size + 1), mtu, NOTIFICATION_HEADER_OCTETS)] == [size, 1]


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_any_chunking_gives_the_same_messages(data: st.DataObject) -> None:
    messages = data.draw(st.lists(st.binary(min_size=1, max_size=300), max_size=6))
    stream = b"".join(map(delimit, messages))
    reader, received, position = MessageReader(), list[bytes](), 0
    while position < len(stream):
        size = data.draw(st.integers(1, 400))
        received += reader.receive(stream[position : position + size])
        position += size
    assert received == messages
    assert not reader.inside
    assert list(MessageReader().receive(stream)) == messages


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=40))
def test_any_chunking_of_a_real_exchange_gives_the_same_events(sizes: list[int]) -> None:
    pair = Pair.fixed()
    turn = 0
    for message, octets in zip(TOLD, RECORDED, strict=True):
        pair.sender(message.step).send(message, pair.now)
        events, position = [], 0
        while position < len(octets):
            size = sizes[turn % len(sizes)]
            events += pair.receiver(message.step).receive(octets[position : position + size], pair.now)
            position, turn = position + size, turn + 1
        assert events == [message]
    assert pair.initiator.state is State.COMPLETE


def test_messages_before_a_wrong_length_are_still_taken() -> None:
    pair = Pair.fixed()
    events = pair.responder.receive(RECORDED[0] + b"\xff\xff\xff\xff" + b"rest", pair.now)
    assert events[0] == TOLD[0]
    assert isinstance(events[1], MessageDropped)
    assert pair.responder.state is State.REQUESTED
    assert pair.responder.deadline == pair.now + PATIENCE_S[State.REQUESTED]
    pair.initiator.send(TOLD[0], pair.now)
    pair.tell(TOLD[1:])


@pytest.mark.parametrize("length", [0, MESSAGE_MAX_OCTETS + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_length_that_cannot_be_is_refused_at_its_fourth_octet(length: int) -> None:
    reader = MessageReader()
    octets = length.to_bytes(4, "big")
    assert list(reader.receive(octets[:3])) == []
    assert reader.inside
    with pytest.raises(RemoteProtocolError):
        list(reader.receive(octets[3:] + b"rest"))
    assert not reader.inside
    assert list(reader.receive(delimit(b"next"))) == [b"next"]


def test_the_longest_message_is_read() -> None:
    reader = MessageReader()
    octets = delimit(bytes(MESSAGE_MAX_OCTETS))
    assert list(reader.receive(octets[:-1])) == []
    assert list(reader.receive(octets[-1:] + b"\0")) == [bytes(MESSAGE_MAX_OCTETS)]
    reader.reset()
    assert not reader.inside


@pytest.mark.parametrize("number", range(7))
def test_half_a_message_is_given_up_after_ten_silent_seconds_and_the_exchange_goes_on(number: int) -> None:
    pair = Pair.at(STORY[number], TOLD)
    end = pair.receiver(TOLD[number].step)
    before = snapshot(end)
    half = len(RECORDED[number]) // 2
    assert end.receive(RECORDED[number][:half], pair.now) == []
    assert end.deadline == pair.now + MESSAGE_PATIENCE_S
    assert end.receive(RECORDED[number][half : half + 1], pair.now + 9) == []
    assert end.deadline in (pair.now + 9 + MESSAGE_PATIENCE_S, pair.now + PATIENCE_S.get(STORY[number], 1000))
    assert end.expire(pair.now + 9.9) == []
    spoilt = twin(end)
    if STORY[number] not in (State.REQUESTED, State.RESPONDED):
        (event,) = spoilt.expire(pair.now + 19)
        assert isinstance(event, MessageDropped)
        assert event.reason is DropReason.UNAUTHENTICATED
        assert snapshot(spoilt) == before
    (event,) = end.receive(RECORDED[number][half + 1 :], pair.now + 9.9)
    assert event == TOLD[number]


@pytest.mark.parametrize("state", PATIENCE_S)
def test_each_states_patience_ends_the_exchange_at_both_ends(state: State) -> None:
    pair = Pair.at(state, TOLD)
    for end in pair.ends:
        assert end.deadline == pair.now + PATIENCE_S[state]
        assert end.expire(pair.now + PATIENCE_S[state] - 0.001) == []
        (event,) = end.expire(pair.now + PATIENCE_S[state])
        assert isinstance(event, ExchangeFailed)
        assert event.status is None
        assert state.name in event.detail
        assert snapshot(end) == (State.FAILED, None, False)
        assert end.expire(pair.now + 1e9) == []
    pair.tell(TOLD)


def test_patience_and_half_a_message_may_run_out_together() -> None:
    pair = Pair.at(State.REQUESTED, TOLD)
    pair.initiator.receive(b"\0\0", pair.now)
    dropped, failed = pair.initiator.expire(pair.now + 10)
    assert isinstance(dropped, MessageDropped)
    assert isinstance(failed, ExchangeFailed)
    assert pair.initiator.deadline is None


def test_a_clock_may_begin_anywhere() -> None:
    for start in (-10.0, -1e9, 0.0, 1e12):
        pair = Pair.fresh()
        pair.now = start
        pair.tell([AuthenticationRequest(nonce=TOLD[0].nonce if isinstance(TOLD[0], AuthenticationRequest) else b"")])
        assert pair.responder.deadline == start + 10
        assert isinstance(pair.responder.expire(start + 10)[0], ExchangeFailed)

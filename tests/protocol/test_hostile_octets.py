"""Every bit of every message turned over, one at a time; then cut, doubled, replayed and reordered."""

import itertools

import pytest

from onboarding_protocol.dpp import (
    Connection,
    DropReason,
    Event,
    ExchangeFailed,
    MessageDropped,
    State,
    delimit,
)
from tests.protocol.pair import LENGTH_OCTETS, STORY, Pair, full_story, snapshot, twin

TOLD = full_story()
NUMBERS = range(len(TOLD))

# The GAS header is not authenticated by the standard. What the receiver can check in it, it checks; free remain:
FREE = {
    3: {
        1: "dialog token: the enrollee chooses it, and refuses the response if it comes back as another",
        4: "third octet of the advertisement protocol: peers disagree (7f or 00), so nobody may insist",
    },
    4: {8: "third octet of the advertisement protocol, likewise"},
}


def before_and_octets(number: int) -> tuple[Connection, bytes, Pair]:
    """Return the end that waits for this message, the message, and the pair."""
    pair = Pair.at(STORY[number], TOLD)
    octets = twin(pair.sender(TOLD[number].step)).send(TOLD[number], pair.now)
    return pair.receiver(TOLD[number].step), octets[LENGTH_OCTETS:], pair


def taken(connection: Connection, message: bytes, now: float) -> Event:
    (event,) = connection.receive(delimit(message), now)
    return event


@pytest.mark.parametrize("number", NUMBERS)
def test_every_single_bit_flip_is_refused_at_the_receiving_end(number: int) -> None:
    end, message, pair = before_and_octets(number)
    before = snapshot(end)
    accepted = set()
    for position, bit in itertools.product(range(len(message)), range(8)):
        flipped = bytearray(message)
        flipped[position] ^= 1 << bit
        spoilt = twin(end)
        event = taken(spoilt, bytes(flipped), pair.now)
        if isinstance(event, MessageDropped):
            assert snapshot(spoilt) == before
        else:
            assert event == TOLD[number]
            accepted.add(position)
    assert accepted == set(FREE.get(number, {}))
    pair.tell(TOLD[number:])


def test_a_changed_dialog_token_costs_the_response_not_the_enrollee() -> None:
    end, message, pair = before_and_octets(3)
    assert taken(end, message[:1] + b"\x7f" + message[2:], pair.now) == TOLD[3]
    answer = end.send(TOLD[4], pair.now)
    pair.responder.send(TOLD[3], pair.now)
    (event,) = pair.responder.receive(answer, pair.now)
    assert isinstance(event, MessageDropped)
    assert pair.responder.state is State.CONFIGURATION_REQUESTED


@pytest.mark.parametrize("number", NUMBERS)
def test_every_truncation_and_extension_is_refused(number: int) -> None:
    end, message, pair = before_and_octets(number)
    before = snapshot(end)
    spoilt_messages = [message[:length] for length in range(1, len(message))]
    for octets in [*spoilt_messages, message + b"\0", message + message]:
        spoilt = twin(end)
        assert isinstance(taken(spoilt, octets, pair.now), MessageDropped)
        assert snapshot(spoilt) == before
    pair.tell(TOLD[number:])


@pytest.mark.parametrize("number", NUMBERS)
def test_a_message_that_comes_twice_counts_once_and_costs_nothing(number: int) -> None:
    pair = Pair.fresh()
    pair.tell(TOLD[: number + 1])
    end = pair.receiver(TOLD[number].step)
    before = snapshot(end)
    for _ in range(20):
        (event,) = end.receive(pair.octets[number], pair.now)
        assert isinstance(event, MessageDropped)
        assert event.reason is DropReason.DUPLICATE
    assert snapshot(end) == before
    pair.tell(TOLD[number + 1 :])


def test_a_repeated_configuration_request_while_one_is_pending_is_a_duplicate() -> None:
    pair = Pair.fresh()
    pair.tell(TOLD[:4])
    for later in (5, 10, 15, 20):
        (event,) = pair.initiator.receive(pair.octets[3], pair.now + later)
        assert isinstance(event, MessageDropped)
        assert event.reason is DropReason.DUPLICATE
    assert pair.initiator.state is State.CONFIGURATION_REQUESTED
    assert pair.initiator.deadline == pair.now + 120, "repeating does not buy time"


@pytest.mark.parametrize("number", NUMBERS)
def test_messages_of_an_earlier_exchange_are_not_taken_in_a_later_one(number: int) -> None:
    pair = Pair.fresh()
    pair.tell(TOLD)
    recorded = list(pair.octets)
    pair.tell(TOLD[:number])
    end = pair.receiver(TOLD[number].step)
    for old, octets in zip(TOLD, recorded, strict=True):
        if pair.receiver(old.step) is not end:
            continue
        spoilt = twin(end)
        (event,) = spoilt.receive(octets, pair.now)
        if old is TOLD[0] and STORY[number] in (State.READY, State.REQUESTED, State.RESPONDED):
            assert event == TOLD[0], "a replayed request may begin an exchange, but nobody can confirm it"
        else:
            assert isinstance(event, MessageDropped)
            assert snapshot(spoilt) == snapshot(end)
    pair.tell(TOLD[number:])


def test_whoever_replays_a_request_gets_no_further() -> None:
    pair = Pair.fresh()
    pair.tell(TOLD)
    recorded = list(pair.octets)
    assert pair.responder.receive(recorded[0], pair.now) == [TOLD[0]]
    pair.responder.send(TOLD[1], pair.now)
    (event,) = pair.responder.receive(recorded[2], pair.now)
    assert isinstance(event, MessageDropped)
    assert event.reason is DropReason.UNAUTHENTICATED
    assert not pair.responder.authenticated


@pytest.mark.parametrize("by_initiator", [True, False])
def test_in_any_other_order_only_what_is_in_turn_is_taken(by_initiator: bool) -> None:
    recorded = Pair.at(State.COMPLETE, TOLD).octets
    incoming = [number for number in NUMBERS if hears(number) is by_initiator]
    for order in itertools.permutations(incoming):
        pair = Pair.fixed()
        end = pair.initiator if by_initiator else pair.responder
        told = say(end, 0, by_initiator)
        for number in order:
            (event,) = end.receive(recorded[number], pair.now)
            if number == told:
                assert event == TOLD[number]
                told = say(end, told + 1, by_initiator)
            else:
                assert isinstance(event, MessageDropped)
        assert (end.state is State.COMPLETE) == (list(order) == incoming)


def hears(number: int) -> bool:
    """Return whether the initiator receives this message."""
    pair = Pair.fixed()
    return pair.receiver(TOLD[number].step) is pair.initiator


def say(end: Connection, number: int, by_initiator: bool) -> int:
    """Send all that is this end's turn and return the number of the message it then waits for."""
    while number < len(TOLD) and hears(number) is not by_initiator:
        end.send(TOLD[number], 1000.0)
        number += 1
    return number


def test_five_messages_may_fail_to_verify_and_the_sixth_ends_the_exchange() -> None:
    pair = Pair.fresh()
    pair.tell(TOLD[:4])
    garbage = b"\x09\x50\x6f\x9a\x1a\x01\x0b" + b"\x04\x10\x10\x00" + bytes(16)
    for _ in range(5):
        event = taken(pair.initiator, garbage, pair.now)
        assert isinstance(event, MessageDropped)
        assert pair.initiator.authenticated
    failed = taken(pair.initiator, garbage, pair.now)
    assert isinstance(failed, ExchangeFailed)
    assert failed.status is None
    assert pair.initiator.state is State.FAILED
    assert pair.initiator.deadline is None
    pair.responder.expire(pair.now + 1000)
    pair.tell(TOLD)


def test_the_next_exchange_may_drop_five_again() -> None:
    pair = Pair.fresh()
    for _ in range(2):
        pair.tell(TOLD[:3])
        for _ in range(5):
            assert isinstance(taken(pair.initiator, b"\x0a", pair.now), MessageDropped)
        pair.tell(TOLD[3:])
    assert pair.initiator.state is State.COMPLETE


def test_garbage_between_exchanges_never_fails_what_is_not_there() -> None:
    pair = Pair.fresh()
    events = [taken(end, b"\x01\x02\x03", pair.now) for end in pair.ends for _ in range(50)]
    assert all(isinstance(event, MessageDropped) for event in events)
    assert pair.responder.state is State.READY
    pair.tell(TOLD)


def test_the_free_octets_are_as_few_as_the_standard_allows() -> None:
    assert sum(len(positions) for positions in FREE.values()) == 3
    assert all(reason for positions in FREE.values() for reason in positions.values())

"""Twenty thousand spoilt streams into both ends in every state: our events, no exception, a bounded buffer."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onboarding_protocol.dpp import (
    MESSAGE_MAX_OCTETS,
    Connection,
    Event,
    Message,
    State,
)
from onboarding_protocol.dpp.messages import Event as EventUnion
from onboarding_protocol.dpp.states import MESSAGE_PATIENCE_S
from tests.protocol.pair import LENGTH_OCTETS, STORY, Pair, full_story, twin
from tests.protocol.winding import WINDING

TOLD = full_story()
STATES = STORY[:7]
PAIRS = {state: Pair.at(state, TOLD) for state in STATES}
STORIES = {"straight": TOLD, "winding": WINDING}
EVENTS = EventUnion.__args__

MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "cut", "double", "insert", "swap"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
        st.integers(1, 40),
    ),
    min_size=1,
    max_size=5,
)
Mutation = tuple[str, float, int, int]


def spoil(octets: bytes, mutations: list[Mutation]) -> bytes:
    spoilt = bytearray(octets)
    for kind, where, octet, length in mutations:
        at = int(where * len(spoilt)) if spoilt else 0
        piece = bytes(spoilt[at : at + length])
        match kind:
            case "flip" if spoilt:
                spoilt[at] ^= octet or 1
            case "set":
                spoilt[at : at + 1] = bytes([octet])
            case "cut":
                del spoilt[at : at + length]
            case "double":
                spoilt[at:at] = piece
            case "insert":
                spoilt[at:at] = bytes([octet]) * length
            case "swap":
                spoilt[at : at + length] = piece[::-1]
    return bytes(spoilt)


def feed(end: Connection, stream: bytes, size: int, now: float) -> list[Event]:
    """Deliver a stream in chunks; check what comes out and what is held after each."""
    events: list[Event] = []
    for start in range(0, len(stream), size):
        new = end.receive(stream[start : start + size], now)
        assert all(isinstance(event, EVENTS) for event in new)
        assert len(end._reader._buffer) < LENGTH_OCTETS + MESSAGE_MAX_OCTETS
        events += new
    assert end.state in State
    assert end.deadline is None or end.deadline > now
    return events


def tellings(story: Sequence[Message]) -> list[tuple[int, Pair]]:
    """Return a pair before each message of a story."""
    pairs = [(number, Pair.fixed()) for number in range(len(story))]
    for number, pair in pairs:
        pair.tell(story[:number])
    return pairs


def record(story: Sequence[Message]) -> list[bytes]:
    pair = Pair.fixed()
    pair.tell(story)
    return pair.octets


TELLINGS = {name: tellings(story) for name, story in STORIES.items()}
RECORDED = {name: record(story) for name, story in STORIES.items()}


@pytest.mark.parametrize("name", STORIES)
@settings(deadline=None, max_examples=500)
@given(mutations=MUTATIONS, size=st.sampled_from([20, 182, 500, 4000]))
def test_a_mutated_stream_gives_our_events_and_nothing_else(name: str, mutations: list[Mutation], size: int) -> None:
    story = STORIES[name]
    for number, pair in TELLINGS[name]:
        for end in pair.ends:
            hears = [n for n, message in enumerate(story) if pair.receiver(message.step) is end]
            stream = b"".join(RECORDED[name][n] for n in hears if n >= number) or RECORDED[name][hears[-1]]
            victim = twin(end)
            feed(victim, spoil(stream, mutations), size, pair.now)
            assert victim.expire(pair.now + MESSAGE_PATIENCE_S + 1000) is not None
            assert victim.deadline is None


@pytest.mark.parametrize("seed", range(4))
def test_noise_gives_our_events_and_nothing_else(seed: int) -> None:
    chance = random.Random(seed)
    for pair in PAIRS.values():
        for end in pair.ends:
            victim = twin(end)
            noise = b"".join(
                len(piece).to_bytes(4, "big") + bytes([chance.choice((0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0xFF))]) + piece[1:]
                for piece in (chance.randbytes(chance.randint(1, 400)) for _ in range(30))
            )
            events = feed(victim, noise, 100, pair.now)
            assert len(events) == 30
            assert victim.state in (end.state, State.FAILED)

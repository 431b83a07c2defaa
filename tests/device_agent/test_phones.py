from functools import partial

import pytest

from device_agent.enrollee import Begun, Configured, Enrollee, Failed, Outcome
from device_agent.phones import PHONES_MAX, STRANGER_PATIENCE_S, STRANGERS_MAX, Leave, Phones
from device_agent.statement import Particulars
from device_agent.store import Store
from onboarding_protocol.dpp import (
    AuthenticationConfirm,
    AuthenticationRequest,
    ConfigurationResponse,
    ConnectionStatus,
    Status,
)
from onboarding_protocol.dpp.frames import MESSAGE_MAX_OCTETS, delimit
from onboarding_protocol.dpp.states import MESSAGE_PATIENCE_S, PATIENCE_S, State
from onboarding_protocol.gatt import ATT_MTU_MIN
from onboarding_protocol.hint import Hint
from tests.device_agent.operator import Operator
from tests.device_agent.phone import Phone, label, network

JOINED = ConnectionStatus(Status.OK, b"Home")


class Room:
    """All phones around one device."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.phones = Phones(lambda: Enrollee(store, Particulars(), lambda: ()))

    def phone(self, name: str) -> Phone:
        return Phone(label(self.store), partial(self.carry, name))

    def carry(self, name: str, octets: bytes, now: float) -> list[Outcome]:
        outcomes = list(self.phones.written(name, 185, octets, now))
        assert all(peer == name for peer, _ in outcomes)
        return [outcome for _, outcome in outcomes]


@pytest.fixture
def room(store: Store) -> Room:
    return Room(store)


def test_the_newest_request_wins_until_a_confirm_has_verified(room: Room) -> None:
    first, second = room.phone("a"), room.phone("b")
    first.ask()
    second.ask()
    assert first.send(AuthenticationConfirm()) == []
    assert first.hints == []
    assert second.send(AuthenticationConfirm()) != []


def test_afterwards_others_hear_once_that_the_device_is_busy(room: Room, operator: Operator) -> None:
    first, second = room.phone("a"), room.phone("b")
    first.authenticate()
    assert room.phones.busy
    for _ in range(3):
        assert second.ask() == []
    assert second.hints == [Hint.BUSY]
    key = room.store.operational_key.public_key()
    assert first.configure(network(operator.grant(key))).status is Status.OK


def test_a_phone_is_told_again_that_the_next_exchange_is_not_its_own(room: Room) -> None:
    first, second, third = room.phone("a"), room.phone("b"), room.phone("c")
    first.authenticate()
    second.ask()
    room.phones.gone("a")
    second.ask()
    third.authenticate()
    second.ask()
    assert second.hints == [Hint.BUSY, Hint.BUSY]


def test_an_authenticated_phone_that_is_gone_makes_room(room: Room) -> None:
    room.phone("a").authenticate()
    assert room.phones.any_left
    room.phones.gone("a")
    assert not room.phones.any_left
    assert room.phones.deadline is None
    assert room.phone("b").authenticate()


def test_an_authenticated_phone_that_falls_silent_makes_room(room: Room) -> None:
    first = room.phone("a")
    first.authenticate()
    due = first.now + PATIENCE_S[State.CONFIGURATION_REQUESTED]
    assert room.phones.deadline == due
    ((peer, failed),) = room.phones.expire(due)
    assert (peer, type(failed)) == ("a", Failed)
    assert room.phone("b").authenticate()


def test_garbage_of_one_peer_does_not_disturb_another(room: Room) -> None:
    good, bad = room.phone("good"), room.phone("bad")
    bad.write(b"\x00\x00\x1f")
    good.ask()
    for _ in range(50):
        bad.write(b"\xff" * 509)
        bad.write(delimit(b"\x09" * 40))
    good.send(AuthenticationConfirm())
    bad.write(delimit(b"\x0b" * 100) * 20)
    good.send(ConfigurationResponse(objects=(network(),)))
    assert isinstance(good.outcomes[-1], Configured)
    assert not any(isinstance(outcome, Begun | Failed) for outcome in bad.outcomes)


def test_a_peer_that_writes_for_ever_is_given_no_more_memory_than_one_message(room: Room) -> None:
    endless = room.phone("a")
    for _ in range(200):
        endless.write((MESSAGE_MAX_OCTETS).to_bytes(4, "big") + b"\x09" * 505)
    reader = room.phones._phones["a"].enrollee._connection._reader
    assert len(reader._buffer) <= MESSAGE_MAX_OCTETS + 4
    assert room.phones.deadline == endless.now + MESSAGE_PATIENCE_S
    assert list(room.phones.expire(endless.now + MESSAGE_PATIENCE_S)) == []
    assert not reader._buffer


def test_more_peers_than_fit_push_out_a_quiet_one_and_never_the_authenticated(room: Room) -> None:
    good = room.phone("good")
    good.authenticate()
    for number in range(PHONES_MAX * 3):
        room.phone(f"peer-{number}").write(b"\0")
    assert len(room.phones._phones) == PHONES_MAX
    assert good.configure(network()).status is Status.OK


def test_only_the_phone_that_waits_hears_how_joining_went(room: Room) -> None:
    first, second = room.phone("a"), room.phone("b")
    second.write(b"\0")
    first.authenticate()
    first.configure(network())
    assert [peer for peer, _ in room.phones.report(JOINED, first.now)] == ["a"]
    assert list(room.phones.report(JOINED, first.now)) == []
    assert not room.phones.busy


def test_a_link_has_the_mtu_of_its_last_write(room: Room) -> None:
    assert room.phones.mtu("a") == ATT_MTU_MIN
    room.phone("a").write(b"\0")
    assert room.phones.mtu("a") == 185
    room.phones.gone("a")
    assert room.phones.mtu("a") == ATT_MTU_MIN


def test_after_the_window_a_newcomer_is_told_once_and_gets_no_further(room: Room) -> None:
    room.phones.closed = True
    late = room.phone("late")
    for _ in range(3):
        assert late.ask() == []
    assert late.hints == [Hint.WINDOW_CLOSED]


def test_after_the_window_an_authenticated_exchange_goes_on_and_no_other_follows_it(room: Room) -> None:
    phone = room.phone("a")
    phone.authenticate()
    room.phones.closed = True
    assert phone.configure(network()).status is Status.OK
    assert room.phones.busy
    phone.take(outcome for _, outcome in room.phones.report(JOINED, phone.now))
    assert not room.phones.busy
    phone.send(AuthenticationRequest())
    assert phone.hints == [Hint.WINDOW_CLOSED]


def test_a_peer_that_links_and_does_not_begin_is_sent_away_once(room: Room) -> None:
    now = 1000.0
    room.phones.linked("silent", now)
    assert room.phones.deadline == now + STRANGER_PATIENCE_S
    assert list(room.phones.expire(now + STRANGER_PATIENCE_S - 0.1)) == []
    assert list(room.phones.expire(now + STRANGER_PATIENCE_S)) == [("silent", Leave())]
    assert list(room.phones.expire(now + STRANGER_PATIENCE_S)) == []
    assert room.phones.deadline is None


def test_writing_without_knowing_the_label_earns_no_more_time(room: Room) -> None:
    vandal = room.phone("vandal")
    vandal.write(delimit(b"\x09" * 40))
    assert list(room.phones.expire(vandal.now + STRANGER_PATIENCE_S)) == [("vandal", Leave())]


def test_a_peer_that_has_begun_may_stay_and_one_that_is_gone_is_forgotten(room: Room) -> None:
    phone = room.phone("a")
    room.phones.linked("a", phone.now)
    room.phones.linked("b", phone.now)
    phone.ask()
    room.phones.gone("b")
    leaving = [peer for peer, outcome in room.phones.expire(phone.now + STRANGER_PATIENCE_S) if outcome == Leave()]
    assert leaving == []


def test_no_crowd_of_links_fills_memory(room: Room) -> None:
    for number in range(STRANGERS_MAX * 2):
        room.phones.linked(f"peer-{number}", 0.0)
    assert len(list(room.phones.expire(STRANGER_PATIENCE_S))) == STRANGERS_MAX

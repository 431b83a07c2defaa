"""GAS comeback: a configurator that has the enrollee ask again."""

import itertools

import pytest

from onboarding_protocol.dpp import (
    Capability,
    ComebackDelay,
    ComebackDue,
    ComebackRequest,
    ConfigurationResponse,
    DropReason,
    ExchangeFailed,
    MessageDropped,
    State,
    Status,
    delimit,
)
from onboarding_protocol.errors import LocalProtocolError
from tests.protocol.pair import LENGTH_OCTETS, Pair, full_story, snapshot, twin

TOLD = full_story()
BOTH_ROLES = [Capability.CONFIGURATOR, Capability.ENROLLEE]
DELAY = ComebackDelay(500)


def waiting(initiator: Capability = Capability.CONFIGURATOR) -> Pair:
    return Pair.at(State.CONFIGURATION_REQUESTED, full_story(initiator), initiator)


@pytest.mark.parametrize("initiator", BOTH_ROLES)
@pytest.mark.parametrize("times", [1, 2, 5])
def test_an_enrollee_comes_back_until_there_is_an_answer(times: int, initiator: Capability) -> None:
    pair = waiting(initiator)
    for _ in range(times):
        pair.tell([DELAY])
        enrollee = pair.receiver(DELAY.step)
        assert enrollee.deadline == pair.now + DELAY.seconds
        assert enrollee.expire(pair.now + DELAY.seconds - 0.001) == []
        pair.now += DELAY.seconds
        assert enrollee.expire(pair.now) == [ComebackDue()]
        assert enrollee.expire(pair.now) == []
        pair.tell([ComebackRequest()])
    assert pair.octets[-1] == bytes.fromhex("00000002 0c01")
    pair.tell(full_story(initiator)[4:])
    assert pair.octets[4 + 2 * times][LENGTH_OCTETS] == 0x0D
    assert pair.initiator.state is pair.responder.state is State.COMPLETE


def test_a_delay_is_octet_for_octet_this() -> None:
    pair = waiting()
    pair.tell([DELAY, ComebackRequest(), DELAY])
    assert pair.octets[-3].hex() == "00000012" + "0b01" + "0000" + "f401" + "6c087fdd05506f9a1a01" + "0000"
    assert pair.octets[-1].hex() == "00000013" + "0d01" + "0000" + "00" + "f401" + "6c087fdd05506f9a1a01" + "0000"
    assert DELAY.seconds == pytest.approx(0.512)


def test_coming_back_buys_no_time() -> None:
    pair = waiting()
    start = pair.now
    for _ in range(20):
        pair.tell([DELAY])
        pair.now += 5
        pair.responder.expire(pair.now)
        pair.tell([ComebackRequest()])
    pair.now = start + 120
    for end in pair.ends:
        assert isinstance(end.expire(pair.now)[0], ExchangeFailed)
        assert end.state is State.FAILED


def test_an_enrollee_that_is_overdue_fails_and_does_not_come_back() -> None:
    pair = waiting()
    pair.now += 119.9
    pair.tell([DELAY])
    (event,) = pair.responder.expire(pair.now + 1)
    assert isinstance(event, ExchangeFailed)
    assert pair.responder.deadline is None


def test_an_enrollee_may_come_back_early_but_not_unasked() -> None:
    pair = waiting()
    with pytest.raises(LocalProtocolError):
        pair.responder.send(ComebackRequest(), pair.now)
    pair.tell([DELAY, ComebackRequest()])
    with pytest.raises(LocalProtocolError):
        pair.responder.send(ComebackRequest(), pair.now)
    assert pair.responder.expire(pair.now + 1) == [], "it has come back already"
    pair.tell(TOLD[4:])


def test_a_configurator_that_asked_to_come_back_waits_for_that() -> None:
    pair = waiting()
    pair.tell([DELAY])
    for message in (TOLD[4], DELAY, ConfigurationResponse(Status.CONFIGURE_FAILURE)):
        with pytest.raises(LocalProtocolError):
            pair.initiator.send(message, pair.now)
    assert pair.initiator.state is State.CONFIGURATION_REQUESTED
    pair.tell([ComebackRequest(), *TOLD[4:]])


@pytest.mark.parametrize("units", [0, -1, 0x10000])
def test_a_delay_that_has_no_octets_is_refused(units: int) -> None:
    pair = waiting()
    with pytest.raises(LocalProtocolError):
        pair.initiator.send(ComebackDelay(units), pair.now)
    pair.tell(TOLD[4:])


def test_a_comeback_nobody_asked_for_is_dropped() -> None:
    pair = waiting()
    for octets in (b"\x0c\x01", b"\x0c\x02", b"\x0c", b"\x0c\x01\x00"):
        (event,) = pair.initiator.receive(delimit(octets), pair.now)
        assert isinstance(event, MessageDropped)
    pair.tell([DELAY])
    for octets in (b"\x0c\x02", b"\x0c", b"\x0c\x01\x00"):
        spoilt = twin(pair.initiator)
        (event,) = spoilt.receive(delimit(octets), pair.now)
        assert isinstance(event, MessageDropped)
    pair.tell([ComebackRequest(), *TOLD[4:]])


def test_a_delay_or_comeback_that_comes_twice_counts_once_and_costs_nothing() -> None:
    pair = waiting()
    pair.tell([DELAY])
    before = snapshot(pair.responder)
    pair.tell([ComebackRequest()])
    for end, octets in ((pair.initiator, pair.octets[-1]),) * 20:
        (event,) = end.receive(octets, pair.now)
        assert isinstance(event, MessageDropped)
        assert event.reason is DropReason.DUPLICATE
    again = waiting()
    again.tell([DELAY])
    for later in range(20):
        (event,) = again.responder.receive(again.octets[-1], again.now + later / 100)
        assert isinstance(event, MessageDropped)
        assert event.reason is DropReason.DUPLICATE
    assert snapshot(again.responder) == before
    pair.tell(TOLD[4:])


def test_a_forged_delay_costs_a_question_and_not_the_answer() -> None:
    pair = waiting()
    forged = twin(pair.initiator).send(ComebackDelay(65_535), pair.now)
    assert pair.responder.receive(forged, pair.now) == [ComebackDelay(65_535)]
    pair.tell(TOLD[4:])
    assert pair.responder.state is State.COMPLETE
    assert pair.responder.deadline is None


@pytest.mark.parametrize("comebacks", [0, 1])
def test_every_bit_flip_of_a_delay_is_another_delay_or_dropped(comebacks: int) -> None:
    pair = waiting()
    pair.tell([DELAY, ComebackRequest()] * comebacks)
    octets = twin(pair.initiator).send(DELAY, pair.now)[LENGTH_OCTETS:]
    units, free = 4 + comebacks, set()
    for position, bit in itertools.product(range(len(octets)), range(8)):
        spoilt = twin(pair.responder)
        flipped = octets[:position] + bytes([octets[position] ^ 1 << bit]) + octets[position + 1 :]
        (event,) = spoilt.receive(delimit(flipped), pair.now)
        assert snapshot(spoilt)[0] is State.CONFIGURATION_REQUESTED
        if not isinstance(event, MessageDropped):
            assert isinstance(event, ComebackDelay)
            free.add(position)
    third_octet_of_the_protocol = units + 4
    assert free == {units, units + 1, third_octet_of_the_protocol}


def test_every_bit_flip_of_an_answer_after_a_comeback_is_dropped() -> None:
    pair = waiting()
    pair.tell([DELAY, ComebackRequest()])
    octets = twin(pair.initiator).send(TOLD[4], pair.now)[LENGTH_OCTETS:]
    accepted = set()
    for position, bit in itertools.product(range(40), range(8)):
        spoilt = twin(pair.responder)
        flipped = octets[:position] + bytes([octets[position] ^ 1 << bit]) + octets[position + 1 :]
        (event,) = spoilt.receive(delimit(flipped), pair.now)
        if not isinstance(event, MessageDropped):
            assert event == TOLD[4]
            accepted.add(position)
    assert accepted == {9}, "the third octet of the advertisement protocol"
    for length in range(1, len(octets)):
        (event,) = twin(pair.responder).receive(delimit(octets[:length]), pair.now)
        assert isinstance(event, MessageDropped)


def test_gas_refusals_and_fragments_are_dropped() -> None:
    pair = waiting()
    start, end = "0d01", "6c087fdd05506f9a1a01" + "0000"
    for middle in ("0100" + "00" + "f401", "0000" + "01" + "f401", "0000" + "80" + "f401"):
        (event,) = pair.responder.receive(delimit(bytes.fromhex(start + middle + end)), pair.now)
        assert isinstance(event, MessageDropped)
    (event,) = pair.responder.receive(delimit(bytes.fromhex("0b010000f4016c087fdd05506f9a1a01" + "0100ff")), pair.now)
    assert isinstance(event, MessageDropped)
    assert "gives it" in event.detail

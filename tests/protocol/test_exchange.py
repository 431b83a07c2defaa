import pytest

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
    DropReason,
    ExchangeFailed,
    ForeignMessage,
    MessageDropped,
    State,
    Status,
)
from onboarding_protocol.errors import LocalProtocolError
from onboarding_protocol.hint import Hint, encode_hint, read_hint
from onboarding_protocol.members import DeviceStatement, EndpointResult, EndpointStatus, Grant
from tests.protocol import samples
from tests.protocol.pair import Pair, full_story, snapshot

BOTH_ROLES = [Capability.CONFIGURATOR, Capability.ENROLLEE]


@pytest.mark.parametrize("initiator", BOTH_ROLES)
def test_everything_sent_arrives_as_it_was_sent_in_either_role(initiator: Capability) -> None:
    pair = Pair.fresh(initiator)
    pair.tell(full_story(initiator))
    assert pair.initiator.state is pair.responder.state is State.COMPLETE
    assert pair.initiator.deadline is pair.responder.deadline is None
    assert not pair.initiator.authenticated
    assert len(pair.octets) == 7


def test_our_members_travel_inside_the_ordinary_objects() -> None:
    pair = Pair.fresh()
    story = full_story()
    pair.tell(story[:3])
    asked = pair.send(story[3])
    answered = pair.send(story[4])
    pair.tell(story[5:6])
    reported = pair.send(ConnectionStatusResult(samples.joined(EndpointResult.REFUSED)))
    assert isinstance(asked, ConfigurationRequest)
    assert isinstance(answered, ConfigurationResponse)
    assert isinstance(reported, ConnectionStatusResult)
    statement = DeviceStatement.from_members(asked.request.members)
    grant = Grant.from_members(answered.objects[0].members)
    assert statement is not None
    assert statement.networks == samples.NETWORKS
    assert grant is not None
    assert len(grant.certificates) == 1
    assert answered.objects[0].credential.passphrase == samples.PASSPHRASE
    assert EndpointStatus.from_members(reported.status.members) == EndpointStatus(EndpointResult.REFUSED)


@pytest.mark.parametrize("initiator", BOTH_ROLES)
def test_an_exchange_without_connection_status_ends_with_the_result(initiator: Capability) -> None:
    pair = Pair.fresh(initiator)
    pair.tell(full_story(initiator, wants_status=False))
    assert pair.initiator.state is pair.responder.state is State.COMPLETE
    with pytest.raises(LocalProtocolError):
        pair.send(ConnectionStatusResult(samples.joined()))


def test_an_enrollee_need_not_remember_whether_a_status_was_asked_for() -> None:
    pair = Pair.fresh()
    pair.tell(full_story(wants_status=False)[:5])
    event = pair.send(ConfigurationResult(Status.OK, status_follows=True))
    assert event == ConfigurationResult(Status.OK, status_follows=False)
    assert pair.responder.state is State.COMPLETE


@pytest.mark.parametrize("capability", BOTH_ROLES)
def test_a_role_clash_is_refused_with_not_compatible(capability: Capability) -> None:
    initiator = Connection.initiator(samples.LABEL, capability)
    responder = Connection.responder(samples.LABEL_KEY, capability)
    (request,) = responder.receive(initiator.send(AuthenticationRequest(capability), 0), 0)
    assert isinstance(request, AuthenticationRequest)
    assert request.capabilities is capability
    answer = request.answer(capability)
    assert answer == AuthenticationResponse(Status.NOT_COMPATIBLE)
    (failed,) = initiator.receive(responder.send(answer, 0), 0)
    assert isinstance(failed, ExchangeFailed)
    assert failed.status is Status.NOT_COMPATIBLE
    assert initiator.state is responder.state is State.FAILED


def test_an_end_that_can_be_nothing_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        Connection.initiator(samples.LABEL, Capability(0))
    with pytest.raises(LocalProtocolError):
        Connection.responder(samples.LABEL_KEY, Capability(0))
    assert Connection.responder(samples.LABEL_KEY, Capability.ENROLLEE).state is State.READY


EITHER = Capability.ENROLLEE | Capability.CONFIGURATOR


@pytest.mark.parametrize(
    ("initiator", "responder", "agreed"),
    [
        (EITHER, Capability.ENROLLEE, Capability.CONFIGURATOR),
        (EITHER, Capability.CONFIGURATOR, Capability.ENROLLEE),
        (Capability.ENROLLEE, EITHER, Capability.ENROLLEE),
        (Capability.CONFIGURATOR, EITHER, Capability.CONFIGURATOR),
        (EITHER, EITHER, Capability.CONFIGURATOR),
    ],
)
def test_an_end_that_can_be_either_becomes_what_the_other_needs(
    initiator: Capability, responder: Capability, agreed: Capability
) -> None:
    pair = Pair(
        Connection.initiator(samples.LABEL, initiator), Connection.responder(samples.LABEL_KEY, responder), agreed
    )
    assert pair.initiator.capability is initiator
    asked = pair.send(AuthenticationRequest(nonce=samples.CHALLENGE))
    assert isinstance(asked, AuthenticationRequest)
    assert asked.capabilities is initiator
    pair.tell([asked.answer(responder), *full_story(agreed)[2:3]])
    assert pair.initiator.capability is agreed
    assert pair.responder.capability is agreed.counterpart
    pair.tell(full_story(agreed)[3:])
    assert pair.initiator.state is pair.responder.state is State.COMPLETE


def test_a_responder_that_can_do_both_is_answered_by_the_role_we_lack() -> None:
    request = AuthenticationRequest(Capability.ENROLLEE | Capability.CONFIGURATOR)
    assert request.answer(Capability.ENROLLEE).status is Status.OK
    assert request.answer(Capability.CONFIGURATOR).status is Status.OK
    assert AuthenticationRequest(Capability(0)).answer(Capability.ENROLLEE).status is Status.NOT_COMPATIBLE


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.OK, Status.CSR_NEEDED}))
def test_a_refused_configuration_ends_both_ends_and_carries_its_status(status: Status) -> None:
    pair = Pair.fresh()
    pair.tell(full_story()[:4])
    event = pair.send(ConfigurationResponse(status))
    assert isinstance(event, ExchangeFailed)
    assert event.status is status
    assert not pair.initiator.authenticated
    assert not pair.responder.authenticated
    pair.tell(full_story())


def test_a_rejected_configuration_can_still_be_explained() -> None:
    pair = Pair.fresh()
    pair.tell(full_story()[:5])
    pair.tell([ConfigurationResult(Status.CONFIG_REJECTED)])
    status = samples.joined(EndpointResult.UNTRIED)
    pair.tell([ConnectionStatusResult(status)])
    assert pair.initiator.state is State.COMPLETE
    assert pair.responder.state is State.COMPLETE


def test_the_challenge_arrives_with_the_request_and_again_authenticated() -> None:
    pair = Pair.fresh()
    first = pair.send(AuthenticationRequest(nonce=samples.CHALLENGE))
    pair.send(AuthenticationResponse())
    confirmed = pair.send(AuthenticationConfirm())
    assert first == AuthenticationRequest(Capability.CONFIGURATOR, samples.CHALLENGE)
    assert confirmed == AuthenticationConfirm(samples.CHALLENGE)
    assert pair.responder.authenticated


def test_exchanges_follow_each_other_on_one_link_and_share_nothing() -> None:
    pair = Pair.fresh()
    story = full_story()
    for _ in range(3):
        pair.tell(story)
    first, second, third = (b"".join(pair.octets[n : n + 7]) for n in (0, 7, 14))
    assert len({first, second, third}) == 3
    assert pair.octets[0][51:83] != pair.octets[7][51:83], "I_HASH must not link two exchanges"


def test_an_oversize_message_is_refused_before_it_is_sent() -> None:
    pair = Pair.fresh()
    pair.tell(full_story()[:3])
    before = snapshot(pair.responder)
    for size in (8_000, 70_000, 140_000):
        request = samples.enrollee({"/x": "x" * size})
        with pytest.raises(LocalProtocolError):
            pair.responder.send(ConfigurationRequest(request), pair.now)
    assert snapshot(pair.responder) == before
    pair.tell(full_story()[3:])


def test_the_longest_message_allowed_is_sent_and_taken() -> None:
    pair = Pair.fresh()
    pair.tell(full_story()[:3])
    overhead = 8_000
    for size in range(7_900, 7_700, -1):
        try:
            pair.tell([ConfigurationRequest(samples.enrollee({"/x": "x" * size}))])
        except LocalProtocolError:
            continue
        overhead = len(pair.octets[-1])
        break
    assert overhead == 8_004
    assert pair.initiator.state is State.CONFIGURATION_REQUESTED


def test_a_challenge_of_the_wrong_length_is_refused_and_leaves_the_exchange_alone() -> None:
    pair = Pair.fixed()
    pair.tell(full_story()[:1])
    before = snapshot(pair.initiator)
    for nonce in (b"x" * 15, b"x" * 17, b"x"):
        with pytest.raises(LocalProtocolError):
            pair.initiator.send(AuthenticationRequest(nonce=nonce), pair.now)
    assert snapshot(pair.initiator) == before
    pair.tell(full_story()[1:])


@pytest.mark.parametrize("hint", list(Hint))
def test_a_hint_is_handed_on_in_every_state_and_changes_nothing(hint: Hint) -> None:
    pair = Pair.fresh()
    for message in (*full_story(), None):
        for end in pair.ends:
            before = snapshot(end)
            (event,) = end.receive(encode_hint(hint), pair.now)
            assert isinstance(event, ForeignMessage)
            assert read_hint(event.octets) is hint
            assert snapshot(end) == before
        if message:
            pair.tell([message])


@pytest.mark.parametrize("octets", [b"\xff", b"\xff\x00", b"\xff\x05", b"\xff\x01\x00", b"\xfe\x01", b""])
def test_what_is_no_hint_of_ours_reads_as_none(octets: bytes) -> None:
    assert read_hint(octets) is None
    assert encode_hint(Hint.BUSY) == bytes.fromhex("00000002ff01")


def test_an_initiator_answers_no_request_and_a_responder_sends_none() -> None:
    pair = Pair.fresh()
    request = Pair.fresh().initiator.send(AuthenticationRequest(), 0)
    (event,) = pair.initiator.receive(request, 0)
    assert isinstance(event, MessageDropped)
    assert event.reason is DropReason.OUT_OF_ORDER
    with pytest.raises(LocalProtocolError):
        pair.responder.send(AuthenticationRequest(), 0)
    with pytest.raises(LocalProtocolError):
        pair.initiator.send(AuthenticationResponse(), 0)

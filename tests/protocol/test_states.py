"""The state table, walked: every step at every end in every state, when sent as when received."""

from collections.abc import Sequence

import pytest

from onboarding_protocol.dpp import (
    CSR_ATTRIBUTES,
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ComebackDelay,
    ConfigurationResponse,
    ConfigurationResult,
    DropReason,
    Message,
    MessageDropped,
    State,
    Status,
)
from onboarding_protocol.dpp.states import PATIENCE_S, SENDER, TRANSITIONS, Step
from onboarding_protocol.errors import LocalProtocolError
from tests.protocol import samples
from tests.protocol.pair import STORY, Pair, full_story, snapshot, twin

BOTH_ROLES = [Capability.CONFIGURATOR, Capability.ENROLLEE]
STORIES = {initiator: full_story(initiator) for initiator in BOTH_ROLES}
TOLD = STORIES[Capability.CONFIGURATOR]
DIGRESSIONS: Sequence[tuple[State, Message]] = (
    (State.REQUESTED, AuthenticationResponse(Status.RESPONSE_PENDING)),
    (State.REQUESTED, AuthenticationResponse(Status.NOT_COMPATIBLE)),
    (State.RESPONDED, AuthenticationConfirm(samples.CHALLENGE, Status.AUTH_FAILURE)),
    (State.CONFIGURATION_REQUESTED, ComebackDelay(500)),
    (State.CONFIGURATION_REQUESTED, ConfigurationResponse(Status.CSR_NEEDED, csr_attributes=CSR_ATTRIBUTES)),
    (State.CONFIGURATION_REQUESTED, ConfigurationResponse(Status.CONFIGURE_FAILURE)),
)
"""What may be said beside the straight story, and where."""
OF_THEIR_OWN = {Step.COMEBACK_REQUEST, Step.LAST_CONFIGURATION_RESPONSE}
"""Steps that need more than a state: test_comeback.py, test_versions.py."""
STRAIGHT = [transition for transition in TRANSITIONS if transition[1] not in OF_THEIR_OWN | {Step.COMEBACK_DELAY}]


def one_of_each(initiator: Capability) -> Sequence[Message]:
    return (*STORIES[initiator], *(message for _, message in DIGRESSIONS))


def octets_of_each(initiator: Capability) -> list[tuple[Message, bytes]]:
    pair = Pair.fixed(initiator)
    pair.tell(STORIES[initiator])
    written = list(zip(STORIES[initiator], pair.octets, strict=True))
    for state, message in DIGRESSIONS:
        digressing = Pair.at(state, STORIES[initiator], initiator)
        digressing.send(message)
        written.append((message, digressing.octets[-1]))
    return written


def finish(pair: Pair) -> None:
    """Tell the rest of the story from wherever the pair is."""
    state, story = pair.initiator.state, STORIES[pair.initiator_capability]
    if state is State.RESPONSE_PENDING:
        pair.tell(story[1:])
    else:
        pair.tell(story if state in (State.FAILED, State.COMPLETE) else story[STORY.index(state) :])
    assert pair.initiator.state is pair.responder.state is State.COMPLETE


@pytest.mark.parametrize("initiator", BOTH_ROLES)
@pytest.mark.parametrize("state", list(State))
def test_every_illegal_send_raises_and_changes_nothing(state: State, initiator: Capability) -> None:
    pair = Pair.at(state, STORIES[initiator], initiator)
    before = [snapshot(end) for end in pair.ends]
    refused = 0
    for message in one_of_each(initiator):
        for end in pair.ends:
            if end is pair.sender(message.step) and (state, message.step) in TRANSITIONS:
                continue
            with pytest.raises(LocalProtocolError):
                end.send(message, pair.now)
            refused += 1
    told = {message.step for message in one_of_each(initiator)}
    assert refused == 2 * 13 - sum(legal is state and step in told for legal, step in TRANSITIONS)
    assert [snapshot(end) for end in pair.ends] == before
    finish(pair)


@pytest.mark.parametrize("initiator", BOTH_ROLES)
@pytest.mark.parametrize("state", list(State))
def test_every_illegal_receive_is_dropped_and_changes_nothing(state: State, initiator: Capability) -> None:
    pair = Pair.at(state, STORIES[initiator], initiator)
    for message, octets in octets_of_each(initiator):
        for end in pair.ends:
            if end is pair.receiver(message.step) and (state, message.step) in TRANSITIONS:
                continue
            spoilt = twin(end)
            (event,) = spoilt.receive(octets, pair.now)
            assert isinstance(event, MessageDropped)
            assert event.reason in (DropReason.OUT_OF_ORDER, DropReason.DUPLICATE)
            assert snapshot(spoilt) == snapshot(end)
    finish(pair)


@pytest.mark.parametrize("initiator", BOTH_ROLES)
@pytest.mark.parametrize(("state", "step"), STRAIGHT)
def test_every_legal_step_moves_both_ends_alike(state: State, step: Step, initiator: Capability) -> None:
    told = full_story(initiator, wants_status=step is not Step.LAST_CONFIGURATION_RESULT)
    pair = Pair.at(state, told, initiator)
    pair.now += 3
    again = AuthenticationRequest(initiator, b"another nonce...")
    candidates = (again, *one_of_each(initiator), ConfigurationResult(status_follows=False))
    message = next(message for message in candidates if message.step is step)
    pair.send(message)
    after = TRANSITIONS[state, step]
    assert pair.initiator.state is pair.responder.state is after
    patience = PATIENCE_S.get(after)
    assert pair.initiator.deadline == pair.responder.deadline == (None if patience is None else pair.now + patience)


def test_the_table_names_every_step_and_reaches_every_state() -> None:
    assert set(SENDER) == set(Step)
    assert {step for _, step in TRANSITIONS} == set(Step)
    assert {State.READY, *TRANSITIONS.values()} == set(State)
    assert {state for state, _ in TRANSITIONS} == set(State)


def test_every_state_that_waits_for_somebody_has_a_patience() -> None:
    ended = {State.READY, State.COMPLETE, State.FAILED}
    assert set(PATIENCE_S) == set(State) - ended
    assert all(patience > 0 for patience in PATIENCE_S.values())


@pytest.mark.parametrize("state", [State.REQUESTED, State.RESPONSE_PENDING, State.RESPONDED])
def test_the_newest_authentication_request_wins_before_confirm(state: State) -> None:
    pair = Pair.fresh()
    pending = state is State.RESPONSE_PENDING
    pair.tell([TOLD[0], DIGRESSIONS[0][1]] if pending else TOLD[: STORY.index(state)])
    stale = twin(pair.initiator)
    pair.tell(TOLD)
    assert pair.responder.state is State.COMPLETE
    assert stale.state is state


@pytest.mark.parametrize("state", [*STORY[3:7]])
def test_an_authentication_request_after_confirm_is_dropped(state: State) -> None:
    pair = Pair.fresh()
    pair.tell(TOLD[: STORY.index(state)])
    before = snapshot(pair.responder)
    request = Pair.fresh().initiator.send(AuthenticationRequest(), pair.now)
    for octets in (request, pair.octets[0]):
        (event,) = pair.responder.receive(octets, pair.now)
        assert isinstance(event, MessageDropped)
        assert event.reason is DropReason.OUT_OF_ORDER
    assert snapshot(pair.responder) == before
    with pytest.raises(LocalProtocolError):
        pair.initiator.send(AuthenticationRequest(), pair.now)
    finish(pair)


def test_the_response_to_an_older_request_is_dropped() -> None:
    pair = Pair.fresh()
    pair.tell(TOLD[:1])
    stale = pair.responder.send(AuthenticationResponse(), pair.now)
    pair.tell(TOLD[:1])
    (event,) = pair.initiator.receive(stale, pair.now)
    assert isinstance(event, MessageDropped)
    assert event.reason is DropReason.UNAUTHENTICATED
    finish(pair)

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from device_agent.enrollee import LABEL_HINTS_MAX, Configured, Enrollee, Failed, Outcome, Say
from device_agent.record import NONCES_KEPT, Record
from device_agent.statement import Particulars
from device_agent.store import Store, read_record
from onboarding_protocol.dpp import (
    Akm,
    AuthenticationRequest,
    Capability,
    ConfigurationObject,
    Connection,
    ConnectionStatus,
    ConnectionStatusResult,
    Credential,
    Status,
)
from onboarding_protocol.dpp.frames import delimit
from onboarding_protocol.dpp.states import State
from onboarding_protocol.hint import Hint
from onboarding_protocol.identity import verify_label_proof, verify_signing_request
from onboarding_protocol.members import MEMBER, DeviceState, EndpointResult, EndpointStatus
from tests.device_agent.operator import NONCE, Operator, new_key
from tests.device_agent.phone import Phone, label, network

JOINED = ConnectionStatus(Status.OK, b"Home", members=EndpointStatus(EndpointResult.CONNECTED).to_members())
GARBAGE = delimit(b"\x01") * 7
Open = Callable[[], Store]


def another(phone: Phone) -> Phone:
    return Phone(phone.key, phone.carry)


def test_a_new_device_is_owned_in_one_exchange(
    store: Store, phone: Phone, enrollee: Enrollee, operator: Operator
) -> None:
    result = phone.onboard(operator)
    assert result.status is Status.OK
    assert phone.outcomes[-1] == Configured(foreign=False, issued_at=1_750_000_000)
    assert store.record.state is DeviceState.ASSIGNED
    assert [profile.ssid for profile in store.record.wifi] == [b"Home"]
    phone.take(enrollee.report(JOINED, phone.now))
    assert phone.heard[-1] == ConnectionStatusResult(JOINED)
    assert enrollee.deadline is None
    assert enrollee.report(JOINED, phone.now) == []


def test_the_request_proves_key_and_label(store: Store, phone: Phone) -> None:
    statement = phone.authenticate()
    assert statement.signing_request is not None
    assert statement.proof is not None
    verified = verify_signing_request(statement.signing_request, NONCE)
    assert verified.public_key == store.operational_key.public_key()
    verify_label_proof(label(store), statement.signing_request, 0, statement.proof)
    assert (statement.serial, statement.model, statement.firmware) == ("SN-1", "sensor", "1.0")


def test_the_nonce_is_on_disk_before_the_request_leaves(store: Store, folder: Path) -> None:
    seen: list[tuple[bytes, ...]] = []

    def carry(octets: bytes, now: float) -> list[Outcome]:
        outcomes = enrollee.receive(octets, now)
        seen.append(read_record(folder).nonces)
        return outcomes

    enrollee = Enrollee(store, Particulars(), lambda: ())
    Phone(label(store), carry).authenticate()
    assert seen == [(), (NONCE,)]


def test_the_record_is_on_disk_before_the_result_leaves(folder: Path, phone: Phone, operator: Operator) -> None:
    seen: list[Record] = []
    carry = phone.carry

    def watch(octets: bytes, now: float) -> list[Outcome]:
        outcomes = list(carry(octets, now))
        seen.append(read_record(folder))
        return outcomes

    phone.carry = watch
    phone.onboard(operator)
    assert [record.ownership is not None for record in seen] == [False, False, True]
    assert seen[-1].wifi[0].passphrase == "correct horse battery"


@pytest.mark.parametrize("state", [DeviceState.ASSIGNED, DeviceState.CONNECTED])
def test_a_device_that_is_owned_offers_nothing_to_sign_and_keeps_its_assignment(
    store: Store, phone: Phone, operator: Operator, state: DeviceState
) -> None:
    phone.onboard(operator)
    store.save(replace(store.record, state=state))
    before = store.record
    again = another(phone)
    again.carry = Enrollee(store, Particulars(), lambda: ()).receive
    statement = again.authenticate(bytes(16))
    assert (statement.state, statement.signing_request, statement.proof) == (state, None, None)
    assert again.configure(network(ssid=b"Office")).status is Status.OK
    after = store.record
    assert (after.state, after.ownership, after.nonces) == (state, before.ownership, before.nonces)
    assert [profile.ssid for profile in after.wifi] == [b"Office", b"Home"]


def test_a_foreign_configurator_gives_wifi_to_a_new_device(store: Store, phone: Phone) -> None:
    phone.authenticate()
    assert phone.configure(network()).status is Status.OK
    assert phone.outcomes[-1] == Configured(foreign=True, issued_at=None)
    assert (store.record.state, store.record.ownership) == (DeviceState.NEW, None)


def test_a_configurator_that_wants_no_status_gets_none(phone: Phone, enrollee: Enrollee) -> None:
    phone.authenticate()
    phone.configure(network(), wants_status=False)
    assert enrollee.report(JOINED, phone.now) == []
    assert not enrollee.authenticated


def test_a_refused_grant_is_told_and_nothing_of_it_stored(
    store: Store, phone: Phone, operator: Operator, folder: Path
) -> None:
    result = phone.onboard(operator, device="", endpoint=operator.endpoint)
    assert result.status is Status.CONFIG_REJECTED
    assert phone.reason == "assignment-malformed"
    assert isinstance(phone.outcomes[-1], Failed)
    assert store.record == read_record(folder) == Record(nonces=(NONCE,))


def test_the_holder_of_a_label_may_change_the_wifi_of_an_owned_device_and_never_its_owner(
    store: Store, phone: Phone, operator: Operator
) -> None:
    phone.onboard(operator)
    before = store.record
    thief = another(phone)
    thief.carry = Enrollee(store, Particulars(), lambda: ()).receive
    thief.authenticate()
    key = store.operational_key.public_key()
    assert thief.configure(network(Operator().grant(key), ssid=b"Lair")).status is Status.CONFIG_REJECTED
    assert thief.reason == "operator-unknown"
    assert store.record == before


def test_a_challenge_of_before_the_restart_is_still_answered_and_one_of_before_the_reset_is_not(
    open_store: Open, operator: Operator
) -> None:
    store = open_store()
    Phone(label(store), Enrollee(store, Particulars(), lambda: ()).receive).authenticate()
    grant = operator.grant(store.operational_key.public_key())
    store = open_store()
    late = Phone(label(store), Enrollee(store, Particulars(), lambda: ()).receive)
    late.authenticate(bytes(16))
    store.reset()
    assert late.configure(network(grant)).status is Status.CONFIG_REJECTED
    assert late.reason == "nonce-unknown"
    store.save(Record(nonces=(NONCE,)))


def test_a_late_assignment_is_taken_after_a_restart(open_store: Open, operator: Operator) -> None:
    store = open_store()
    Phone(label(store), Enrollee(store, Particulars(), lambda: ()).receive).authenticate()
    grant = operator.grant(store.operational_key.public_key())
    store = open_store()
    late = Phone(label(store), Enrollee(store, Particulars(), lambda: ()).receive)
    late.authenticate(bytes(16))
    assert late.configure(network(grant)).status is Status.OK
    assert store.record.ownership is not None


def test_only_the_last_challenges_are_remembered(store: Store, phone: Phone) -> None:
    for number in range(NONCES_KEPT + 2):
        again = another(phone)
        again.carry = Enrollee(store, Particulars(), lambda: ()).receive
        again.authenticate(bytes([number]) * 16)
    assert [nonce[0] for nonce in store.record.nonces] == [2, 3, 4, 5]


@pytest.mark.parametrize("akm", [Akm.DPP, Akm.DOT1X])
def test_a_network_we_cannot_join_is_passed_over(store: Store, phone: Phone, operator: Operator, akm: Akm) -> None:
    phone.authenticate()
    grant = operator.grant(store.operational_key.public_key())
    unusable = ConfigurationObject(b"Corp", Credential(akm), grant.to_members())
    assert phone.configure(unusable, network()).status is Status.OK
    assert [profile.ssid for profile in store.record.wifi] == [b"Home"]
    assert store.record.ownership is not None  # the grant came with the object that was passed over


@pytest.mark.parametrize("akm", [Akm.DPP, Akm.DOT1X])
def test_without_a_network_we_can_join_the_configuration_is_rejected(
    store: Store, phone: Phone, operator: Operator, akm: Akm
) -> None:
    phone.authenticate()
    grant = operator.grant(store.operational_key.public_key())
    unusable = ConfigurationObject(b"Corp", Credential(akm), grant.to_members())
    assert phone.configure(unusable).status is Status.CONFIG_REJECTED
    assert phone.reason == "configuration-malformed"
    assert (store.record.wifi, store.record.ownership) == ((), None)


@pytest.mark.parametrize("member", [1, [], {}, {"assignment": "x"}, {"assignment": "x", "x5c": ["!"]}, {"x5c": []}])
def test_a_grant_of_no_sense_is_rejected(store: Store, phone: Phone, member: object) -> None:
    phone.authenticate()
    item = ConfigurationObject(b"Home", Credential(Akm.PSK, "long enough"), {MEMBER: member})
    assert phone.configure(item).status is Status.CONFIG_REJECTED
    assert phone.reason == "configuration-malformed"
    assert store.record.wifi == ()


def test_the_network_that_worked_survives_two_that_do_not(store: Store, phone: Phone) -> None:
    for ssid in (b"Home", b"Wrong", b"Wrong too"):
        again = another(phone)
        again.carry = Enrollee(store, Particulars(), lambda: ()).receive
        again.authenticate()
        again.configure(network(ssid=ssid))
    assert [profile.ssid for profile in store.record.wifi] == [b"Wrong too", b"Home"]


def test_another_devices_label_gets_a_hint(store: Store, phone: Phone) -> None:
    stranger = Phone(label(store), phone.carry)
    stranger.key = type(stranger.key).from_public_key(new_key().public_key())
    stranger.__post_init__()
    assert stranger.ask() == []
    assert stranger.hints == [Hint.NOT_MY_LABEL]


def test_hints_about_the_label_end_until_somebody_knows_it(store: Store, phone: Phone) -> None:
    stranger = Phone(label(store), phone.carry)
    stranger.key = type(stranger.key).from_public_key(new_key().public_key())
    for _ in range(LABEL_HINTS_MAX + 5):
        stranger.__post_init__()
        assert stranger.ask() == []
    assert stranger.hints == [Hint.NOT_MY_LABEL] * LABEL_HINTS_MAX
    assert phone.ask() != []
    stranger.__post_init__()
    stranger.ask()
    assert len(stranger.hints) == LABEL_HINTS_MAX + 1


def test_an_end_that_cannot_configure_is_refused(store: Store, phone: Phone) -> None:
    other = Connection.initiator(label(store), Capability.ENROLLEE)
    octets = other.send(AuthenticationRequest(), phone.now)
    said = [outcome.octets for outcome in phone.carry(octets, phone.now) if isinstance(outcome, Say)]
    other.receive(b"".join(said), phone.now)
    assert other.state is State.FAILED
    assert store.record == Record()

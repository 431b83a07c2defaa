"""Phones that do not wait for their turn or fall silent, and a disk that fails."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from device_agent.enrollee import Configured, Enrollee, Failed
from device_agent.record import Record
from device_agent.store import Store
from onboarding_protocol.dpp import (
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ComebackDelay,
    ComebackRequest,
    ConfigurationRequest,
    ConfigurationResponse,
    Connection,
    ConnectionStatus,
    Status,
)
from onboarding_protocol.dpp.enterprise import CSR_ATTRIBUTES
from onboarding_protocol.dpp.frames import delimit
from onboarding_protocol.dpp.states import PATIENCE_S, State
from onboarding_protocol.hint import Hint
from onboarding_protocol.members import DeviceState, EndpointResult, EndpointStatus
from tests.device_agent.operator import Operator
from tests.device_agent.phone import Phone, network

JOINED = ConnectionStatus(Status.OK, b"Home", members=EndpointStatus(EndpointResult.CONNECTED).to_members())
GARBAGE = delimit(b"\x01") * 7
Open = Callable[[], Store]


def another(phone: Phone) -> Phone:
    return Phone(phone.key, phone.carry)


def test_two_requests_in_one_write_are_one_exchange_with_the_newer(phone: Phone) -> None:
    old, new = (Connection.initiator(phone.key, Capability.CONFIGURATOR) for _ in range(2))
    phone.connection = new
    octets = old.send(AuthenticationRequest(), phone.now) + new.send(AuthenticationRequest(), phone.now)
    (answer,) = phone.write(octets)
    assert isinstance(answer, AuthenticationResponse)
    assert phone.send(AuthenticationConfirm()) != []


def test_a_request_with_garbage_behind_it_in_one_write_fails_that_exchange_only(phone: Phone) -> None:
    phone.write(phone.connection.send(AuthenticationRequest(), phone.now) + GARBAGE)
    assert [type(outcome) for outcome in phone.outcomes] == [Failed]
    again = another(phone)
    assert again.authenticate().state is DeviceState.NEW


def test_a_confirm_with_garbage_behind_it_makes_no_request(store: Store, phone: Phone) -> None:
    phone.ask()
    phone.write(phone.connection.send(AuthenticationConfirm(), phone.now) + GARBAGE)
    assert isinstance(phone.outcomes[-1], Failed)
    assert store.record == Record()


def test_a_configuration_with_garbage_behind_it_is_not_stored(store: Store, phone: Phone) -> None:
    phone.authenticate()
    phone.write(phone.connection.send(ConfigurationResponse(objects=(network(),)), phone.now) + GARBAGE)
    assert isinstance(phone.outcomes[-1], Failed)
    assert store.record.wifi == ()


@pytest.mark.parametrize("state", [State.RESPONDED, State.CONFIGURATION_REQUESTED])
def test_a_phone_that_falls_silent_is_given_up(phone: Phone, enrollee: Enrollee, state: State) -> None:
    phone.ask()
    if state is State.CONFIGURATION_REQUESTED:
        phone.send(AuthenticationConfirm())
    due = phone.now + PATIENCE_S[state]
    assert enrollee.deadline == due
    assert enrollee.expire(due - 0.1) == []
    (failed,) = enrollee.expire(due)
    assert isinstance(failed, Failed)
    assert not enrollee.authenticated


@pytest.mark.parametrize("at", ["request", "configuration"])
def test_a_disk_that_fails_is_told_to_the_phone_and_the_next_try_works(
    store: Store, phone: Phone, folder: Path, at: str
) -> None:
    if at == "configuration":
        phone.authenticate()
    else:
        phone.ask()
    aside = folder.with_name("aside")
    folder.rename(aside)
    before = store.record
    last = ConfigurationResponse(objects=(network(),)) if at == "configuration" else AuthenticationConfirm()
    phone.send(last)
    aside.rename(folder)
    assert phone.hints == [Hint.INTERNAL_ERROR]
    failed = phone.outcomes[-1]
    assert isinstance(failed, Failed)
    assert "cannot be written" in failed.detail
    assert store.record == before
    again = another(phone)
    again.authenticate()
    assert again.configure(network()).status is Status.OK


def test_random_octets_never_raise_and_change_nothing(store: Store, enrollee: Enrollee) -> None:
    now = 0.0
    for size in (1, 3, 4, 19, 20, 244, 509) * 60:
        now += 1
        for outcome in [*enrollee.receive(os.urandom(size), now), *enrollee.expire(now)]:
            assert not isinstance(outcome, Configured)
    assert store.record == Record()


def test_a_configurator_that_needs_time_is_asked_again(phone: Phone, enrollee: Enrollee, operator: Operator) -> None:
    statement = phone.authenticate()
    assert statement.signing_request is not None
    assert phone.send(ComebackDelay(2000)) == []
    assert enrollee.deadline == phone.now + 2000 * 1.024e-3
    phone.now += 3
    assert phone.take(enrollee.expire(phone.now)) == [ComebackRequest()]
    key = x509.load_der_x509_csr(statement.signing_request).public_key()
    assert phone.configure(network(operator.grant(key))).status is Status.OK  # type: ignore[arg-type]


def test_who_asks_for_a_signing_request_again_and_again_is_left(phone: Phone, operator: Operator) -> None:
    phone.authenticate()
    (request,) = phone.send(ConfigurationResponse(Status.CSR_NEEDED, csr_attributes=CSR_ATTRIBUTES))
    assert isinstance(request, ConfigurationRequest)
    assert phone.send(ConfigurationResponse(Status.CSR_NEEDED, csr_attributes=CSR_ATTRIBUTES)) == []
    assert isinstance(phone.outcomes[-1], Failed)
    again = Phone(phone.key, phone.carry)
    assert again.onboard(operator).status is Status.OK

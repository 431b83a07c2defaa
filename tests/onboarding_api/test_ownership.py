"""Whose device it is: superseding, locking, moving, resetting."""

import base64

import pytest
from cryptography import x509

from onboarding_api.storage.contacts import Contact
from tests.onboarding_api.actors import Api, FactoryDevice, Json, User, expect_problem, sequence


def serial_of(registered: Json) -> bytes:
    serial = x509.load_der_x509_certificate(base64.b64decode(registered["x5c"][0])).serial_number
    return serial.to_bytes(16, "big")


def revoked(api: Api, registered: Json) -> bool:
    ((moment,),) = api.rows("SELECT revoked_at FROM certificates WHERE serial = :serial", serial=serial_of(registered))
    return moment is not None


def test_the_same_device_keeps_its_id_and_gets_the_next_number(api: Api, ann: User, device: FactoryDevice) -> None:
    first, second = ann.onboard(device), ann.onboard(device)
    assert first["device"]["id"] == second["device"]["id"]
    assert (sequence(first), sequence(second)) == (1, 2)
    assert (revoked(api, first), revoked(api, second)) == (True, False)
    assert (api.count("devices"), api.count("credentials"), api.count("owners")) == (1, 1, 1)


def test_a_new_credential_set_has_a_new_version(api: Api, ann: User, device: FactoryDevice) -> None:
    ann.onboard(device)
    (before,) = api.rows("SELECT version, credentials_version FROM devices")
    (old,) = api.rows("SELECT document FROM credentials")
    ann.onboard(device)
    (after,) = api.rows("SELECT version, credentials_version FROM devices")
    assert before[0] == after[0]
    assert before[1] != after[1]
    assert api.rows("SELECT document FROM credentials") != [old]


def test_a_colleague_may_supersede_what_is_only_assigned(api: Api, ann: User, bob: User, device: FactoryDevice) -> None:
    opened = ann.open(device)
    first = ann.register(opened, device.answer(opened)).get_json()
    second = bob.onboard(device)
    assert first["device"]["id"] == second["device"]["id"]
    assert ann.open(device)["device"] is None
    assert bob.open(device)["device"]["id"] == second["device"]["id"]
    assert ann.read(opened)["state"] == "expired"
    assert revoked(api, first)


def test_another_tenant_may_supersede_what_is_only_assigned(
    api: Api, ann: User, zoe: User, device: FactoryDevice
) -> None:
    opened = ann.open(device)
    first = ann.register(opened, device.answer(opened)).get_json()
    second = zoe.onboard(device)
    assert second["device"]["tenant"] == "globex"
    assert first["device"]["id"] != second["device"]["id"]
    assert (sequence(first), sequence(second)) == (1, 2)
    assert revoked(api, first)
    for table in ("devices", "credentials", "owners", "hardware"):
        assert api.rows(f"SELECT tenant_id FROM {table}") == [("globex",)]
    assert ann.read(opened)["state"] == "expired"
    assert api.device_connects(first) is Contact.UNKNOWN


@pytest.mark.parametrize("stranger", ["bob", "zoe"])
def test_a_connected_device_is_locked_and_names_nobody(
    api: Api, ann: User, stranger: str, device: FactoryDevice
) -> None:
    api.device_connects(ann.onboard(device))
    other = api.sign_in(stranger)
    device.reset()
    opened = other.open(device)
    problem = expect_problem(other.register(opened, device.answer(opened)), 409, "device-owned-elsewhere")
    assert not any(name in str(problem) for name in ("ann", "acme", "tenant"))
    assert (api.count("certificates"), api.count("devices")) == (1, 1)
    assert api.rows("SELECT sequence, state FROM hardware") == [(1, "connected")]


def test_colleague_and_foreign_tenant_are_refused_in_the_same_words(
    api: Api, ann: User, bob: User, zoe: User, device: FactoryDevice
) -> None:
    api.device_connects(ann.onboard(device))
    answers = []
    for other in (bob, zoe):
        opened = other.open(device)
        answers.append(other.register(opened, device.answer(opened)).data)
    assert answers[0] == answers[1]


def test_a_reset_device_comes_back_to_its_owner(api: Api, ann: User, device: FactoryDevice) -> None:
    first = ann.onboard(device)
    api.device_connects(first)
    device.reset()
    opened = ann.open(device)
    second = ann.register(opened, device.answer(opened)).get_json()
    assert second["device"]["id"] == first["device"]["id"]
    assert (revoked(api, first), sequence(second)) == (True, 2)
    assert ann.read(opened)["state"] == "assigned"
    api.device_connects(second)
    assert ann.read(opened)["state"] == "connected"


def test_a_reset_device_stays_locked_until_it_is_seen_again(
    api: Api, ann: User, zoe: User, device: FactoryDevice
) -> None:
    api.device_connects(ann.onboard(device))
    device.reset()
    ann.onboard(device)
    opened = zoe.open(device)
    expect_problem(zoe.register(opened, device.answer(opened)), 409, "device-owned-elsewhere")


def test_a_link_from_before_the_newest_assignment_connects_nothing(api: Api, ann: User, device: FactoryDevice) -> None:
    first = ann.onboard(device)
    second = ann.onboard(device)
    assert api.device_connects(first) is Contact.OUTDATED
    assert api.rows("SELECT state, connected_at FROM hardware") == [("assigned", None)]
    assert api.device_connects(second) is Contact.FIRST


def test_a_reset_counter_never_runs_backwards(api: Api, ann: User, zoe: User, device: FactoryDevice) -> None:
    device.resets = 3
    ann.onboard(device)
    device.resets = 2
    for user in (ann, zoe):
        opened = user.open(device)
        expect_problem(user.register(opened, device.answer(opened)), 409, "resets-behind")
    assert api.rows("SELECT resets, sequence FROM hardware") == [(3, 1)]


def test_a_refusal_for_ownership_does_not_burn_the_challenge(
    api: Api, ann: User, zoe: User, device: FactoryDevice
) -> None:
    api.device_connects(ann.onboard(device))
    opened = zoe.open(device)
    expect_problem(zoe.register(opened, device.answer(opened)), 409, "device-owned-elsewhere")
    with api.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM devices")
    assert zoe.register(opened, device.answer(opened)).status_code == 201


def test_counters_outlive_a_deleted_device(api: Api, ann: User, device: FactoryDevice) -> None:
    ann.onboard(device)
    with api.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM devices")
    again = ann.onboard(device)
    assert sequence(again) == 2
    assert api.count("devices") == 1


def test_deleting_a_tenant_takes_everything_but_the_counters(
    api: Api, ann: User, zoe: User, device: FactoryDevice
) -> None:
    ann.onboard(device)
    with api.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM tenants WHERE tenant_id = 'acme'")
    for table in ("devices", "credentials", "owners", "certificates", "onboardings"):
        assert api.count(table) == 0
    assert api.rows("SELECT tenant_id, sequence FROM hardware") == [(None, 1)]
    assert sequence(zoe.onboard(device)) == 2


def test_only_a_known_pair_of_tenant_and_device_is_marked_connected(api: Api, ann: User, device: FactoryDevice) -> None:
    registered = ann.onboard(device)
    foreign = registered | {"device": {"tenant": "globex", "id": registered["device"]["id"]}}
    assert api.device_connects(foreign) is Contact.UNKNOWN
    assert [api.device_connects(registered) for _ in range(2)] == [Contact.FIRST, Contact.KNOWN]

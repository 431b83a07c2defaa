"""What operators and administrators decide holds for onboarding, too: limits, disabled tenants, disabled devices."""

import base64
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from tests.onboarding_api.actors import Api, FactoryDevice, Json, User, expect_problem, sequence
from tests.onboarding_api.managers import Manager
from tests.onboarding_api.test_races import CALLERS, at_once

ACME = "/v1/tenants/acme"


def refused(user: User, device: FactoryDevice, slug: str) -> Json:
    opened = user.open(device)
    return expect_problem(user.register(opened, device.answer(opened)), 403, slug)


def test_onboarding_counts_against_the_tenants_limit(
    api: Api, root: Manager, ann: User, bob: User, device: FactoryDevice
) -> None:
    root.put(ACME, {"registration-limits": {"max-devices": 1}})
    ann.onboard(device)
    problem = refused(bob, FactoryDevice(), "limit-reached")
    assert "administrator" in problem["remedy"]
    assert (api.count("devices"), api.count("hardware"), api.count("certificates")) == (1, 1, 1)


def test_a_full_tenant_still_renews_what_it_has(api: Api, root: Manager, ann: User, device: FactoryDevice) -> None:
    root.put(ACME, {"registration-limits": {"max-devices": 1}})
    ann.onboard(device)
    device.reset()
    assert sequence(ann.onboard(device)) == 2
    assert api.count("devices") == 1


def test_a_device_that_moves_in_counts(api: Api, root: Manager, ann: User, zoe: User, device: FactoryDevice) -> None:
    root.put("/v1/tenants/globex", {"registration-limits": {"max-devices": 0}})
    ann.onboard(device)
    refused(zoe, device, "limit-reached")
    assert api.rows("SELECT tenant_id FROM devices") == [("acme",)]


def test_a_refusal_for_the_limit_does_not_burn_the_challenge(root: Manager, ann: User, device: FactoryDevice) -> None:
    root.put(ACME, {"registration-limits": {"max-devices": 0}})
    opened = ann.open(device)
    expect_problem(ann.register(opened, device.answer(opened)), 403, "limit-reached")
    root.put(ACME, {})
    assert ann.register(opened, device.answer(opened)).status_code == 201


def test_the_limit_holds_against_rivals(api: Api, root: Manager) -> None:
    root.put(ACME, {"registration-limits": {"max-devices": 2}})
    calls = []
    for _ in range(CALLERS):
        user, device = api.sign_in("ann"), FactoryDevice()
        opened = user.open(device)
        calls.append(partial(user.register, opened, device.answer(opened)))
    assert Counter(answer.status_code for answer in at_once(calls)) == {201: 2, 403: CALLERS - 2}
    assert api.count("devices") == 2


def test_a_disabled_tenant_opens_nothing_and_registers_nothing(
    api: Api, root: Manager, ann: User, zoe: User, device: FactoryDevice
) -> None:
    opened = ann.open(device)
    root.put(ACME, {"enabled": False})
    expect_problem(ann.register(opened, device.answer(opened)), 403, "tenant-disabled")
    spki = base64.b64encode(device.bootstrapping_key.spki).decode()
    problem = expect_problem(ann.post("/v1/onboardings", {"bootstrapping_key": spki}), 403, "tenant-disabled")
    assert "operator" in problem["remedy"]
    assert api.count("devices") == 0
    zoe.onboard(FactoryDevice())
    root.put(ACME, {"enabled": True})
    assert ann.register(opened, device.answer(opened)).status_code == 201


def test_an_answer_given_before_is_repeated_although_the_tenant_was_disabled_since(
    root: Manager, ann: User, device: FactoryDevice
) -> None:
    opened = ann.open(device)
    body = device.answer(opened)
    first = ann.register(opened, body)
    root.put(ACME, {"enabled": False})
    assert ann.register(opened, body).data == first.data


def disable_device(amy: Manager, identifier: str) -> None:
    amy.put(f"/v1/devices/acme/{identifier}", {"enabled": False})


def disable_credential(amy: Manager, identifier: str) -> None:
    path = f"/v1/credentials/acme/{identifier}"
    (credential,) = amy.send("GET", path).get_json()
    other = {"type": "x509-cert", "auth-id": "CN=other", "secrets": [{}]}
    amy.put(path, [other, credential | {"enabled": False}])


def disable_secret(amy: Manager, identifier: str) -> None:
    path = f"/v1/credentials/acme/{identifier}"
    (credential,) = amy.send("GET", path).get_json()
    amy.put(path, [credential | {"secrets": [credential["secrets"][0] | {"enabled": False}]}])


DISABLE = [disable_device, disable_credential, disable_secret]


@pytest.mark.parametrize("disable", DISABLE)
def test_what_an_administrator_disabled_is_not_onboarded_again(
    api: Api, amy: Manager, ann: User, bob: User, device: FactoryDevice, disable: Callable[[Manager, str], None]
) -> None:
    identifier = ann.onboard(device)["device"]["id"]
    disable(amy, identifier)
    before = api.rows("SELECT document FROM credentials ORDER BY auth_id")
    device.reset()
    for user in (ann, bob):
        problem = refused(user, device, "device-disabled")
        assert "administrator" in problem["remedy"]
    assert api.rows("SELECT document FROM credentials ORDER BY auth_id") == before
    assert api.rows("SELECT sequence FROM hardware") == [(1,)]
    assert api.rows("SELECT revoked_at FROM certificates") == [(None,)]


def test_another_disabled_credential_does_not_keep_a_device_from_being_renewed(
    amy: Manager, ann: User, device: FactoryDevice
) -> None:
    identifier = ann.onboard(device)["device"]["id"]
    path = f"/v1/credentials/acme/{identifier}"
    other = {"type": "x509-cert", "auth-id": "CN=other", "enabled": False, "secrets": [{}]}
    amy.put(path, [*amy.send("GET", path).get_json(), other])
    assert sequence(ann.onboard(device)) == 2


def test_a_stranger_does_not_learn_that_a_connected_device_is_disabled(
    api: Api, amy: Manager, ann: User, bob: User, zoe: User, device: FactoryDevice
) -> None:
    registered = ann.onboard(device)
    api.device_connects(registered)
    disable_device(amy, registered["device"]["id"])
    for stranger in (bob, zoe):
        opened = stranger.open(device)
        expect_problem(stranger.register(opened, device.answer(opened)), 409, "device-owned-elsewhere")


def test_disabling_what_is_only_assigned_keeps_no_other_tenant_away(
    amy: Manager, ann: User, zoe: User, device: FactoryDevice
) -> None:
    disable_device(amy, ann.onboard(device)["device"]["id"])
    assert zoe.onboard(device)["device"]["tenant"] == "globex"


def test_an_enabled_device_is_renewed_as_before(amy: Manager, ann: User, device: FactoryDevice) -> None:
    identifier = ann.onboard(device)["device"]["id"]
    disable_device(amy, identifier)
    amy.put(f"/v1/devices/acme/{identifier}", {"enabled": True})
    assert sequence(ann.onboard(device)) == 2

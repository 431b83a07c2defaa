"""POST /v1/onboardings and reading one."""

import base64

import pytest

from tests.onboarding_api.actors import Api, FactoryDevice, User, challenge_of, expect_problem


def test_opening_gives_a_fresh_challenge_for_five_minutes(ann: User, device: FactoryDevice) -> None:
    first, second = ann.open(device), ann.open(device)
    assert first["expires_at"] == "2025-06-15T12:05:00Z"
    assert first["device"] is None
    assert len(challenge_of(first)) == 16
    assert challenge_of(first) != challenge_of(second)


def test_the_location_is_the_onboarding(ann: User, device: FactoryDevice) -> None:
    spki = base64.b64encode(device.bootstrapping_key.spki).decode()
    response = ann.post("/v1/onboardings", {"bootstrapping_key": spki})
    assert ann.get(response.headers["Location"]).get_json()["state"] == "open"


@pytest.mark.parametrize("spki", [b"", b"\x30" * 59, b"x" * 91])
def test_what_is_not_a_label_key_is_refused(ann: User, spki: bytes) -> None:
    response = ann.post("/v1/onboardings", {"bootstrapping_key": base64.b64encode(spki).decode()})
    expect_problem(response, 422, "bootstrapping-key-refused")


def test_the_holder_sees_the_device_and_nobody_else_does(
    ann: User, bob: User, zoe: User, device: FactoryDevice
) -> None:
    registered = ann.onboard(device)
    assert ann.open(device)["device"] == registered["device"]
    assert ann.open(device)["device"]["owner"] is True
    assert bob.open(device)["device"] is None
    assert zoe.open(device)["device"] is None


def test_another_users_onboarding_does_not_exist(ann: User, bob: User, zoe: User, device: FactoryDevice) -> None:
    opened = ann.open(device)
    for stranger in (bob, zoe):
        expect_problem(stranger.get(f"/v1/onboardings/{opened['id']}"), 404, "onboarding-unknown")
        expect_problem(stranger.get(f"/v1/onboardings/{opened['id']}/events"), 404, "onboarding-unknown")
        expect_problem(stranger.register(opened, device.answer(opened)), 404, "onboarding-unknown")
    assert ann.register(opened, device.answer(opened)).status_code == 201


@pytest.mark.parametrize("text", ["%00", "any", "a%00b", "%F0%9F%90%A7", "0" * 5000, "{%s}" % ("0" * 36)])
def test_what_is_no_id_names_no_onboarding(ann: User, device: FactoryDevice, text: str) -> None:
    body = device.answer(ann.open(device))
    expect_problem(ann.get(f"/v1/onboardings/{text}"), 404, "onboarding-unknown")
    expect_problem(ann.get(f"/v1/onboardings/{text}/events"), 404, "onboarding-unknown")
    expect_problem(ann.post(f"/v1/onboardings/{text}/device", body), 404, "onboarding-unknown")


@pytest.mark.parametrize("claim", ["serial", "model", "firmware"])
def test_a_claim_that_no_database_can_store_is_refused(ann: User, device: FactoryDevice, claim: str) -> None:
    opened = ann.open(device)
    problem = expect_problem(ann.register(opened, device.answer(opened, **{claim: "a\0b"})), 400, "body-refused")
    assert problem["errors"][0]["member"] == claim
    assert ann.read(opened)["state"] == "open"


def test_an_onboarding_goes_from_open_to_assigned_to_connected(api: Api, ann: User, device: FactoryDevice) -> None:
    opened = ann.open(device)
    assert ann.read(opened)["state"] == "open"
    registered = ann.register(opened, device.answer(opened)).get_json()
    assigned = ann.read(opened)
    assert (assigned["state"], assigned["device"], assigned["connected_at"]) == ("assigned", registered["device"], None)
    api.now += 7
    api.device_connects(registered)
    connected = ann.read(opened)
    assert (connected["state"], connected["device"]["state"]) == ("connected", "connected")
    assert connected["connected_at"] == "2025-06-15T12:00:07Z"


def test_an_unanswered_onboarding_expires_on_read(api: Api, ann: User, device: FactoryDevice) -> None:
    opened = ann.open(device)
    api.now += 299
    assert ann.read(opened)["state"] == "open"
    api.now += 1
    assert ann.read(opened)["state"] == "expired"


def test_an_assignment_whose_device_never_comes_expires_after_a_day(api: Api, ann: User, device: FactoryDevice) -> None:
    opened = ann.open(device)
    ann.register(opened, device.answer(opened))
    api.now += 24 * 3600
    ann = api.sign_in("ann")
    assert ann.read(opened)["state"] == "expired"
    assert ann.read(opened)["device"] is None


def test_an_open_onboarding_shows_the_device_that_an_earlier_one_made(
    api: Api, ann: User, device: FactoryDevice
) -> None:
    registered = ann.onboard(device)
    again = ann.open(device)
    assert ann.read(again)["device"] == registered["device"]
    api.device_connects(registered)
    assert ann.read(again)["device"]["state"] == "connected"
    assert ann.read(again)["state"] == "open"

"""The two faces of one registry: what was onboarded is Hono's, and what Hono's API makes can be onboarded into."""

import base64

import pytest
from cryptography import x509

from onboarding_api.domain.accounts import Role
from onboarding_api.domain.identifiers import TenantId, Timestamp
from onboarding_api.key_file import load_seal
from onboarding_api.services.accounts import Accounts
from onboarding_api.services.tenants import Tenants
from tests.onboarding_api.actors import NOON, PASSWORD, QUICK_HASHER, Api, FactoryDevice, User, expect_problem
from tests.onboarding_api.managers import Manager, expect_refusal


def test_an_onboarded_device_is_an_ordinary_one(amy: Manager, ann: User, device: FactoryDevice) -> None:
    registered = ann.onboard(device)
    identifier = registered["device"]["id"]
    assert amy.get(f"/v1/devices/acme/{identifier}") == {"enabled": True, "status": {"created": "2025-06-15T12:00:00Z"}}
    (credential,) = amy.send("GET", f"/v1/credentials/acme/{identifier}").get_json()
    (secret,) = credential.pop("secrets")
    assert credential == {"type": "x509-cert", "auth-id": f"CN={identifier},O=acme", "enabled": True}
    leaf = x509.load_der_x509_certificate(base64.b64decode(registered["x5c"][0]))
    assert secret["not-after"] == leaf.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert amy.search("/v1/devices/acme")["result"][0]["id"] == identifier


def test_onboarding_again_is_a_new_version_of_the_credentials_alone(
    amy: Manager, ann: User, device: FactoryDevice
) -> None:
    identifier = ann.onboard(device)["device"]["id"]
    paths = f"/v1/devices/acme/{identifier}", f"/v1/credentials/acme/{identifier}"
    amy.put(paths[0], {"ext": {"room": 7}})
    before = [amy.etag(path) for path in paths]
    device.reset()
    assert ann.onboard(device)["device"]["id"] == identifier
    after = [amy.etag(path) for path in paths]
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)
    assert amy.get(paths[0])["ext"] == {"room": 7}


def test_credentials_beside_the_certificate_stay(amy: Manager, ann: User, device: FactoryDevice) -> None:
    identifier = ann.onboard(device)["device"]["id"]
    path = f"/v1/credentials/acme/{identifier}"
    certificate = amy.send("GET", path).get_json()
    amy.put(path, [*certificate, {"type": "psk", "auth-id": "p", "secrets": [{"key": "AQID"}]}])
    device.reset()
    ann.onboard(device)
    assert {each["type"] for each in amy.send("GET", path).get_json()} == {"x509-cert", "psk"}


def test_a_deleted_device_frees_its_hardware_and_its_counters_stay(
    api: Api, amy: Manager, ann: User, zoe: User, device: FactoryDevice
) -> None:
    device.resets = 3
    registered = ann.onboard(device)
    api.device_connects(registered)
    opened = zoe.open(device)
    expect_problem(zoe.register(opened, device.answer(opened)), 409, "device-owned-elsewhere")
    assert amy.send("DELETE", f"/v1/devices/acme/{registered['device']['id']}").status_code == 204
    assert api.rows("SELECT tenant_id, resets, sequence FROM hardware") == [(None, 3, 1)]
    assert api.rows("SELECT revocation FROM certificates") == [("device-deleted",)]
    older = FactoryDevice(label=device.label, resets=2)
    opened = zoe.open(older)
    expect_problem(zoe.register(opened, older.answer(opened)), 409, "resets-behind")
    zoe.onboard(FactoryDevice(label=device.label, resets=3))
    assert api.rows("SELECT tenant_id, resets, sequence FROM hardware") == [("globex", 3, 2)]


def test_deleting_all_devices_frees_and_revokes_alike(api: Api, amy: Manager, ann: User) -> None:
    for _ in range(2):
        ann.onboard(FactoryDevice())
    amy.send("DELETE", "/v1/devices/acme")
    assert api.rows("SELECT tenant_id FROM hardware") == [(None,), (None,)]
    assert api.rows("SELECT count(*) FROM certificates WHERE revoked_at IS NULL") == [(0,)]


def test_a_deleted_tenant_frees_the_hardware_of_its_devices(
    api: Api, root: Manager, ann: User, zoe: User, device: FactoryDevice
) -> None:
    api.device_connects(ann.onboard(device))
    assert root.send("DELETE", "/v1/tenants/acme").status_code == 204
    assert api.rows("SELECT count(*) FROM users WHERE tenant_id = 'acme'") == [(0,)]
    zoe.onboard(device)


@pytest.mark.parametrize("deleted", ["/v1/devices/acme/{}", "/v1/devices/acme", "/v1/tenants/acme"])
def test_hardware_that_is_freed_keeps_its_counters_and_nothing_of_whose_it_was(
    api: Api, root: Manager, ann: User, zoe: User, device: FactoryDevice, deleted: str
) -> None:
    device.resets = 3
    other = ann.onboard(FactoryDevice())
    kept = "SELECT * FROM hardware WHERE device_id IS NOT NULL AND tenant_id = 'acme'"
    before = api.rows(kept)
    registered = ann.onboard(device)
    api.device_connects(registered)
    assert root.send("DELETE", deleted.format(registered["device"]["id"])).status_code == 204
    columns = "serial, model, firmware, connected_at, operational_key = key_hash, assigned_at, sequence"
    freed = f"SELECT {columns} FROM hardware WHERE device_id IS NULL AND resets = 3"
    assert api.rows(freed) == [(None, None, None, None, True, 0, 1)]
    assert api.rows(kept) == (before if deleted.endswith("{}") else [])
    assert api.rows("SELECT count(*) FROM hardware WHERE serial IS NOT NULL") == [(len(api.rows(kept)),)]
    assert other["device"]["id"] != zoe.onboard(device)["device"]["id"]
    assert api.rows("SELECT tenant_id, serial, resets, sequence FROM hardware WHERE resets = 3") == [
        ("globex", "SN-0001", 3, 2)
    ]


def test_hardware_that_another_tenant_takes_is_that_tenants_alone(
    api: Api, ann: User, zoe: User, device: FactoryDevice
) -> None:
    ann.onboard(device)
    opened = zoe.open(device)
    assert zoe.register(opened, device.answer(opened, serial="SN-0002", model=None)).status_code == 201
    assert api.rows("SELECT tenant_id, serial, model, sequence FROM hardware") == [("globex", "SN-0002", None, 2)]


def test_a_tenant_of_honos_api_onboards_once_it_has_an_endpoint(api: Api, root: Manager, device: FactoryDevice) -> None:
    root.create("/v1/tenants/fresh", {"ext": {"free": 1}})
    Accounts(api.database, lambda n: b"f" * n, QUICK_HASHER).create(
        "fay", PASSWORD, Role.OWNER, TenantId("fresh"), Timestamp(NOON)
    )
    fay = api.sign_in("fay")
    spki = base64.b64encode(device.bootstrapping_key.spki).decode()
    problem = expect_problem(fay.post("/v1/onboardings", {"bootstrapping_key": spki}), 409, "endpoint-missing")
    assert "tenant endpoint" in problem["remedy"]
    tenants = Tenants(api.database, load_seal(api.key_file), lambda n: b"e" * n)
    tenants.give_endpoint(TenantId("fresh"), "mqtts://new.example:8883", None, Timestamp(NOON))
    identifier = fay.onboard(device)["device"]["id"]
    assert root.get(f"/v1/devices/fresh/{identifier}")["enabled"]
    version = root.etag("/v1/tenants/fresh")
    root.put("/v1/tenants/fresh", {}, if_match=version)
    fay.onboard(FactoryDevice())


def test_a_device_that_was_onboarded_cannot_be_created_again(amy: Manager, ann: User, device: FactoryDevice) -> None:
    identifier = ann.onboard(device)["device"]["id"]
    expect_refusal(amy.send("POST", f"/v1/devices/acme/{identifier}"), 409, "device-exists")

"""The audit trail: one entry for each change, in its transaction, and who may read it."""

import hashlib
import json
from functools import partial

from onboarding_api.domain.audit import Action, Actor, Chain, Event
from onboarding_api.domain.canonical import canonical, digest
from onboarding_api.services.audit import AuditTrail
from onboarding_api.storage.audit import record
from tests.onboarding_api.actors import PASSWORD, Api, FactoryDevice, User, expect_problem
from tests.onboarding_api.managers import Manager
from tests.onboarding_api.test_races import CALLERS, at_once
from tests.onboarding_api.trail import ACME, SERVICE, entries, lines, newest


def test_an_entry_says_who_did_what_when_and_from_where(api: Api, amy: Manager) -> None:
    body = {"enabled": True, "ext": {"room": 12.0}}
    response = amy.send("POST", "/v1/devices/acme/d1", body)
    entry = newest(api)
    assert entry["actor"] == {"id": entry["actor"]["id"], "name": "amy", "role": "tenant-admin"}
    assert api.rows("SELECT name FROM users WHERE user_id = :id", id=entry["actor"]["id"]) == [("amy",)]
    assert (entry["action"], entry["object"], entry["at"]) == ("device.created", "device/d1", "2025-06-15T12:00:00Z")
    assert entry["origin"] == {"address": "127.0.0.1", "request": response.headers["X-Request-Id"]}
    assert entry["version"] == response.headers["ETag"]
    shown = amy.get("/v1/devices/acme/d1")
    del shown["status"]
    assert entry["digest"] == hashlib.sha256(canonical(shown)).hexdigest()


def test_each_change_writes_one_entry_and_each_refusal_none(api: Api, root: Manager) -> None:
    psk = [{"type": "psk", "auth-id": "a", "secrets": [{"key": "AQID"}]}]
    changes: list[tuple[str, str, object, str]] = [
        ("POST", "/v1/devices/acme/d1", {}, "device.created"),
        ("PUT", "/v1/devices/acme/d1", {"enabled": False}, "device.replaced"),
        ("PUT", "/v1/credentials/acme/d1", psk, "credentials.replaced"),
        ("PUT", "/v1/tenants/acme", {"enabled": True}, "tenant.replaced"),
        ("DELETE", "/v1/devices/acme/d1", None, "device.deleted"),
        ("POST", "/v1/devices/acme/d2", {}, "device.created"),
        ("DELETE", "/v1/devices/acme", None, "devices.deleted"),
        ("DELETE", "/v1/tenants/acme", None, "tenant.deleted"),
    ]
    for method, path, body, action in changes:
        before = len(entries(api))
        if method == "PUT":
            assert root.send(method, path, body, if_match="another").status_code == 412
            assert root.send(method, path, {"no-such": 1}).status_code == 400
        assert len(entries(api)) == before
        assert root.send(method, path, body).status_code in (201, 204)
        assert len(entries(api)) == before + 1
        assert newest(api)["action"] == action
    assert root.send("DELETE", "/v1/devices/acme").status_code == 204
    assert newest(api)["action"] == "tenant.deleted"


def test_nothing_is_changed_if_its_entry_cannot_be_written(api: Api, root: Manager) -> None:
    root.get("/v1/tenants/acme")
    with api.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE audit_entries RENAME TO gone")
    assert root.send("POST", "/v1/devices/acme/d1", {}).status_code == 500
    assert api.count("devices") == 0


def test_a_registration_is_told_to_both_tenants_and_neither_learns_of_the_other(
    api: Api, ann: User, zoe: User, device: FactoryDevice
) -> None:
    first = ann.onboard(device)["device"]["id"]
    entry = newest(api)
    assert (entry["action"], entry["object"], entry["actor"]["name"]) == ("device.registered", f"device/{first}", "ann")
    assert entry["details"]["transition"] == "create"
    moved = zoe.onboard(device)["device"]["id"]
    left = newest(api)
    assert (left["action"], left["object"]) == ("device.left", f"device/{first}")
    assert left["actor"] == {"id": None, "name": None, "role": "service"}
    assert left["origin"] == {"address": None, "request": None}
    assert moved not in json.dumps(left)
    assert newest(api, Chain("tenant:globex"))["object"] == f"device/{moved}"
    assert not any(word in line for line in lines(api) for word in (b"zoe", b"globex"))


def test_first_contact_is_told_once(api: Api, ann: User, device: FactoryDevice) -> None:
    registered = ann.onboard(device)
    for _ in range(2):
        api.device_connects(registered)
    told = [entry for entry in entries(api) if entry["action"] == "device.connected"]
    assert [entry["actor"]["role"] for entry in told] == ["device"]


def test_no_entry_holds_a_secret(api: Api, amy: Manager, ann: User, device: FactoryDevice) -> None:
    registered = ann.onboard(device)
    name = registered["device"]["id"]
    secret = [{"type": "hashed-password", "auth-id": "a", "secrets": [{"pwd-plain": "a canary"}]}]
    amy.put(f"/v1/credentials/acme/{name}", secret)
    amy.password = "another canary"
    amy.send("GET", "/v1/tenants/acme")
    told = b"\n".join([*lines(api), *lines(api, SERVICE)])
    for hidden in (b"canary", PASSWORD.encode(), ann.token.encode()):
        assert hidden not in told


def test_rivals_in_one_chain_leave_no_gap(api: Api, root: Manager) -> None:
    root.get("/v1/tenants/acme")
    before = len(entries(api))
    everybody = [Manager.of(api, "root") for _ in range(CALLERS)]
    calls = [partial(each.send, "POST", "/v1/devices/acme", {}) for each in everybody]
    calls += [partial(each.send, "POST", f"/v1/tenants/t{n}", {}) for n, each in enumerate(everybody)]
    for some in (calls[::2], calls[1::2]):
        assert {answer.status_code for answer in at_once(some)} == {201}
    assert len(entries(api)) == before + CALLERS
    assert len(list(AuditTrail(api.database).verify_all())) == 3 + CALLERS


def test_the_trail_over_http_comes_in_pages(api: Api, amy: Manager) -> None:
    for number in range(7):
        amy.create(f"/v1/devices/acme/d{number}")
    whole, collected, path = lines(api), b"", "/v1/audit/acme?limit=3"
    while path:
        response = amy.send("GET", path, Accept="application/x-ndjson")
        assert response.content_type == "application/x-ndjson"
        collected += response.data
        path = response.headers.get("Link", "").partition(">")[0].strip("<")
    assert collected.splitlines() == whole
    page = amy.get("/v1/audit/acme?since=2&limit=2")
    assert [entry["sequence"] for entry in page["entries"]] == [3, 4]
    assert page["next"] == 4
    assert page["head"] == {"sequence": len(whole), "hash": hashlib.sha256(whole[-1]).hexdigest()}
    assert [canonical(entry) for entry in page["entries"]] == whole[2:4]
    assert amy.get(f"/v1/audit/acme?since={len(whole)}")["entries"] == []
    expect_problem(amy.send("GET", "/v1/audit/acme?limit=0"), 400, "document-refused")


def test_who_may_read_the_trail(api: Api, root: Manager, amy: Manager, ann: User) -> None:
    assert root.get("/v1/audit")["chain"] == "service"
    assert root.get("/v1/audit/globex")["chain"] == "tenant:globex"
    expect_problem(amy.send("GET", "/v1/audit"), 403, "management-refused")
    expect_problem(amy.send("GET", "/v1/audit/globex"), 404, "tenant-unknown")
    expect_problem(root.send("GET", "/v1/audit/nobody"), 404, "tenant-unknown")
    expect_problem(ann.get("/v1/audit/acme"), 403, "management-refused")
    expect_problem(api.app.test_client().get("/v1/audit/acme"), 401, "token-refused")


def test_a_deleted_tenants_trail_stays_and_the_next_of_that_name_does_not_see_it(api: Api, root: Manager) -> None:
    root.create("/v1/devices/acme/d1")
    root.send("DELETE", "/v1/tenants/acme")
    gone = len(root.get("/v1/audit/acme?limit=1000")["entries"])
    root.create("/v1/tenants/acme")
    api.create_user("eve", "tenant-admin", "acme")
    seen = Manager.of(api, "eve").get("/v1/audit/acme")["entries"]
    assert [entry["action"] for entry in seen][:2] == ["tenant.created", "user.created"]
    assert seen[0]["sequence"] == gone + 1
    assert AuditTrail(api.database).verify(ACME).first == 1


def test_the_remote_address_is_what_the_trusted_proxy_saw(api: Api, amy: Manager) -> None:
    forged = {"X-Forwarded-For": "6.6.6.6, 203.0.113.9"}
    amy.client.post("/v1/devices/acme/d1", json={}, headers=forged, auth=(amy.name, PASSWORD))
    assert newest(api)["origin"]["address"] == "127.0.0.1"
    behind = api.behind(proxies=1)
    for number, (told, address) in enumerate(
        [
            ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
            ("2001:DB8::0001", "2001:db8::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("6.6.6.6:1, 203.0.113.9:4711", "203.0.113.9"),
            ("[2001:DB8::0001]:4711", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("unknown", None),
            ("203.0.113.9:x", None),
        ]
    ):
        client = behind.app.test_client()
        path = f"/v1/devices/acme/e{number}"
        assert client.post(path, json={}, headers={"X-Forwarded-For": told}, auth=("amy", PASSWORD)).status_code == 201
        assert newest(api)["origin"]["address"] == address
    behind.close()


def test_many_events_of_one_transaction_follow_each_other(api: Api) -> None:
    events = [Event(ACME, Action.DEVICE_CREATED, f"device/{number}", digest=digest({})) for number in range(600)]
    with api.database.writing() as connection:
        record(connection, Actor(None, None, "service"), api.clock(), *events)
    assert [entry["object"] for entry in entries(api)][-600:] == [event.object for event in events]
    assert AuditTrail(api.database).verify(ACME)

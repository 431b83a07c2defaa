"""The audit trail: one entry for each change, in its transaction, in a chain that shows whatever is done to it."""

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from sqlalchemy.exc import DatabaseError

from onboarding_api.domain.audit import Action, Actor, Chain, Event
from onboarding_api.domain.audit_proof import Kept, verify
from onboarding_api.domain.canonical import canonical, digest
from onboarding_api.domain.errors import AuditBrokenError, ConcurrentChangeError, HeadRefusedError
from onboarding_api.services.audit import AuditTrail
from onboarding_api.storage.audit import record
from tests.onboarding_api.actors import PASSWORD, Api, FactoryDevice, Json, User, expect_problem
from tests.onboarding_api.managers import Manager
from tests.onboarding_api.test_races import CALLERS, at_once

ACME, SERVICE = Chain("tenant:acme"), Chain("service")


def lines(api: Api, chain: Chain = ACME) -> list[bytes]:
    return [entry.octets for entry in AuditTrail(api.database).export(chain, 0)]


def entries(api: Api, chain: Chain = ACME) -> list[Json]:
    return [json.loads(line) for line in lines(api, chain)]


def newest(api: Api, chain: Chain = ACME) -> Json:
    return entries(api, chain)[-1]


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


def test_a_chain_can_be_verified_with_a_hash_function_alone(api: Api, amy: Manager) -> None:
    for number in range(3):
        amy.create(f"/v1/devices/acme/d{number}")
    previous = "0" * 64
    for number, line in enumerate(lines(api), 1):
        entry = json.loads(line)
        assert (entry["sequence"], entry["previous"]) == (number, previous)
        previous = hashlib.sha256(line).hexdigest()
    assert str(AuditTrail(api.database).verify(ACME).head) == f"{number}:{previous}"


def _without(index: int) -> Callable[[list[bytes]], Sequence[bytes]]:
    return lambda all_lines: all_lines[:index] + all_lines[index + 1 :]


def _with(change: Callable[[Json], object]) -> Callable[[list[bytes]], Sequence[bytes]]:
    def altered(all_lines: list[bytes]) -> Sequence[bytes]:
        entry = json.loads(all_lines[1])
        change(entry)
        return [all_lines[0], canonical(entry), *all_lines[2:]]

    return altered


@pytest.mark.parametrize(
    ("harm", "at"),
    [
        pytest.param(_with(lambda entry: entry["actor"].update(name="mallory")), 3, id="altered"),
        pytest.param(_with(lambda entry: entry.update(extra=1)), 3, id="extended"),
        pytest.param(_with(lambda entry: entry.update(sequence=7)), 2, id="renumbered"),
        pytest.param(_with(lambda entry: entry.update(chain="tenant:globex")), 2, id="of another chain"),
        pytest.param(_with(lambda entry: entry.update(format=2)), 2, id="of another format"),
        pytest.param(_without(1), 2, id="removed"),
        pytest.param(lambda each: [each[0], each[2], each[1], *each[3:]], 2, id="re-ordered"),
        pytest.param(lambda each: [each[0], each[1], each[1], *each[2:]], 3, id="repeated"),
        pytest.param(lambda each: [each[0], each[1].replace(b'":', b'": ', 1), *each[2:]], 2, id="reformatted"),
        pytest.param(lambda each: [each[0], each[1][:-9], *each[2:]], 2, id="cut"),
        pytest.param(lambda _: [], 0, id="emptied"),
        pytest.param(lambda each: each[:-1], 4, id="truncated"),
        pytest.param(_without(0), 5, id="beheaded"),
    ],
)
def test_whatever_is_done_to_an_export_shows(
    api: Api, amy: Manager, harm: Callable[[list[bytes]], Sequence[bytes]], at: int
) -> None:
    for number in range(5):
        amy.create(f"/v1/devices/acme/d{number}")
    whole = [line for line in lines(api) if b'"device.created"' in line]
    first = json.loads(whole[0])["sequence"]
    kept = Kept(first + 4, hashlib.sha256(whole[-1]).hexdigest())
    assert verify(whole, kept).head.sequence == first + 4
    if at == 5:  # an export may begin anywhere, but says where
        assert verify(harm(whole), kept).first == first + 1
        return
    with pytest.raises(AuditBrokenError) as broken:
        verify(harm(whole), kept)
    assert broken.value.sequence == (first - 1 + at if at else 0)


def test_a_chain_written_anew_shows_against_a_head_that_was_kept(api: Api, amy: Manager) -> None:
    amy.create("/v1/devices/acme/d1")
    whole = lines(api)
    kept = Kept.of(f"{len(whole)}:{hashlib.sha256(whole[-1]).hexdigest()}")
    amy.create("/v1/devices/acme/d2")
    assert verify(lines(api), kept).head.sequence == len(whole) + 1
    forged = json.loads(whole[-1])
    forged["object"] = "device/other"
    with pytest.raises(AuditBrokenError, match="hash was kept"):
        verify([*whole[:-1], canonical(forged)], kept)
    with pytest.raises(HeadRefusedError):
        Kept.of("17")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET digest = digest",
        "DELETE FROM audit_entries",
        "UPDATE audit_heads SET digest = digest",
        "UPDATE audit_heads SET sequence = sequence - 1",
        "DELETE FROM audit_heads",
        "INSERT OR REPLACE INTO audit_entries SELECT chain, sequence, entry, digest FROM audit_entries",
        "TRUNCATE audit_entries",
    ],
)
def test_the_database_lets_the_trail_only_grow(api: Api, amy: Manager, statement: str) -> None:
    amy.create("/v1/devices/acme/d1")
    before = lines(api)
    with pytest.raises((DatabaseError, ConcurrentChangeError)), api.database.writing() as connection:
        connection.exec_driver_sql(statement)
    assert lines(api) == before


def unguard(api: Api) -> None:
    """As whoever owns the tables could."""
    names = api.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'") if api.database.is_sqlite else []
    with api.database.writing() as connection:
        for (name,) in names:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        if not api.database.is_sqlite:
            for table in ("audit_entries", "audit_heads"):
                connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_entries WHERE chain = 'tenant:acme' AND sequence = 2",
        "DELETE FROM audit_entries WHERE chain = 'tenant:acme' AND sequence = 1",
        "DELETE FROM audit_entries WHERE chain = 'tenant:acme' AND sequence > 3",
        "DELETE FROM audit_heads WHERE chain = 'tenant:acme'",
        "UPDATE audit_heads SET sequence = 3 WHERE chain = 'tenant:acme'",
        "UPDATE audit_entries SET entry = (SELECT entry FROM audit_entries e WHERE e.chain = 'tenant:globex'"
        " AND e.sequence = 2) WHERE chain = 'tenant:acme' AND sequence = 2",
        "UPDATE audit_entries SET entry = digest WHERE chain = 'service' AND sequence = 1",
        "DELETE FROM audit_entries WHERE chain = 'service'",
        "erase",
    ],
)
def test_what_the_owner_of_the_database_does_shows(api: Api, amy: Manager, statement: str) -> None:
    amy.create("/v1/devices/acme/d1")
    trail = AuditTrail(api.database)
    assert {proven.head.chain for proven in trail.verify_all()} == {"service", "tenant:acme", "tenant:globex"}
    statements = [statement]
    if statement == "erase":
        statements = [f"DELETE FROM {table} WHERE chain = 'tenant:acme'" for table in ("audit_entries", "audit_heads")]
    unguard(api)
    try:
        with api.database.writing() as connection:
            for each in statements:
                connection.exec_driver_sql(each)
        with pytest.raises(AuditBrokenError):
            list(trail.verify_all())
    finally:
        if not api.database.is_sqlite:
            with api.database.writing() as connection:
                for table in ("audit_entries", "audit_heads"):
                    connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def test_a_tenant_that_is_created_while_all_is_verified_is_not_missing(api: Api, root: Manager) -> None:
    proving = AuditTrail(api.database).verify_all()
    assert next(proving).head.chain == SERVICE
    root.create("/v1/tenants/new")
    root.create("/v1/devices/acme/d1")
    assert {proven.head.chain for proven in proving} == {"tenant:acme", "tenant:globex"}
    assert "tenant:new" in {proven.head.chain for proven in AuditTrail(api.database).verify_all()}


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

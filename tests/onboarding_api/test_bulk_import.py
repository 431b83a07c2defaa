"""device import over a registry: what becomes of the rows."""

import json
import os
import stat
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import bcrypt
import pytest

from onboarding_api.cli.local import local_operator
from onboarding_api.domain.bulk.plan import OnConflict, Outcome
from onboarding_api.domain.bulk.rows import Row
from onboarding_api.domain.identifiers import DeviceId, TenantId, Timestamp
from onboarding_api.key_file import load_seal
from onboarding_api.services.bulk.imports import DeviceImport, Import
from onboarding_api.services.management.credentials import CredentialManagement
from tests.onboarding_api.actors import NOON, Api, Json
from tests.onboarding_api.bulk import PSK, counts, line, lines_in, psk
from tests.onboarding_api.managers import Manager
from tests.onboarding_api.shell import Shell
from tests.onboarding_api.test_races import at_once

ACME = TenantId("acme")


@pytest.fixture
def shell(api: Api) -> Shell:
    return Shell.over(api.folder)


@pytest.fixture
def importing(api: Api) -> DeviceImport:
    credentials = CredentialManagement(api.database, load_seal(api.key_file), os.urandom)
    return DeviceImport(api.database, credentials, os.urandom, ThreadPoolExecutor(1))


def test_rows_become_devices_and_credentials(shell: Shell, amy: Manager) -> None:
    path = lines_in(shell.folder, line("d1", psk("p1"), psk("p2"), enabled=False), {"device-id": "d2"})
    started, done = shell.events("device", "import", "acme", path)
    assert (started["event"], done["event"]) == ("started", "done")
    assert counts(done) == {"created": 2}
    assert amy.get("/v1/devices/acme/d1")["enabled"] is False
    shown = amy.send("GET", "/v1/credentials/acme/d1").get_json()
    assert [(each["type"], each["auth-id"]) for each in shown] == [("psk", "p1"), ("psk", "p2")]
    assert amy.send("GET", "/v1/credentials/acme/d2").get_json() == []
    assert sorted(each.name for each in shell.folder.glob("devices*")) == ["devices.ndjson"]


def test_a_bad_row_stops_nothing_and_can_be_corrected_and_imported(api: Api, shell: Shell) -> None:
    path = shell.folder / "devices.csv"
    path.write_bytes(
        b"\xef\xbb\xbfdevice-id;enabled;type;auth-id;key\r\n"
        b"d1;true;psk;p1;AQID\r\n"
        b"d2;vielleicht;;;\r\n"
        b"d3;true;psk;p1;AQID\r\n"
        b"d4;;psk;p4;not base64\r\n"
        b"d5;;;;\r\n"
    )
    events = shell.events("device", "import", "acme", str(path), ends_with=3)
    rejected = [(each["line"], each["device-id"], each["errors"][0]) for each in events if each["event"] == "rejected"]
    assert rejected == [
        (3, "d2", {"member": "enabled", "reason": "neither true nor false"}),
        (4, "d3", {"member": "type", "reason": "another device has psk credentials of auth-id p1"}),
        (5, "d4", {"member": "key", "reason": "not base64"}),
    ]
    assert counts(events[-1]) == {"created": 2, "rejected": 3}
    rejects = shell.folder / "devices.rejects.csv"
    assert events[-1]["rejects"] == str(rejects)
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600
    for wrong, right in (("vielleicht", "falsch"), ("p1", "p3"), ("not base64", "AQID")):
        rejects.write_text(rejects.read_text().replace(f";{wrong}", f";{right}"))
    assert counts(shell.events("device", "import", "acme", str(rejects))[-1]) == {"created": 3}
    assert api.rows("SELECT device_id FROM devices ORDER BY device_id") == [(f"d{n}",) for n in range(1, 6)]
    assert api.rows("SELECT device_id FROM credentials WHERE auth_id = 'p3'") == [("d3",)]


def test_a_file_of_an_old_macintosh_is_imported(api: Api, shell: Shell) -> None:
    path = shell.folder / "devices.csv"
    path.write_bytes(b"device-id;type;auth-id;key\rc1;psk;a;AQID\rc1;psk;b;AQID\rc2;;;\r")
    assert counts(shell.events("device", "import", "acme", str(path))[-1]) == {"created": 2}
    assert api.rows("SELECT device_id, auth_id FROM credentials ORDER BY auth_id") == [("c1", "a"), ("c1", "b")]


def test_a_row_with_half_a_surrogate_pair_stops_nothing(api: Api, shell: Shell) -> None:
    path = lines_in(shell.folder, line("d1"), line("d2", ext={"a": "\ud800"}), line("d3"))
    done = shell.events("device", "import", "acme", path, ends_with=3)[-1]
    assert counts(done) == {"created": 2, "rejected": 1}
    assert api.rows("SELECT device_id FROM devices ORDER BY device_id") == [("d1",), ("d3",)]
    (kept,) = (shell.folder / "devices.rejects.ndjson").read_text().splitlines()
    assert json.loads(kept)["device"] == {"ext": {"a": "\ud800"}}
    assert "not a JSON document" in json.loads(kept)["rejected"]


def test_what_a_row_brings_is_told_to_a_person_without_steering_the_terminal(shell: Shell) -> None:
    path = lines_in(shell.folder, {"device-id": "\x1b[2J"}, *({"device-id": ""} for _ in range(40)), line("d1"))
    result = shell.run("device", "import", "acme", path)
    assert result.exit_code == 3
    assert "\x1b" not in result.output
    assert "line 2: device-id: must be given" in result.stderr
    assert result.stderr.count("must be given") < 25
    assert "1 created, 41 rejected" in result.stdout
    assert "devices.rejects.ndjson" in result.stdout


@pytest.mark.parametrize(
    ("on_conflict", "expected", "after"),
    [
        ("skip", {"skipped": 1, "created": 1}, {"enabled": True}),
        ("replace", {"replaced": 1, "created": 1}, {"enabled": False}),
        ("fail", {"rejected": 1, "created": 1}, {"enabled": True}),
    ],
)
def test_a_device_that_exists(
    shell: Shell, amy: Manager, on_conflict: str, expected: dict[str, int], after: Json
) -> None:
    amy.create("/v1/devices/acme/d1", {"enabled": True})
    amy.put("/v1/credentials/acme/d1", [PSK])
    before = [amy.etag(path) for path in ("/v1/devices/acme/d1", "/v1/credentials/acme/d1")]
    path = lines_in(shell.folder, {"device-id": "d1", "device": {"enabled": False}}, line("d2"))
    ends = 3 if "rejected" in expected else 0
    done = shell.events("device", "import", "acme", path, "--on-conflict", on_conflict, ends_with=ends)[-1]
    assert counts(done) == expected
    found = amy.get("/v1/devices/acme/d1")
    assert {"enabled": found["enabled"]} == after
    assert found["status"]["created"] == "2025-06-15T12:00:00Z"
    assert ("updated" in found["status"]) == (on_conflict == "replace")
    now = [amy.etag(path) for path in ("/v1/devices/acme/d1", "/v1/credentials/acme/d1")]
    assert (now[0] != before[0], now[1]) == (on_conflict == "replace", before[1])
    assert len(amy.send("GET", "/v1/credentials/acme/d1").get_json()) == 1


def test_replacing_keeps_the_secrets_that_a_row_names_by_id(api: Api, shell: Shell, amy: Manager) -> None:
    amy.create("/v1/devices/acme/d1")
    password = {"type": "hashed-password", "auth-id": "u", "secrets": [{"pwd-plain": "s"}]}
    amy.put("/v1/credentials/acme/d1", [PSK, password])
    before = api.rows("SELECT type, document FROM credentials ORDER BY type")
    exported = lines_in(shell.folder, *map(json.loads, shell.ok("device", "export", "acme").splitlines()))
    shell.ok("device", "import", "acme", exported, "--on-conflict", "replace")
    assert api.rows("SELECT type, document FROM credentials ORDER BY type") == before
    path = lines_in(shell.folder, line("d1"), name="none.ndjson")
    shell.ok("device", "import", "acme", path, "--on-conflict", "replace")
    assert api.count("credentials") == 0


def test_rows_of_one_batch_follow_each_other(api: Api, shell: Shell) -> None:
    one, other = line("d1", psk("a")), line("d2", psk("b"))
    shell.ok("device", "import", "acme", lines_in(shell.folder, one, other))
    moved = [line("d1", psk("c")), line("d2", psk("a")), line("d3", psk("b")), line("d3", psk("d"))]
    path = lines_in(shell.folder, *moved, name="moved.ndjson")
    done = shell.events("device", "import", "acme", path, "--on-conflict", "replace")[-1]
    assert counts(done) == {"created": 1, "replaced": 3}
    held = dict(api.rows("SELECT auth_id, device_id FROM credentials"))
    assert held == {"c": "d1", "a": "d2", "d": "d3"}


def test_the_audit_trail_names_each_device_and_who_imported_it(api: Api, shell: Shell) -> None:
    path = lines_in(shell.folder, line("d1", psk("p")), line("d2"), line("d 3"))
    shell.run("device", "import", "acme", path)
    told = [json.loads(bytes(octets)) for (octets,) in api.rows("SELECT entry FROM audit_entries ORDER BY sequence")]
    imported = [(each["action"], each["object"], each["actor"]["role"]) for each in told if "/d" in each["object"]]
    assert imported == [
        ("device.created", "device/d1", "console"),
        ("credentials.replaced", "credentials/d1", "console"),
        ("device.created", "device/d2", "console"),
    ]
    assert [version for (version,) in api.rows("SELECT version FROM devices ORDER BY device_id")] == [
        each["version"] for each in told if each["action"] == "device.created"
    ]
    shell.ok("audit", "verify")


def test_a_dry_run_judges_and_writes_nothing(api: Api, shell: Shell, amy: Manager) -> None:
    amy.create("/v1/devices/acme/d1")
    path = lines_in(shell.folder, line("d1"), line("d2"), line("d 3"))
    done = shell.events("device", "import", "acme", path, "--dry-run", ends_with=3)[-1]
    assert counts(done) == {"created": 1, "skipped": 1, "rejected": 1}
    assert done["dry-run"] is True
    assert (api.count("devices"), done["rejects"]) == (1, None)
    assert [each.name for each in shell.folder.glob("devices*")] == ["devices.ndjson"]


def test_the_tenants_limits_hold(api: Api, shell: Shell, root: Manager) -> None:
    root.put("/v1/tenants/acme", {"registration-limits": {"max-devices": 2, "max-credentials-per-device": 1}})
    path = lines_in(shell.folder, line("d1", psk("a"), psk("b")), *(line(f"e{number}") for number in range(4)))
    events = shell.events("device", "import", "acme", path, ends_with=3)
    assert counts(events[-1]) == {"created": 2, "rejected": 3}
    assert [each["errors"][0]["member"] for each in events if each["event"] == "rejected"] == [
        "credentials",
        "device-id",
        "device-id",
    ]
    assert api.count("devices") == 2


def test_plain_passwords_are_hashed_and_left_nowhere(api: Api, shell: Shell) -> None:
    plain = "canary-in-a-coal-mine"
    credentials = [{"type": "hashed-password", "auth-id": "u", "secrets": [{"pwd-plain": plain}]}]
    shell.ok("device", "import", "acme", lines_in(shell.folder, line("d1", *credentials)))
    ((document,),) = api.rows("SELECT document FROM credentials")
    secret = (json.loads(document) if isinstance(document, str) else document)["secrets"][0]
    assert bcrypt.checkpw(plain.encode(), secret["pwd-hash"].encode())
    assert plain.encode() not in api.stored()
    again = lines_in(shell.folder, line("d2", *credentials), name="refused.ndjson")
    result = shell.run("device", "import", "acme", again)
    assert result.exit_code == 3
    assert plain not in result.output


@pytest.mark.parametrize("on_conflict", list(OnConflict))
def test_a_batch_that_is_repeated_recognises_what_it_wrote(
    api: Api, importing: DeviceImport, on_conflict: OnConflict
) -> None:
    this = Import(ACME, on_conflict, uuid.uuid4())
    rows = [(2, Row(DeviceId("d1"), {}, [PSK])), (3, Row(DeviceId("d2"), {}, None))]
    first = importing.store(local_operator(), this, rows, Timestamp(NOON))
    assert [each.outcome for each in first] == [Outcome.CREATED] * 2
    before = api.rows("SELECT * FROM devices ORDER BY device_id"), api.rows("SELECT * FROM credentials")
    again = importing.store(local_operator(), this, rows, Timestamp(NOON + 60))
    assert [each.outcome for each in again] == [Outcome.CREATED] * 2
    assert (api.rows("SELECT * FROM devices ORDER BY device_id"), api.rows("SELECT * FROM credentials")) == before
    other = Import(ACME, on_conflict, uuid.uuid4())
    (verdict, _) = importing.store(local_operator(), other, rows, Timestamp(NOON + 60))
    becomes = {"skip": Outcome.SKIPPED, "replace": Outcome.REPLACED, "fail": Outcome.REJECTED}
    assert verdict.outcome is becomes[on_conflict.value]


def test_rivals_in_one_import_write_each_device_once(api: Api, importing: DeviceImport) -> None:
    rows = [(number, Row(DeviceId(f"d{number}"), {}, None)) for number in range(50)]
    imports = [Import(ACME, OnConflict.SKIP, uuid.uuid4()) for _ in range(4)]
    calls = [partial(importing.store, local_operator(), this, rows, Timestamp(NOON)) for this in imports]
    outcomes = Counter(verdict.outcome for verdicts in at_once(calls) for verdict in verdicts)
    assert outcomes == {Outcome.CREATED: 50, Outcome.SKIPPED: 150}
    assert api.count("devices") == 50

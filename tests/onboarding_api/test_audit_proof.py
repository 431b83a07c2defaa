"""What the audit trail proves: whatever is done to an export, or to the database, shows."""

import hashlib
import json
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy.exc import DatabaseError

from onboarding_api.domain.audit_proof import Kept, verify
from onboarding_api.domain.canonical import canonical
from onboarding_api.domain.errors import AuditBrokenError, ConcurrentChangeError, HeadRefusedError
from onboarding_api.services.audit import AuditTrail
from tests.onboarding_api.actors import Api, Json
from tests.onboarding_api.managers import Manager
from tests.onboarding_api.trail import ACME, SERVICE, lines


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

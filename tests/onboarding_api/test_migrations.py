"""The schema: what the migrations make is what the tables say, and nothing else is served."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select

from onboarding_api.domain.errors import DatabaseUnusableError, SchemaOutdatedError
from onboarding_api.domain.identifiers import TenantId
from onboarding_api.domain.management.search import Filter, Search
from onboarding_api.storage.database import Database
from onboarding_api.storage.device_pages import find_page
from onboarding_api.storage.migrations import downgrade, require_current, upgrade
from onboarding_api.storage.tables import devices, metadata
from onboarding_api.storage.tenant_documents import search_tenants

DOCUMENT = {
    "enabled": False,
    "ext": {
        "straße": "Ö\\",
        "b\\s": 1,
        "brand": "é",
        "n": 1.0,
        "half": 0.5,
        "big": 2**70,
        "flag": True,
        "enabled": True,
        "a b": "c",
        "deep": {},
    },
    "via": ["gw"],
}
_KEY = "'" + "k" * 32 + "'"
OLD_ROWS = [
    "INSERT INTO tenants (tenant_id, version, alias, document, endpoint_url, created_at)"
    " VALUES ('acme', 'v1', 'the-acme', '{\"ext\": {\"stra\\u00dfe\": \"x\"}}', 'mqtts://broker:8883', 1)",
    "INSERT INTO users VALUES ('u1', 'acme', 'ann', 'owner', 'hash', 1)",
    "INSERT INTO devices VALUES ('acme', 'd1', 'v1', 'v2', '{}', 1, NULL, false, false)",
    f"INSERT INTO devices VALUES ('acme', 'd2', 'v1', 'v2', '{json.dumps(DOCUMENT)}', 1, NULL, false, false)",
    "INSERT INTO credentials (tenant_id, type, auth_id, device_id, document)"
    " VALUES ('acme', 'x509-cert', 'CN=d1,O=acme', 'd1', '{\"secrets\": [{}]}')",
    f"INSERT INTO hardware VALUES ({_KEY}, 'acme', 'd1', 'assigned', {_KEY}, 7, 1, 1, NULL, NULL, NULL, NULL, false)",
]


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    with closing(Database(empty_url)) as database:
        yield database


def test_the_migrations_make_exactly_the_tables(empty: Database) -> None:
    upgrade(empty)
    with empty.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_upgrading_twice_changes_nothing(empty: Database) -> None:
    assert upgrade(empty) == upgrade(empty)
    require_current(empty)


def test_a_database_without_tables_is_refused(empty: Database) -> None:
    with pytest.raises(SchemaOutdatedError) as refusal:
        require_current(empty)
    assert "onboarding-api db upgrade" in refusal.value.remedy


def test_a_database_of_another_revision_is_refused(empty: Database) -> None:
    upgrade(empty)
    with empty.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'r9999'")
    with pytest.raises(SchemaOutdatedError, match="r9999"):
        require_current(empty)


def test_commits_are_durable_and_foreign_keys_hold(empty: Database, kind: str) -> None:
    if kind == "postgresql":
        with empty.writing() as connection:
            assert connection.exec_driver_sql("SELECT current_setting('transaction_isolation')").scalar()
        return
    with empty.writing() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("synchronous", "foreign_keys", "journal_mode")
        ]
    assert pragmas == [2, 1, "wal"]


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "sqlite://",
        "sqlite:////nowhere/at/all/x.db",
        "nosuch://x/y",
        "postgresql+psycopg://x@/y?host=/nowhere",
    ],
)
def test_a_database_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(DatabaseUnusableError):
        require_current(Database(url))


@pytest.mark.parametrize("released", ["r0001", "r0002"])
def test_what_an_older_release_held_is_there_after_the_upgrade(empty: Database, released: str) -> None:
    _fill(empty, released)
    with pytest.raises(SchemaOutdatedError, match=released):
        require_current(empty)
    upgrade(empty)
    require_current(empty)
    _expect_old_rows(empty)


@pytest.mark.parametrize("older", ["r0002", "r0001"])
def test_going_back_to_an_older_release_and_forth_again_loses_nothing(empty: Database, older: str) -> None:
    _fill(empty, "r0001")
    upgrade(empty)
    downgrade(empty, older)
    with pytest.raises(SchemaOutdatedError, match=older):
        require_current(empty)
    upgrade(empty)
    _expect_old_rows(empty)


def test_hardware_that_was_free_before_the_upgrade_is_cleared_by_it(empty: Database) -> None:
    _fill(empty, "r0001")
    with empty.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE hardware SET serial = 'SN', connected_at = 5, tenant_id = NULL, device_id = NULL"
        )
    upgrade(empty)
    columns = "serial, connected_at, resets, sequence, operational_key = key_hash"
    with empty.reading() as connection:
        found = connection.exec_driver_sql(f"SELECT {columns} FROM hardware").all()
    assert [tuple(row) for row in found] == [(None, None, 7, 1, True)]


def test_going_back_to_r0001_takes_tenants_without_an_endpoint_along(empty: Database) -> None:
    _fill(empty, "r0002")
    with empty.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO tenants (tenant_id, version, document, created_at) VALUES ('new', 'v1', '{}', 1)"
        )
    downgrade(empty, "r0001")
    with empty.reading() as connection:
        assert connection.exec_driver_sql("SELECT tenant_id FROM tenants").scalars().all() == ["acme"]


def test_everything_can_be_undone(empty: Database) -> None:
    upgrade(empty)
    downgrade(empty, "base")
    upgrade(empty)
    with empty.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def _fill(database: Database, released: str) -> None:
    upgrade(database, released)
    with database.writing() as connection:
        for statement in OLD_ROWS:
            connection.exec_driver_sql(statement)


def _expect_old_rows(database: Database) -> None:
    with database.reading() as connection:
        (tenant,) = connection.exec_driver_sql("SELECT tenant_id, endpoint_url, alias FROM tenants").all()
        (credential,) = connection.exec_driver_sql("SELECT device_id, auth_id, position FROM credentials").all()
        (hardware,) = connection.exec_driver_sql("SELECT tenant_id, device_id, resets FROM hardware").all()
        documents = connection.execute(select(devices.c.device_id, devices.c.document)).all()
        members = connection.exec_driver_sql("SELECT pointer, value, device_id FROM device_members").all()
        runs = connection.exec_driver_sql("SELECT tenant_id, first_id, devices FROM device_runs").all()
        assert connection.exec_driver_sql("SELECT name FROM users").scalars().all() == ["ann"]
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert tuple(tenant) == ("acme", "mqtts://broker:8883", "the-acme")
    assert tuple(credential) == ("d1", "CN=d1,O=acme", 0)
    assert tuple(hardware) == ("acme", "d1", 7)
    assert sorted(map(tuple, documents)) == [("d1", {}), ("d2", DOCUMENT)]
    assert {tuple(row) for row in members} == {
        ("/enabled", "b:false", "d2"),
        ("/ext/brand", "s:é", "d2"),
        ("/ext/n", "n:1", "d2"),
        ("/ext/flag", "b:true", "d2"),
        ("/ext/enabled", "b:true", "d2"),
        ("via", "gw", "d2"),
    }
    assert [tuple(row) for row in runs] == [("acme", "", 2)]
    for wanted in (Filter(("ext", "straße"), "Ö\\"), Filter(("ext", "b\\s"), 1)):
        search = Search((wanted,))
        with database.reading() as connection:
            assert [row.device_id for row in find_page(connection, TenantId("acme"), search).page] == ["d2"]
    with database.reading() as connection:
        search = Search((Filter(("ext", "straße"), "x"),))
        assert [each.id for each in search_tenants(connection, search, None).page] == ["acme"]

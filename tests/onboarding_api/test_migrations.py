"""The schema: what the migrations make is what the tables say, and nothing else is served."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from onboarding_api.domain.errors import DatabaseUnusableError, SchemaOutdatedError
from onboarding_api.storage.database import Database
from onboarding_api.storage.migrations import require_current, upgrade
from onboarding_api.storage.tables import metadata


@pytest.fixture
def empty(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path}/empty.db")


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


def test_commits_are_durable_and_foreign_keys_hold(empty: Database) -> None:
    with empty.writing() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("synchronous", "foreign_keys", "journal_mode")
        ]
    assert pragmas == [2, 1, "wal"]


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "sqlite:////nowhere/at/all/x.db"])
def test_a_database_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(DatabaseUnusableError):
        require_current(Database(url))

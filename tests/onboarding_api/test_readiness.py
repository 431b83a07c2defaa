"""GET /readyz: what keeps a process from doing its work."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from onboarding_api.app import REGISTRY
from onboarding_api.domain.sealing import KEY_OCTETS, Seal
from onboarding_api.key_file import load_seal
from onboarding_api.services.readiness import Obstacle, Readiness
from onboarding_api.storage.database import Database
from tests.onboarding_api.actors import Api, database_url, document


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    with closing(Database(database_url(folder))) as database:
        yield database


def checks(obstacles: list[Obstacle]) -> list[str]:
    assert all(each.reason and each.remedy for each in obstacles)
    return [each.check for each in obstacles]


def test_old_tables_are_a_reason(database: Database, folder: Path) -> None:
    with database.writing() as connection:
        newest = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'r0001'")
    try:
        assert checks(Readiness(database, load_seal(folder / "registry.key")).obstacles()) == ["schema"]
    finally:
        with database.writing() as connection:
            connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{newest}'")


def test_keys_that_do_not_open_are_a_reason(database: Database) -> None:
    assert checks(Readiness(database, Seal(os.urandom(KEY_OCTETS))).obstacles()) == ["keys"]


def test_a_database_that_does_not_answer_is_a_reason(folder: Path) -> None:
    with closing(Database("postgresql+psycopg://nobody@/none?host=/nowhere")) as nowhere:
        obstacles = Readiness(nowhere, load_seal(folder / "registry.key")).obstacles()
    assert checks(obstacles) == ["database"]


def test_the_answer_is_kept_for_a_second(database: Database, folder: Path) -> None:
    now = 100.0
    readiness = Readiness(database, load_seal(folder / "registry.key"), lambda: now)
    kept = readiness.obstacles()
    now += 0.9
    assert readiness.obstacles() is kept
    now += 0.2
    assert readiness.obstacles() is not kept


def test_a_server_that_is_about_to_end_says_so(api: Api) -> None:
    api.app.extensions[REGISTRY].readiness.drain()
    answer = api.app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert [each["check"] for each in document(answer)["reasons"]] == ["draining"]
    assert api.app.test_client().get("/healthz").status_code == 200

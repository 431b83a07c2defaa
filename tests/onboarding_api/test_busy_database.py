"""A database that others keep busy: nobody waits for ever, and who gave up is told when to come back."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from onboarding_api.domain.errors import DatabaseBusyError
from onboarding_api.storage.database import STATEMENT_S, Database
from tests.onboarding_api.actors import Api, database_url, document
from tests.onboarding_api.managers import Manager, expect_refusal

HURRIED_S = 0.05
Writing = Callable[[Api], AbstractContextManager[None]]
COUNT = "SELECT count(*) FROM devices"


@pytest.fixture
def hurried(folder: Path) -> Iterator[Api]:
    """The same registry, served by a process that does not wait long."""
    with closing(Api(folder, patience_s=HURRIED_S)) as hurried:
        yield hurried


@contextmanager
def by_its_turn(api: Api) -> Iterator[None]:
    """Somebody writes as each process of ours does, and takes his time."""
    with api.database.writing() as connection:
        connection.exec_driver_sql("UPDATE tenants SET updated_at = 1")
        connection.exec_driver_sql("UPDATE devices SET updated_at = 1")
        yield


@contextmanager
def out_of_turn(api: Api) -> Iterator[None]:
    """Somebody writes with a tool of the database's own."""
    engine = create_engine(api.database_url)
    with engine.connect() as connection:
        if api.database.is_sqlite:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("LOCK TABLE tenants, devices IN EXCLUSIVE MODE")
        yield
    engine.dispose()


@pytest.mark.parametrize("writing", [by_its_turn, out_of_turn])
def test_whoever_waits_too_long_to_write_is_told_to_come_back(api: Api, hurried: Api, writing: Writing) -> None:
    manager = Manager.of(hurried, "root")
    path = Manager.of(api, "root").create("/v1/devices/acme/a")
    assert manager.get(path)
    with writing(api):
        answer = manager.send("PUT", path, {"ext": {"n": 1}})
        expect_refusal(answer, 503, "database-busy")
        assert int(answer.headers["Retry-After"]) > 0
        assert "request" in document(answer)
        assert "ext" not in manager.get(path)
    manager.put(path, {"ext": {"n": 2}})
    assert manager.get(path)["ext"] == {"n": 2}


def test_connections_that_are_all_lent_are_no_bug(empty_url: str) -> None:
    with closing(Database(empty_url, HURRIED_S)) as database:
        with ExitStack() as lent, pytest.raises(DatabaseBusyError):
            _borrow(lent, database, 100)
        with database.writing() as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def test_a_statement_that_takes_too_long_is_ended(empty_url: str, kind: str) -> None:
    if kind == "sqlite":
        return
    with closing(Database(empty_url)) as database:
        with database.reading() as connection:
            assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == f"{STATEMENT_S}s"
        quickly = f"SET statement_timeout = {int(HURRIED_S * 1000)}; SELECT pg_sleep(60)"
        with pytest.raises(DatabaseBusyError), database.reading() as connection:
            connection.exec_driver_sql(quickly)


def test_the_turn_goes_to_whoever_waits_for_it(folder: Path) -> None:
    url = database_url(folder)
    waiting = threading.Event()

    def write() -> int:
        with closing(Database(url)) as second:
            waiting.set()
            with second.writing() as connection:
                return int(connection.exec_driver_sql(COUNT).scalar_one())

    with closing(Database(url)) as first, ThreadPoolExecutor(1) as pool:
        with first.writing() as connection:
            connection.exec_driver_sql("UPDATE tenants SET updated_at = 1")
            written = pool.submit(write)
            assert waiting.wait(5)
        assert written.result(5) == 0


def test_a_turn_that_comes_when_nobody_wants_it_any_more_is_given_back(folder: Path, kind: str) -> None:
    if kind == "postgresql":
        return
    url = database_url(folder)
    with closing(Database(url)) as first, closing(Database(url, HURRIED_S)) as second, closing(Database(url)) as third:
        for _ in range(3):
            with first.writing():
                for _ in range(2):
                    with pytest.raises(DatabaseBusyError), second.writing():
                        pass
                assert [each.name for each in threading.enumerate()].count("database-turn") == 1
            with third.writing():
                pass
            _turn_thread_ended()
            with second.writing() as connection:
                assert connection.exec_driver_sql(COUNT).scalar() == 0


def test_a_database_can_be_closed_while_its_turn_is_still_to_come(folder: Path, kind: str) -> None:
    if kind == "postgresql":
        return
    url = database_url(folder)
    with closing(Database(url)) as first:
        with (
            first.writing(),
            closing(Database(url, HURRIED_S)) as second,
            pytest.raises(DatabaseBusyError),
            second.writing(),
        ):
            pass
        _turn_thread_ended()
        with first.writing() as connection:
            assert connection.exec_driver_sql(COUNT).scalar() == 0


def _borrow(lent: ExitStack, database: Database, number: int) -> None:
    for _ in range(number):
        lent.enter_context(database.writing())


def _turn_thread_ended() -> None:
    for thread in threading.enumerate():
        if thread.name == "database-turn":
            thread.join(5)
            assert not thread.is_alive()

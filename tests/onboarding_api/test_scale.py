"""Searches cost the same however many devices there are: what is derived for them is exact, and is what they read."""

import random
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, delete, event, insert, select

from onboarding_api.domain.identifiers import DeviceId, DeviceKey, TenantId, Timestamp, Version
from onboarding_api.domain.management.search import Filter, Order, Search
from onboarding_api.storage.database import Database
from onboarding_api.storage.devices import delete_device, insert_device, replace_device, require_room, search_devices
from onboarding_api.storage.tables import device_members, device_runs, devices, tenants
from tests.onboarding_api.actors import database_url

ACME = TenantId("acme")
MANY = 3000
RUN_MAX = 512
NOW = Timestamp(1_750_000_000)
BY_ID_DOWN = (Order(("id",), descending=True),)


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    with closing(Database(database_url(folder))) as database:
        yield database


@pytest.fixture
def many(database: Database) -> list[str]:
    """The ids of many devices, in their order; they came in none."""
    ids = [f"{number * 2_654_435_761 % 2**32:08x}" for number in range(MANY)]
    with database.writing() as connection:
        connection.execute(insert(devices), [_row(number, each) for number, each in enumerate(ids)])
    return sorted(ids)


def _row(number: int, device: str) -> dict[str, object]:
    document = {"enabled": number % 300 > 0, "ext": {"brand": f"b{number // 100}", "n": number, "x": {"y": number}}}
    return {
        "tenant_id": ACME,
        "device_id": device,
        "version": "v",
        "credentials_version": "v",
        "document": document,
        "created_at": NOW + number // 4,
        "auto_provisioned": False,
        "notification_sent": False,
    }


def expect_exact(connection: Connection) -> None:
    """What is derived agrees with the devices that there are."""
    here = devices.c.tenant_id == ACME
    found = connection.execute(select(devices.c.device_id, devices.c.document).where(here)).all()
    ids = sorted(row.device_id for row in found)
    runs = connection.execute(
        select(device_runs.c.first_id, device_runs.c.devices)
        .where(device_runs.c.tenant_id == ACME)
        .order_by(device_runs.c.first_id)
    ).all()
    edges = [row.first_id for row in runs] + ["~"]
    counted = [sum(first <= each < beyond for each in ids) for first, beyond in pairwise(edges)]
    assert [row.devices for row in runs] == counted
    assert sum(counted) == len(ids)
    assert all(size <= RUN_MAX for size in counted)
    assert all(size > 0 for size in counted[1:])
    named = select(device_members.c.pointer, device_members.c.value, device_members.c.device_id)
    members = {tuple(row) for row in connection.execute(named.where(device_members.c.tenant_id == ACME))}
    assert members == {(*member, row.device_id) for row in found for member in _members(row.document)}


def _members(document: dict[str, Any]) -> set[tuple[str, str]]:
    ext = document.get("ext", {})
    members = {("/ext/brand", f"s:{ext['brand']}")} if "brand" in ext else set()
    members |= {("/ext/n", f"n:{ext['n']}")} if "n" in ext else set()
    members |= {("via", each) for each in document.get("via", [])}
    return members | ({("/enabled", "b:false")} if document.get("enabled") is False else set())


def test_what_is_derived_stays_exact_whatever_happens_to_devices(database: Database) -> None:
    chance = random.Random(4)
    there: set[str] = set()
    for step in range(40):
        with database.writing() as connection:
            for _ in range(40):
                name = f"d{chance.randrange(1200):04}"
                key = DeviceKey(ACME, DeviceId(name))
                if name not in there:
                    insert_device(connection, key, (Version("v"), Version("v")), {"ext": {"n": step}}, NOW)
                    there.add(name)
                elif chance.random() < 0.4 + step / 70:
                    assert delete_device(connection, key, None, NOW)
                    there.remove(name)
                else:
                    document = {"enabled": False, "via": ["gw"], "ext": {"brand": "é" * chance.randrange(1, 9)}}
                    assert replace_device(connection, key, Version("v"), Version("v"), document, NOW)
            assert len(there) == len(connection.execute(select(devices).where(devices.c.tenant_id == ACME)).all())
    with database.reading() as connection:
        expect_exact(connection)


def test_a_bulk_is_cut_into_runs_and_deleting_it_leaves_nothing(database: Database, many: list[str]) -> None:
    with database.reading() as connection:
        expect_exact(connection)
        assert len(connection.execute(select(device_runs)).all()) > MANY // RUN_MAX
    with database.writing() as connection:
        connection.execute(delete(devices).where(devices.c.device_id > many[20]))
        expect_exact(connection)
    with database.writing() as connection:
        connection.execute(delete(tenants).where(tenants.c.tenant_id == ACME))
        assert connection.execute(select(device_runs)).all() == []
        assert connection.execute(select(device_members)).all() == []


def test_rivals_who_create_and_delete_neighbours_count_each_once(database: Database) -> None:
    failures: list[BaseException] = []

    def create(rival: int) -> None:
        try:
            for number in range(200):
                key = DeviceKey(ACME, DeviceId(f"{number:04}-{rival}"))
                with database.writing() as connection:
                    insert_device(connection, key, (Version("v"), Version("v")), {}, NOW)
                if number % 3 == 0:
                    with database.writing() as connection:
                        delete_device(connection, key, None, NOW)
        except BaseException as error:
            failures.append(error)
            raise

    rivals = [threading.Thread(target=create, args=(rival,)) for rival in range(6)]
    for each in rivals:
        each.start()
    for each in rivals:
        each.join()
    assert failures == []
    with database.reading() as connection:
        expect_exact(connection)
        assert search_devices(connection, ACME, Search()).total == 6 * (200 - 67)


def test_a_limit_counts_what_the_same_transaction_created(database: Database) -> None:
    limited = {"registration-limits": {"max-devices": 2}}
    with database.writing() as connection:
        connection.execute(tenants.update().where(tenants.c.tenant_id == ACME).values(document=limited))
        for number in range(2):
            require_room(connection, ACME)
            insert_device(connection, DeviceKey(ACME, DeviceId(f"d{number}")), (Version("v"), Version("v")), {}, NOW)
        with pytest.raises(Exception, match="no more than 2 devices"):
            require_room(connection, ACME)


@pytest.mark.parametrize("orders", [(), BY_ID_DOWN])
@pytest.mark.parametrize("page_size", [97, 200])
def test_every_page_is_exactly_what_its_index_says(
    database: Database, many: list[str], orders: tuple[Order, ...], page_size: int
) -> None:
    expected = many[::-1] if orders else many
    with database.reading() as connection:
        for index in range(MANY // page_size + 2):
            found = search_devices(connection, ACME, Search((), orders, page_size, index))
            assert found.total == MANY
            assert [each.id for each in found.page] == expected[index * page_size : (index + 1) * page_size]


def test_a_page_of_no_device_is_empty(database: Database) -> None:
    with database.reading() as connection:
        for orders in ((), BY_ID_DOWN):
            assert search_devices(connection, ACME, Search(orders=orders)).total == 0


LONG = "x" * 300
ENOUGH, STEPS_PER_ROW = 1100, 4
"""Two runs; there are more than twice as many devices. A row costs SQLite some four steps."""
Parameters = tuple[Any, ...] | dict[str, Any]
SEARCHES = {
    "everything": Search(),
    "descending": Search(orders=BY_ID_DOWN),
    "by token": Search(after="8"),
    "by token, descending": Search(after="8", orders=BY_ID_DOWN),
    "one id": Search((Filter(("id",), "000"),)),
    "ids that begin so": Search((Filter(("id",), "00*"),)),
    "a text": Search((Filter(("ext", "brand"), "b1"),)),
    "a long text": Search((Filter(("ext", "brand"), LONG),)),
    "a number": Search((Filter(("ext", "n"), 7),)),
    "two members": Search((Filter(("ext", "n"), 7), Filter(("ext", "brand"), "b0"))),
    "a member and what is in no index": Search((Filter(("ext", "n"), 7), Filter(("ext", "x", "y"), 7))),
    "a member by token": Search((Filter(("ext", "brand"), "b1"),), after="8"),
    "a member, newest first": Search((Filter(("ext", "n"), 7),), (Order(("status", "created"), descending=True),)),
    "disabled": Search((Filter(("enabled",), False),)),
    "enabled": Search((Filter(("enabled",), True),)),
    "created then": Search((Filter(("status", "created"), "2025-06-15T15:07:00Z"),)),
    "newest first": Search((), (Order(("status", "created"), descending=True),)),
    "gateways": Search(gateways=True),
    "others than gateways": Search(gateways=False),
}


@pytest.mark.usefixtures("many")
def test_no_search_looks_at_more_rows_than_it_must(database: Database) -> None:
    with database.reading() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("ANALYZE devices, device_members, device_runs")
        for page_index in (0, 5):
            effort = {name: efforts(connection, paged(each, page_index)) for name, each in SEARCHES.items()}
            assert {name: each for name, each in effort.items() if max(each) > ENOUGH} == {}


@pytest.mark.usefixtures("many")
def test_a_pattern_in_a_member_is_seen_to_look_at_every_device(database: Database) -> None:
    with database.reading() as connection:
        assert max(efforts(connection, Search((Filter(("ext", "brand"), "*1"),)))) > ENOUGH


@pytest.mark.usefixtures("many")
def test_a_search_takes_as_few_statements_on_any_page(database: Database) -> None:
    with database.reading() as connection:
        for each in SEARCHES.values():
            for page_index in (0, 1, 9):
                with recorded(connection) as statements:
                    search_devices(connection, ACME, paged(each, page_index))
                assert len(statements) <= 3


def paged(search: Search, page_index: int) -> Search:
    return replace(search, page_size=10, page_index=0 if search.after else page_index)


def efforts(connection: Connection, search: Search) -> list[int]:
    """How much each statement of a search looks at: rows on PostgreSQL, steps of its machine on SQLite."""
    with recorded(connection) as statements:
        search_devices(connection, ACME, search)
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        return [_steps(driver, *each) for each in statements]
    assert isinstance(driver, psycopg.Connection)
    return [_rows(driver, *each) for each in statements]


def _steps(driver: sqlite3.Connection, statement: str, parameters: Parameters) -> int:
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 1
        return 0

    driver.set_progress_handler(count, 1)
    driver.execute(statement, parameters).fetchall()
    driver.set_progress_handler(None, 0)
    return taken // STEPS_PER_ROW


_SEEN = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter")


def _rows(driver: psycopg.Connection, statement: str, parameters: Parameters) -> int:
    explained = driver.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}".encode(), parameters).fetchone()
    assert explained is not None
    nodes, seen = [explained[0][0]["Plan"]], 0
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        rows = sum(
            node.get(each, 0) for each in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter")
        )
        seen = max(seen, rows * node["Actual Loops"])
    return seen


@contextmanager
def recorded(connection: Connection) -> Iterator[list[tuple[str, Parameters]]]:
    """Keep every statement with its parameters."""
    statements: list[tuple[str, Parameters]] = []

    def keep(_connection: object, _cursor: object, statement: str, parameters: Parameters, *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", keep)
    yield statements
    event.remove(connection, "before_cursor_execute", keep)

"""Searching in documents, in SQLite's and in PostgreSQL's words.

The rules kept here: a filter compares type and value exactly; `*` and `?` are the only wildcards; several filters all
must match, also on one member; what has no such member is found by no filter and sorted first. An entity without
`enabled` is enabled, because that is what it means.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Double,
    Integer,
    Numeric,
    Row,
    Select,
    Table,
    Text,
    case,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from onboarding_api.domain.management.search import Filter, Found, Order, Pointer, Search

Condition = ColumnElement[bool]
Anything = ColumnElement[Any]
_ISO_SQLITE, _ISO_POSTGRESQL = "%Y-%m-%dT%H:%M:%SZ", 'YYYY-MM-DD"T"HH24:MI:SS"Z"'
_INTEGER_MAX = 2**63


@dataclass(frozen=True, slots=True)
class Searched:
    """A table that can be searched: its id, and the columns that look like members of the document."""

    table: Table
    id: Column[str]
    columns: Mapping[Pointer, Column[Any]]


def run_search(
    connection: Connection, searched: Searched, search: Search, limits: Sequence[Condition]
) -> Found[Row[tuple[Any, ...]]]:
    """Return how many rows match, and those of the page."""
    dialect = connection.dialect.name
    conditions = [*limits, *(condition(dialect, searched, each) for each in search.filters)]
    total = connection.execute(select(func.count()).select_from(searched.table).where(*conditions)).scalar_one()
    if not total:
        return Found(0, [])
    page: Select[tuple[Any, ...]] = select(searched.table).where(*conditions)
    for order in search.orders:
        page = page.order_by(*ordering(dialect, searched, order))
    page = page.order_by(searched.id).limit(search.page_size)
    return Found(total, connection.execute(page.offset(search.page_index * search.page_size)).all())


def condition(dialect: str, searched: Searched, wanted: Filter) -> Condition:
    """Return what a filter demands, in SQL."""
    column = searched.id if wanted.pointer == ("id",) else searched.columns.get(wanted.pointer)
    if column is not None:
        return _column_is(dialect, column, wanted)
    kind, text = _kind(dialect, searched, wanted.pointer), _text(dialect, searched, wanted.pointer)
    if isinstance(wanted.value, bool):
        return _boolean_is(dialect, kind, text, wanted)
    if isinstance(wanted.value, str):
        return (kind == ("text" if dialect == "sqlite" else "string")) & _text_is(dialect, text, wanted)
    # Beyond the integers of SQLite a number is what it is in JSON everywhere else: a double (RFC 7493 section 2.2).
    value = wanted.value if abs(wanted.value) < _INTEGER_MAX else float(wanted.value)
    if dialect == "sqlite":
        return kind.in_(["integer", "real"]) & (text == value)
    if abs(value) >= _INTEGER_MAX:
        return case((kind == "number", cast(text, Double))) == value
    return _at(searched, wanted.pointer) == literal(value, JSONB)


def _column_is(dialect: str, column: Anything, wanted: Filter) -> Condition:
    if isinstance(column.type, Boolean):
        return column.is_(wanted.value) if isinstance(wanted.value, bool) else false()
    if not isinstance(wanted.value, str):
        return false()
    if isinstance(column.type, BigInteger):
        return _text_is(dialect, _moment(dialect, column), wanted)
    return _text_is(dialect, column, wanted)


def _boolean_is(dialect: str, kind: Anything, text: Anything, wanted: Filter) -> Condition:
    value = "true" if wanted.value else "false"
    matches = kind == value if dialect == "sqlite" else (kind == "boolean") & (text == value)
    return or_(matches, kind.is_(None)) if wanted.pointer == ("enabled",) and wanted.value else matches


def _text_is(dialect: str, text: Anything, wanted: Filter) -> Condition:
    pattern = str(wanted.value)
    if not wanted.has_wildcards:
        return text == pattern
    if dialect == "sqlite":
        return text.op("GLOB", is_comparison=True)(pattern.replace("[", "[[]"))
    for literally in "\\%_":
        pattern = pattern.replace(literally, f"\\{literally}")
    return text.like(pattern.replace("*", "%").replace("?", "_"), escape="\\")


def ordering(dialect: str, searched: Searched, order: Order) -> list[Anything]:
    """Return what SQL sorts by, for one order that was asked for."""
    column = searched.id if order.pointer == ("id",) else searched.columns.get(order.pointer)
    keys: list[Anything]
    if column is None:
        keys = _ranks(dialect, _kind(dialect, searched, order.pointer), _text(dialect, searched, order.pointer))
    elif column.nullable:
        keys = [column]
    else:
        return [column.desc() if order.descending else column]
    return [key.desc().nulls_last() if order.descending else key.asc().nulls_first() for key in keys]


def _ranks(dialect: str, kind: Anything, text: Anything) -> list[Anything]:
    """Return keys that put what is missing, an object or an array first, then numbers and booleans, then texts."""
    if dialect == "sqlite":
        return [case((kind.in_(["object", "array"]), null()), else_=text)]
    number = case((kind == "number", cast(text, Numeric)), (kind == "boolean", cast(cast(text, Boolean), Integer)))
    rank = case((kind == "string", 2), (kind.in_(["number", "boolean"]), 1), else_=0)
    return [rank, number, case((kind == "string", text)).collate("C")]


def _moment(dialect: str, column: Anything) -> Anything:
    if dialect == "sqlite":
        return func.strftime(_ISO_SQLITE, column, "unixepoch")
    return func.to_char(func.timezone("UTC", func.to_timestamp(column)), _ISO_POSTGRESQL)


def _kind(dialect: str, searched: Searched, pointer: Pointer) -> Anything:
    if dialect == "sqlite":
        return func.json_type(searched.table.c.document, _path(pointer))
    return func.jsonb_typeof(_at(searched, pointer))


def _text(dialect: str, searched: Searched, pointer: Pointer) -> Anything:
    """Return the member as SQL has it: on SQLite a text or number, on PostgreSQL always a text."""
    if dialect == "sqlite":
        return func.json_extract(searched.table.c.document, _path(pointer))
    return _at(searched, pointer[:-1]).op("->>", return_type=Text())(cast(pointer[-1], Text))


def _at(searched: Searched, pointer: Pointer) -> Anything:
    """Return the member on PostgreSQL, step by step: a path (`#>`) would count into arrays, too."""
    found: Anything = searched.table.c.document
    for name in pointer:
        found = found.op("->", return_type=JSONB())(cast(name, Text))
    return found


def _path(pointer: Pointer) -> str:
    """Return the pointer in SQLite's words: each name as it is written in a document, escapes included."""
    return "$" + "".join(f".{json.dumps(segment, ensure_ascii=False)}" for segment in pointer)

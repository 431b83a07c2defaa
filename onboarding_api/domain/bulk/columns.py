"""The columns of a CSV file, and how a member of a document is written in a cell.

The rules kept here: an empty cell is an absent member; a cell that a spreadsheet would compute begins with an
apostrophe, which reading takes away again; what has no column of its own is JSON in a column `…-more`.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from onboarding_api.domain.errors import DocumentRefusedError
from onboarding_api.domain.hono import Document

_COMPUTED = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")  # noqa: RUF001  # Excel computes them too
"""What begins a formula somewhere (OWASP, CSV injection), and the apostrophe, so that reading undoes exactly this."""
_TRUE, _FALSE = {"true", "yes", "1", "wahr", "vrai"}, {"false", "no", "0", "falsch", "faux"}
"""Excel writes its own language's words."""
_PLAIN_TEXT = re.compile(r"[^\s\[,;]([^,;]*[^\s,;])?")
_CREDENTIAL_MEMBER = re.compile(r"credentials(\[\d+\])?\.?(?P<secret>secrets(\[\d+\])?\.?)?(?P<name>.*)")
EXT = "ext."
"""A column `ext.NAME` is a text in the device's `ext`; for reading only."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How members of one type stand in a cell."""

    read: Callable[[str, str], object]
    """Given column and cell."""
    write: Callable[[object], str]
    of: type | None = None
    """What it can write; anything, if it is not said."""


def _read_truth(column: str, cell: str) -> bool:
    word = cell.strip().lower()
    if word not in _TRUE | _FALSE:
        raise DocumentRefusedError(column, "neither true nor false")
    return word in _TRUE


def _read_json(column: str, cell: str) -> object:
    try:
        return msgspec.json.decode(cell)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DocumentRefusedError(column, "not JSON") from error


def _read_list(column: str, cell: str) -> object:
    if cell.lstrip().startswith("["):
        return _read_json(column, cell)
    return [each for part in re.split("[,;]", cell) if (each := part.strip())]


def _write_list(value: object) -> str:
    if (
        isinstance(value, list)
        and value
        and all(isinstance(each, str) and _PLAIN_TEXT.fullmatch(each) for each in value)
    ):
        return ", ".join(value)
    return _write_json(value)


def _write_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


TEXT = Kind(lambda _column, cell: cell, str, str)
TRUTH = Kind(_read_truth, lambda value: "true" if value else "false", bool)
LIST = Kind(_read_list, _write_list)
JSON = Kind(_read_json, _write_json)

DEVICE: Mapping[str, tuple[str, Kind]] = {
    "enabled": ("enabled", TRUTH),
    "via": ("via", LIST),
    "viaGroups": ("viaGroups", LIST),
    "memberOf": ("memberOf", LIST),
    "authorities": ("authorities", LIST),
    "defaults": ("defaults", JSON),
    "ext": ("ext", JSON),
    "downstream-message-mapper": ("downstream-message-mapper", TEXT),
    "upstream-message-mapper": ("upstream-message-mapper", TEXT),
    "command-endpoint": ("command-endpoint", JSON),
}
CREDENTIAL: Mapping[str, tuple[str, Kind]] = {
    "type": ("type", TEXT),
    "auth-id": ("auth-id", TEXT),
    "cert": ("cert", TEXT),
    "credential-enabled": ("enabled", TRUTH),
    "credential-comment": ("comment", TEXT),
    "credential-ext": ("ext", JSON),
}
CREDENTIAL_MORE = "credential-more"
SECRET: Mapping[str, tuple[str, Kind]] = {
    "secret-id": ("id", TEXT),
    "secret-enabled": ("enabled", TRUTH),
    "secret-comment": ("comment", TEXT),
    "not-before": ("not-before", TEXT),
    "not-after": ("not-after", TEXT),
    "pwd-plain": ("pwd-plain", TEXT),
    "pwd-hash": ("pwd-hash", TEXT),
    "hash-function": ("hash-function", TEXT),
    "salt": ("salt", TEXT),
    "key": ("key", TEXT),
    "algorithm": ("algorithm", TEXT),
    "sealed-key": ("sealed-key", TEXT),
}
SECRET_MORE = "secret-more"  # noqa: S105
DEVICE_ID = "device-id"
ALL = (DEVICE_ID, *DEVICE, *CREDENTIAL, CREDENTIAL_MORE, *SECRET, SECRET_MORE)


def read_cells(cells: Mapping[str, str], columns: Mapping[str, tuple[str, Kind]], more: str | None = None) -> Document:
    """Return the members that these cells hold."""
    document: Document = {}
    if more and more in cells:
        rest = _read_json(more, cells[more])
        if not isinstance(rest, dict):
            raise DocumentRefusedError(more, "Expected `object`")
        document.update(rest)
    for column, (member, kind) in columns.items():
        if column in cells:
            document[member] = kind.read(column, cells[column])
    return document


def write_cells(document: Document, columns: Mapping[str, tuple[str, Kind]], more: str | None = None) -> dict[str, str]:
    """Return the cells of these members."""
    cells: dict[str, str] = {}
    rest = dict(document)
    for column, (member, kind) in columns.items():
        if member in rest and (kind.of is None or isinstance(rest[member], kind.of)):
            cells[column] = kind.write(rest.pop(member))
    if more and rest:
        cells[more] = _write_json(rest)
    return cells


def read_ext(cells: Mapping[str, str]) -> dict[str, str]:
    """Return what the columns `ext.…` hold."""
    return {column.removeprefix(EXT): cell for column, cell in cells.items() if column.startswith(EXT)}


def harmless(text: str) -> str:
    """Return a cell that no spreadsheet computes."""
    return f"'{text}" if text.startswith(_COMPUTED) else text


def as_meant(text: str) -> str:
    """Return what `harmless` was given, and what somebody means who begins a cell with an apostrophe."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_COMPUTED) else text


def column_of(member: str) -> str:
    """Return the column of a member such as `credentials[0].secrets[0].id`, or the member if it has none."""
    path = _CREDENTIAL_MEMBER.fullmatch(member)
    if path is None:
        return member
    columns = SECRET if path["secret"] else CREDENTIAL
    named = {name: column for column, (name, _) in columns.items()}
    return named.get(path["name"], path["name"] or "type")


def require_columns(header: Sequence[str]) -> None:
    """Refuse a first row that does not name columns."""
    unknown = [each for each in header if each not in ALL and not each.startswith(EXT)]
    if unknown:
        raise DocumentRefusedError(unknown[0] or "(empty)", "no such column")
    if len(set(header)) != len(header):
        raise DocumentRefusedError("", "names a column twice")
    if DEVICE_ID not in header:
        raise DocumentRefusedError("", "there is no column device-id")

"""CSV: a row per credential, or per secret where a credential has several; a device without credentials has one row.

The rules kept here: consecutive rows of one device id are one device; its own columns are in the first of them, and
the others may repeat them but not contradict. Separator and byte order mark are recognised, not asked for.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from onboarding_api.domain.bulk.columns import (
    ALL,
    CREDENTIAL,
    CREDENTIAL_MORE,
    DEVICE,
    DEVICE_ID,
    EXT,
    SECRET,
    SECRET_MORE,
    as_meant,
    column_of,
    harmless,
    read_cells,
    read_ext,
    require_columns,
    write_cells,
)
from onboarding_api.domain.bulk.json_lines import REASON
from onboarding_api.domain.bulk.records import Record, read_records
from onboarding_api.domain.bulk.rows import Entry, Fault, Position, Row, read_row
from onboarding_api.domain.errors import ColumnsRefusedError, DocumentRefusedError
from onboarding_api.domain.hono import Document

_SEPARATORS = ",;\t"


@dataclass(frozen=True, slots=True)
class _Line:
    """A record with its cells; an empty cell is none."""

    record: Record
    cells: Mapping[str, str] = field(repr=False)
    fault: str | None

    @property
    def device(self) -> str | None:
        return self.cells.get(DEVICE_ID)

    def require_sound(self) -> None:
        if self.fault:
            raise DocumentRefusedError("", self.fault)


class Table:
    """A CSV file; its first row names the columns."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        stream.seek(0)
        records = read_records(stream, Position(), quoted=_SEPARATORS)
        head = next(records, None)
        separator = None
        if head is not None and head.text.startswith("sep=") and len(head.text) == 5 and head.text[4] != '"':
            separator, head = head.text[4], next(records, None)
        if head is None or head.fault:
            raise ColumnsRefusedError("the first row does not name columns")
        self._separator = separator or max(_SEPARATORS, key=head.text.count)
        self._start = head.after
        try:
            header = [cell.strip() for cell in self._parse(head.text)]
            while header and not header[-1]:
                header.pop()
            require_columns([each for each in header if each != REASON])
        except csv.Error as error:
            raise ColumnsRefusedError("the first row does not name columns: check its quotation marks") from error
        except DocumentRefusedError as error:
            raise ColumnsRefusedError(f"the first row is not one of column names: {error}") from error
        self._header = header

    def entries(self, at: Position) -> Iterator[Entry]:
        """Yield the devices from a position on; rows without any cell are none."""
        at = max(at, self._start, key=lambda position: position.offset)
        self._stream.seek(at.offset)
        group: list[_Line] = []
        for record in read_records(self._stream, at, quoted=self._separator):
            line = self._line(record)
            if not line.cells and not line.fault:
                continue
            if group and (line.device is None or line.device != group[0].device):
                yield self._entry(group)
                group = []
            group.append(line)
        if group:
            yield self._entry(group)

    def preamble(self) -> str:
        """Return the row of column names, with one more for the reasons."""
        return self._written([REASON, *self._own])

    def told(self, fault: Fault) -> Fault:
        """Return the fault with the column that the member stands in."""
        return Fault(column_of(fault.member), fault.reason)

    def refused(self, entry: Entry, fault: Fault) -> str:
        """Return the rows of a device with the reason before them, as they were otherwise."""
        told = f"line {entry.line}: {fault}"
        return "".join(self._written([told, *self._as_they_were(text)]) for text in entry.source)

    @property
    def _own(self) -> list[str]:
        return [each for each in self._header if each != REASON]

    def _as_they_were(self, text: str) -> list[str]:
        try:
            cells = self._parse(text)
        except csv.Error:
            return [text]
        if REASON in self._header and len(cells) > (where := self._header.index(REASON)):
            del cells[where]
        return cells

    def _parse(self, text: str) -> list[str]:
        parsed = list(csv.reader(io.StringIO(text, newline=""), delimiter=self._separator, strict=True))
        if len(parsed) > 1:
            raise csv.Error("a record that is several rows")
        return parsed[0] if parsed else []

    def _line(self, record: Record) -> _Line:
        try:
            cells = self._parse(record.text)
        except csv.Error:
            return _Line(record, {}, record.fault or "not a row of CSV: check its quotation marks")
        named = {name: as_meant(cell) for name, cell in zip(self._header, cells, strict=False) if cell.strip()}
        named.pop(REASON, None)
        surplus = any(cells[len(self._header) :])
        fault = f"has {len(cells)} cells for {len(self._header)} columns" if surplus else None
        return _Line(record, named, record.fault or fault)

    def _entry(self, group: Sequence[_Line]) -> Entry:
        first, last = group[0], group[-1]
        content: Row | Fault
        try:
            content = self._row(group)
        except DocumentRefusedError as error:
            content = Fault.of(error)
        source = [each.record.text for each in group]
        return Entry(first.record.line, last.record.after, content, first.device, source)

    def _row(self, group: Sequence[_Line]) -> Row:
        cells = group[0].cells
        for line in group:
            line.require_sound()
            _require_agreement(cells, line)
        device = read_cells(cells, DEVICE)
        if texts := read_ext(cells):
            device["ext"] = {**_object(device.get("ext", {})), **texts}
        credentials: list[object] = []
        for line in group:
            _add_credential(credentials, line.cells)
        return read_row(cells.get(DEVICE_ID), device, credentials if "type" in self._header else None)

    def _written(self, cells: Sequence[str]) -> str:
        text = io.StringIO()
        csv.writer(text, delimiter=self._separator).writerow(cells)
        return text.getvalue()


def table_head(separator: str) -> bytes:
    """Return the first row of an exported table, with the mark by which Excel knows UTF-8."""
    return b"\xef\xbb\xbf" + _row_of(ALL, separator)


def write_table_rows(device: str, document: Document, credentials: Sequence[Document], separator: str) -> bytes:
    """Write one device as rows."""
    own = {DEVICE_ID: device} | write_cells(document, DEVICE)
    rows: list[dict[str, str]] = []
    for credential in credentials:
        rest = dict(credential)
        secrets = rest.pop("secrets")
        for number, secret in enumerate(secrets if isinstance(secrets, list) else []):
            name = {key: rest[key] for key in ("type", "auth-id")}
            about = write_cells(name if number else rest, CREDENTIAL, CREDENTIAL_MORE)
            rows.append({DEVICE_ID: device} | about | write_cells(secret, SECRET, SECRET_MORE))
    rows = rows or [{}]
    rows[0] = own | rows[0]
    return b"".join(_row_of([harmless(row.get(column, "")) for column in ALL], separator) for row in rows)


def _row_of(cells: Sequence[str], separator: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerow(cells)
    return text.getvalue().encode()


def _require_agreement(cells: Mapping[str, str], line: _Line) -> None:
    for column, cell in line.cells.items():
        if (column in DEVICE or column.startswith(EXT)) and cells.get(column) != cell:
            raise DocumentRefusedError(column, f"line {line.record.line} contradicts the first row of this device")


def _add_credential(credentials: list[object], cells: Mapping[str, str]) -> None:
    """Add what a row says: another credential, or another secret of the one before."""
    about = read_cells(cells, CREDENTIAL, CREDENTIAL_MORE)
    secret = read_cells(cells, SECRET, SECRET_MORE)
    if not about and not secret:
        return
    if credentials and "auth-id" in about:
        before = _object(credentials[-1])
        if [before.get(name) for name in ("type", "auth-id")] == [about.get(name) for name in ("type", "auth-id")]:
            secrets = before["secrets"]
            if isinstance(secrets, list):
                secrets.append(secret)
            return
    credentials.append(about | {"secrets": [secret]})


def _object(value: object) -> Document:
    return value if isinstance(value, dict) else {}

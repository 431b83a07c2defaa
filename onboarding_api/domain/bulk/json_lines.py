"""NDJSON: one object per line, {"device-id": …, "device": {…}, "credentials": […]}, as the API shows them."""

import json
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import msgspec

from onboarding_api.domain.bulk.records import Record, read_records
from onboarding_api.domain.bulk.rows import Entry, Fault, Position, Row, read_row
from onboarding_api.domain.errors import DocumentRefusedError
from onboarding_api.domain.hono import Document

REASON = "rejected"
"""The member or column that says why a row was refused; ignored when the row is read again."""
_MEMBERS = {"device-id", "device", "credentials", REASON}


class JsonLines:
    """A file of JSON lines."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        stream.seek(0)
        next(read_records(stream, Position(), quoted=""), None)  # refuses a file in UTF-16

    def entries(self, at: Position) -> Iterator[Entry]:
        """Yield the rows from a position on; empty lines are none."""
        self._stream.seek(at.offset)
        for record in read_records(self._stream, at, quoted=""):
            if record.fault or record.text.strip():
                yield _entry(record)

    def preamble(self) -> str:
        """Return nothing: a file of JSON lines has no head."""
        return ""

    def told(self, fault: Fault) -> Fault:
        """Return the fault: members are called in the file as in the documents."""
        return fault

    def refused(self, entry: Entry, fault: Fault) -> str:
        """Return the line, with the reason as its first member if it is an object."""
        (text,) = entry.source
        try:
            given = json.loads(text)
            if not isinstance(given, dict):
                return text + "\n"
            given.pop(REASON, None)
            return _written({REASON: f"line {entry.line}: {fault}", **given}) + "\n"
        except (ValueError, RecursionError):
            return text + "\n"


def write_json_line(device: str, document: Document, credentials: Sequence[Document]) -> bytes:
    """Write one device as a line."""
    row = {"device-id": device, "device": document, "credentials": credentials}
    return msgspec.json.encode(row) + b"\n"


def _written(document: Document) -> str:
    """Write an object as people read it; escaped if it holds half a surrogate pair, as JSON may and UTF-8 may not."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(document, allow_nan=False)
    return text


def _entry(record: Record) -> Entry:
    device: object = None
    content: Row | Fault
    try:
        given = _object(record)
        device = given.get("device-id")
        content = _row(given)
    except DocumentRefusedError as error:
        content = Fault.of(error)
    named = device if isinstance(device, str) else None
    return Entry(record.line, record.after, content, named, (record.text,))


def _object(record: Record) -> Document:
    if record.fault:
        raise DocumentRefusedError("", record.fault)
    try:
        given = msgspec.json.decode(record.text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DocumentRefusedError("", "not a JSON document") from error
    if not isinstance(given, dict):
        raise DocumentRefusedError("", "Expected `object`")
    return given


def _row(given: Document) -> Row:
    for member in given:
        if member not in _MEMBERS:
            raise DocumentRefusedError(member, "no such member; there are device-id, device and credentials")
    device = given.get("device")
    try:
        return read_row(given.get("device-id"), {} if device is None else device, given.get("credentials"))
    except DocumentRefusedError as error:
        if error.member in ("device-id", "credentials"):
            raise
        fault = Fault.of(error, "device")
        raise DocumentRefusedError(fault.member, fault.reason) from error

"""Cutting a file into records: lines, or in CSV as many lines as a quotation holds together (RFC 4180).

The rules kept here: nothing is held in memory but one record, and that is bounded; whatever a record is, the next one
begins at a line of its own, so a quotation mark that is never closed costs one line and not the rest of the file.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from onboarding_api.domain.bulk.rows import Position
from onboarding_api.domain.errors import FileUnreadableError

RECORD_MAX = 64 * 1024
"""Octets of a record. Over HTTP a document has at most 16,000."""
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Record:
    """A record and its place."""

    line: int
    after: Position
    text: str = field(repr=False)
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    octets: bytes
    after: Position
    whole: bool


def read_records(stream: BinaryIO, at: Position, *, quoted: bool) -> Iterator[Record]:
    """Yield the records of a stream that stands at `at`."""
    waiting: deque[_Line] = deque()
    lines = _lines(stream, at)
    while (first := waiting.popleft() if waiting else next(lines, None)) is not None:
        taken = [first]
        size, quotes = len(first.octets), first.octets.count(b'"') if quoted else 0
        while quotes % 2 and size <= RECORD_MAX and taken[-1].whole:
            following = waiting.popleft() if waiting else next(lines, None)
            if following is None:
                break
            taken.append(following)
            size += len(following.octets)
            quotes += following.octets.count(b'"')
        closed = not quotes % 2 and size <= 2 * RECORD_MAX and all(each.whole for each in taken[1:])
        if not closed:
            waiting.extendleft(reversed(taken[1:]))
            taken = taken[:1]
        yield _record(taken, closed=closed)


def _record(taken: list[_Line], *, closed: bool) -> Record:
    octets = b"".join(each.octets for each in taken)
    line = taken[0].after.line - 1
    fault = None
    if not taken[0].whole:
        fault = f"longer than {RECORD_MAX} octets"
    elif not closed:
        fault = "has a quotation mark that is not closed"
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        text = octets.decode("utf-8", "replace")
        fault = fault or "not UTF-8; save the file as CSV UTF-8"
    return Record(line, taken[-1].after, text.rstrip("\r\n"), fault)


def _lines(stream: BinaryIO, at: Position) -> Iterator[_Line]:
    offset, number = at.offset, at.line
    while octets := stream.readline(RECORD_MAX):
        offset += len(octets)
        whole = octets.endswith(b"\n") or len(octets) < RECORD_MAX
        piece = octets
        while len(piece) == RECORD_MAX and not piece.endswith(b"\n"):
            piece = stream.readline(RECORD_MAX)
            offset += len(piece)
        number += 1
        if number == 2:
            octets = _without_mark(octets)
        yield _Line(octets, Position(offset, number), whole)


def _without_mark(octets: bytes) -> bytes:
    if octets.startswith(_UTF16):
        raise FileUnreadableError("the file is in UTF-16, not in UTF-8")
    return octets.removeprefix(_BOM)

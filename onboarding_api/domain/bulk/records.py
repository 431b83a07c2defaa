"""Cutting a file into records: lines, or in CSV as many lines as a quotation holds together (RFC 4180).

The rules kept here: nothing is held in memory but one record, and that is bounded; whatever a record is, the next one
begins at a line of its own, so a quotation mark that is never closed costs one line and not the rest of the file. In
CSV a line ends as spreadsheets end it: LF, CR LF, or CR alone. What is a quotation is decided as `csv` decides it,
or one of its records would be two of ours, or worse, two of its rows one of ours.
"""

import re
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
_LINE_FEED = re.compile(rb"\n")
_ANY_END = re.compile(rb"\r\n|\r|\n")
_CLOSING = re.compile(rb'(?:[^"]++|"")*+"')
"""From within a quotation to its end; two quotation marks in it are one and end nothing."""


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


def read_records(stream: BinaryIO, at: Position, *, quoted: str) -> Iterator[Record]:
    """Yield the records of a stream that stands at `at`; a quotation begins after one of `quoted`, or never."""
    waiting: deque[_Line] = deque()
    lines = _lines(stream, at, _ANY_END if quoted else _LINE_FEED)
    quotation = re.compile(b'(?:^|[%b])"' % re.escape(quoted.encode())) if quoted else None
    while (first := waiting.popleft() if waiting else next(lines, None)) is not None:
        taken = [first]
        size, inside = len(first.octets), _ends_inside(first.octets, quotation, inside=False)
        while inside and size <= RECORD_MAX and taken[-1].whole:
            following = waiting.popleft() if waiting else next(lines, None)
            if following is None:
                break
            taken.append(following)
            size += len(following.octets)
            inside = _ends_inside(following.octets, quotation, inside=True)
        closed = not inside and size <= 2 * RECORD_MAX and all(each.whole for each in taken[1:])
        if not closed:
            waiting.extendleft(reversed(taken[1:]))
            taken = taken[:1]
        yield _record(taken, closed=closed)


def _ends_inside(octets: bytes, quotation: re.Pattern[bytes] | None, *, inside: bool) -> bool:
    """Tell whether a quotation is open at the end of a line, if one was, or none was, at its begin."""
    at = 0
    while quotation is not None:
        found = _CLOSING.match(octets, at) if inside else quotation.search(octets, at)
        if found is None:
            break
        at, inside = found.end(), not inside
    return inside


def _record(taken: list[_Line], *, closed: bool) -> Record:
    octets = b"".join(each.octets for each in taken)
    line = taken[0].after.line - 1
    fault = None
    if not taken[0].whole:
        fault = f"longer than {RECORD_MAX} octets: shorten it in this file"
    elif not closed:
        fault = "has a quotation mark that is not closed"
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        text = octets.decode("utf-8", "replace")
        fault = fault or "not UTF-8; save the file as CSV UTF-8"
    return Record(line, taken[-1].after, text.rstrip("\r\n"), fault)


def _lines(stream: BinaryIO, at: Position, end: re.Pattern[bytes]) -> Iterator[_Line]:
    offset, number = at.offset, at.line
    begin, size = b"", 0
    for piece, ended in _pieces(stream, end):
        begin, size = begin or piece, size + len(piece)
        if not ended:
            continue
        offset += size
        number += 1
        octets = _without_mark(begin) if number == 2 else begin
        yield _Line(octets[:RECORD_MAX], Position(offset, number), size <= RECORD_MAX)
        begin, size = b"", 0


def _pieces(stream: BinaryIO, end: re.Pattern[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield lines with their ends; one that is too long in pieces, of which only the last has ended."""
    rest = b""
    while chunk := stream.read(RECORD_MAX):
        rest += chunk
        begin = 0
        for found in end.finditer(rest):
            if found[0] == b"\r" and found.end() == len(rest):
                break  # perhaps the half of CR LF
            yield rest[begin : found.end()], True
            begin = found.end()
        rest = rest[begin:]
        if len(rest) > RECORD_MAX + 1:
            yield rest[:-1], False
            rest = rest[-1:]
    if rest:
        yield rest, True


def _without_mark(octets: bytes) -> bytes:
    if octets.startswith(_UTF16):
        raise FileUnreadableError("the file is in UTF-16, not in UTF-8")
    return octets.removeprefix(_BOM)

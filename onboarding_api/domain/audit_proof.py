"""Verifying an exported audit trail: octets in, the head out, or what is wrong and where. Nothing else is asked.

What the chain proves: no entry between two known heads was altered, removed, inserted or moved. What it cannot prove by
itself: that nothing was cut off at its end, or that it was not written anew as a whole. For that, compare with a head
that was kept elsewhere.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from onboarding_api.domain.audit import FORMAT, NOTHING, Chain, Head
from onboarding_api.domain.canonical import canonical
from onboarding_api.domain.errors import AuditBrokenError, HeadRefusedError

LINE_MAX = 64 * 1024
"""No entry of ours comes near; a line without an end must not fill the memory."""


class _Place(msgspec.Struct, frozen=True):
    """The members that say where an entry stands."""

    format: int
    chain: str
    sequence: int
    previous: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A head that was kept elsewhere."""

    sequence: int
    digest: str

    @classmethod
    def of(cls, text: str) -> "Kept":
        """Read `SEQUENCE:HASH`."""
        number, _, digest = text.strip().partition(":")
        if not (number.isascii() and number.isdecimal()) or len(digest) != 64:
            raise HeadRefusedError("not a head of the form SEQUENCE:HASH")
        return cls(int(number), digest.lower())


@dataclass(frozen=True, slots=True)
class Proven:
    """A stretch of one chain without a gap."""

    first: int
    """1, unless the export began later."""
    previous: str
    """What the first entry names as the one before."""
    head: Head


def verify(lines: Iterable[bytes], kept: Kept | None = None) -> Proven:
    """Walk one chain's entries; refuse the first that does not follow, and a chain that misses a kept head."""
    first: _Place | None = None
    head: Head | None = None
    found = False
    for octets in lines:
        place = _read(octets, 1 if head is None else head.sequence + 1)
        if first is None:
            first = place
            if place.sequence == 1 and place.previous != NOTHING.hex():
                raise AuditBrokenError(1, "the first entry names one before it")
        if head is not None:
            _follow(head, place)
        head = Head(Chain(place.chain), place.sequence, hashlib.sha256(octets).digest())
        found = found or _meets(head, kept)
    if first is None or head is None:
        raise AuditBrokenError(0, "there is no entry")
    if kept is not None and not found:
        raise AuditBrokenError(head.sequence, f"the chain ends before entry {kept.sequence}, which was there")
    return Proven(first.sequence, first.previous, head)


def read_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of an export, each at most `LINE_MAX`, without their ends."""
    for number, line in enumerate(lines, 1):
        if not line.endswith(b"\n"):
            raise AuditBrokenError(number, "the line is cut off, or longer than any entry")
        yield line[:-1]


def _read(octets: bytes, expected: int) -> _Place:
    try:
        place = msgspec.json.decode(octets, type=_Place)
        written = canonical(msgspec.json.decode(octets))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AuditBrokenError(expected, "this is not an entry") from error
    if place.format != FORMAT:
        raise AuditBrokenError(expected, f"this entry has format {place.format}, which this program does not know")
    if written != octets:
        raise AuditBrokenError(expected, "this entry is not in canonical form")
    return place


def _follow(head: Head, place: _Place) -> None:
    expected = head.sequence + 1
    if place.chain != head.chain:
        raise AuditBrokenError(expected, f"an entry of chain {place.chain} is among those of {head.chain}")
    if place.sequence != expected:
        raise AuditBrokenError(expected, f"entry {place.sequence} stands where entry {expected} belongs")
    if place.previous != head.digest.hex():
        raise AuditBrokenError(expected, f"it does not follow entry {head.sequence} as that is now: one was altered")


def _meets(head: Head, kept: Kept | None) -> bool:
    if kept is None or head.sequence != kept.sequence:
        return False
    if head.digest.hex() != kept.digest:
        raise AuditBrokenError(head.sequence, "it is not the one whose hash was kept")
    return True

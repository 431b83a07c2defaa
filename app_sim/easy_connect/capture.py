"""Messages out of a captured exchange: the octets of a TCP stream, or lines of hexadecimal digits.

A line holds one message with or without its length, or a piece of a stream, as GATT writes it. A line may begin with
`>` or `<`, which keeps the two directions apart; what follows a `#` is a remark.
"""

import string
from collections.abc import Iterator
from dataclasses import dataclass, field

from onboarding_protocol.dpp import MESSAGE_MAX_OCTETS

CAPTURE_MAX_OCTETS = 16 * 1024 * 1024
_TEXT = frozenset(string.printable.encode("ascii"))
_LENGTH_OCTETS = 4
_SEPARATORS = str.maketrans("", "", " \t\r:,-")


@dataclass(frozen=True, slots=True)
class Captured:
    """One message; `offset` is that of its first octet in the file, or in its line."""

    message: bytes = field(repr=False)
    offset: int
    line: int | None = None
    direction: str = ""

    def where(self, position: int) -> str:
        """Say where an octet of the message is."""
        octet = f"octet {self.offset + position}"
        return octet if self.line is None else f"line {self.line}, {octet}"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The capture, or this direction of it, cannot be followed from here."""

    where: str
    why: str


@dataclass(slots=True)
class _Stream:
    """One direction of a stream that comes in pieces."""

    buffer: bytearray = field(default_factory=bytearray)
    offset: int = 0
    line: int | None = None

    def take(self, octets: bytes, line: int | None, direction: str) -> Iterator[Captured | Unreadable]:
        if not self.buffer:
            self.line, self.offset = line, self.offset if line is None else 0
        self.buffer += octets
        while len(self.buffer) >= _LENGTH_OCTETS:
            length = int.from_bytes(self.buffer[:_LENGTH_OCTETS], "big")
            if not 0 < length <= MESSAGE_MAX_OCTETS:
                yield Unreadable(
                    self._where(), f"a message of {length} octets is announced, 1 to {MESSAGE_MAX_OCTETS} may be"
                )
                self.buffer.clear()
                return
            end = _LENGTH_OCTETS + length
            if len(self.buffer) < end:
                return
            yield Captured(bytes(self.buffer[_LENGTH_OCTETS:end]), self.offset + _LENGTH_OCTETS, self.line, direction)
            del self.buffer[:end]
            self.offset += end

    def end(self) -> Iterator[Unreadable]:
        if self.buffer:
            yield Unreadable(
                self._where(), f"the capture ends inside a message: {len(self.buffer)} octets of it are here"
            )

    def _where(self) -> str:
        return Captured(b"", self.offset, self.line).where(0)


def read_capture(octets: bytes) -> Iterator[Captured | Unreadable]:
    """Return every message in order, and whatever is none."""
    if octets and set(octets) <= _TEXT:
        return _read_lines(octets.decode("ascii"))
    return _read_stream(octets)


def _read_stream(octets: bytes) -> Iterator[Captured | Unreadable]:
    stream = _Stream()
    yield from stream.take(octets, None, "")
    yield from stream.end()


def _read_lines(text: str) -> Iterator[Captured | Unreadable]:
    streams: dict[str, _Stream] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        digits = line.partition("#")[0].strip()
        direction = digits[:1] if digits[:1] in {"<", ">"} else ""
        digits = digits[len(direction) :].translate(_SEPARATORS)
        try:
            octets = bytes.fromhex(digits)
        except ValueError:
            position = next((at for at, digit in enumerate(digits) if digit not in string.hexdigits), len(digits))
            yield Unreadable(f"line {number}, octet {position // 2}", "these are not pairs of hexadecimal digits")
            continue
        stream = streams.setdefault(direction, _Stream())
        if octets and (stream.buffer or octets[0] == 0):
            yield from stream.take(octets, number, direction)
        elif octets:
            yield Captured(octets, 0, number, direction)
    for stream in streams.values():
        yield from stream.end()

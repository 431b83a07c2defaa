"""Values in DER (X.690), as far as names and certificates need them: one octet of tag, definite lengths."""

from collections.abc import Iterator
from dataclasses import dataclass

SEQUENCE, OBJECT_IDENTIFIER, EXPLICIT_0 = 0x30, 0x06, 0xA0
_TAG_GOES_ON = 0x1F


@dataclass(frozen=True, slots=True)
class Value:
    """One value."""

    tag: int
    content: bytes
    octets: bytes
    """All of it: tag, length and content."""


def decode(octets: bytes) -> Iterator[Value]:
    """Yield the values that stand one behind the other, or raise ValueError or IndexError."""
    position = 0
    while position < len(octets):
        start = position
        tag, length, position = octets[position], octets[position + 1], position + 2
        if tag & _TAG_GOES_ON == _TAG_GOES_ON or length == 0x80:
            raise ValueError("not DER, or none that we know")
        if length > 0x80:
            following = length & 0x7F
            length = int.from_bytes(octets[position : position + following], "big")
            position += following
        end = position + length
        if end > len(octets):
            raise ValueError("truncated")
        yield Value(tag, octets[position:end], octets[start:end])
        position = end


def encode(tag: int, content: bytes) -> bytes:
    """Return a value's octets."""
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    size = len(content)
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content

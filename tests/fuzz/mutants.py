"""Mutants without a guide, always the same ones: for the slice that every test run has."""

import random
from collections.abc import Iterator, Sequence

_TOKENS = (
    b'"',
    b"{",
    b"}",
    b"[",
    b"\\u0000",
    b"\xed\xa0\x80",
    b"1e999",
    b"-",
    b"null",
    b"\0",
    b"\xff\xff",
    b"\x04\x10",
)


def mutants(seeds: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Return spoilt copies of the seeds; what says where they go stays as it is."""
    chance = random.Random(seed)
    for number in range(count):
        parent = seeds[number % len(seeds)]
        body = bytearray(parent[3:])
        for _ in range(chance.randint(1, 4)):
            _spoil(body, chance, seeds)
        yield parent[:3] + bytes(body)


def _spoil(body: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    at = chance.randrange(len(body) + 1)
    length = chance.choice((1, 2, 4, 16, 64))
    match chance.randrange(7):
        case 0 if at < len(body):
            body[at] ^= 1 << chance.randrange(8)
        case 1:
            body[at : at + 1] = bytes([chance.randrange(256)])
        case 2:
            del body[at : at + length]
        case 3:
            body[at:at] = body[at : at + length]
        case 4:
            body[at : at + length] = chance.choice(_TOKENS)
        case 5:
            other = chance.choice(seeds)[3:]
            start = chance.randrange(len(other) + 1)
            body[at : at + length] = other[start : start + length]
        case _:
            body[at : at + 2] = chance.choice((b"\0\0", b"\xff\xff", b"\xff\x7f", b"\x01\0"))

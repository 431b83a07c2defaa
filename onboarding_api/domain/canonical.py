"""JSON in the one form that is hashed: the JSON Canonicalization Scheme (RFC 8785).

The rule kept here: one value has one form, octet for octet, whoever writes it and in whichever language.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence

_EXACT = 2**53
"""Beyond it an integer is what JSON numbers are everywhere else: a double (RFC 7493 section 2.2)."""
_encode = json.JSONEncoder(ensure_ascii=False).encode
_POINT_FROM, _POINT_TO = -6, 21
"""ECMAScript writes numbers without an exponent from 10^-6 to below 10^21 (section 6.1.6.1.20)."""


def canonical(value: object) -> bytes:
    """Return the canonical form of a JSON value."""
    return _write(value).encode()


def digest(value: object) -> str:
    """Return SHA-256 of the canonical form, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _write(value: object) -> str:
    if value is None or isinstance(value, bool | str):
        return _encode(value)
    if isinstance(value, int):
        return str(value) if abs(value) <= _EXACT else _write_number(_double(value))
    if isinstance(value, float):
        return _write_number(value)
    if isinstance(value, Mapping):
        members = sorted(value.items(), key=lambda member: str(member[0]).encode("utf-16-be"))
        return "{" + ",".join(f"{_write(str(name))}:{_write(each)}" for name, each in members) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join(map(_write, value)) + "]"
    raise TypeError(f"{type(value).__name__} is not JSON")


def _double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _write_number(number: float) -> str:
    """Write a double as ECMAScript does: the shortest digits that read back the same, which Python finds, too."""
    if not math.isfinite(number):
        raise ValueError("not a JSON number")
    if number == 0:
        return "0"
    mantissa, _, exponent = f"{abs(number)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).strip("0")
    leading = len(fraction) - len((whole + fraction).lstrip("0")) if not int(whole) else -len(whole)
    point = int(exponent or 0) - leading
    sign = "-" if number < 0 else ""
    return sign + _place(digits, point)


def _place(digits: str, point: int) -> str:
    """Write 0.DIGITS times ten to the power of `point`."""
    if _POINT_FROM < point <= 0:
        return f"0.{'0' * -point}{digits}"
    if 0 < point <= _POINT_TO:
        if len(digits) <= point:
            return digits.ljust(point, "0")
        return f"{digits[:point]}.{digits[point:]}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{'+' if point > 0 else '-'}{abs(point - 1)}"

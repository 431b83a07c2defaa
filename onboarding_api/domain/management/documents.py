"""Reading Hono's JSON documents: shapes, base64, moments, and the bounds that hold for every one of them.

The rules kept here: a refusal names the member (people miss that in Hono, issue 3480); null is the same as absent;
no text holds NUL and nothing nests deeply, because not every database could store and search it; every number is a
double, because that is what is searched and hashed (RFC 8785).
"""

import base64
import binascii
import datetime
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, TypeVar

import msgspec

from onboarding_api.domain.errors import DocumentRefusedError
from onboarding_api.domain.hono import Document, iso
from onboarding_api.domain.identifiers import Timestamp

DEPTH_MAX = 24
INTEGER_MAX = 2**63 - 1
"""The largest that Hono's own members can have: a long in Java."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)")
_FRACTION = re.compile(r"\.\d+")
_NAMED = re.compile(r"Object (?:contains unknown|missing required) field `(.*)`", re.DOTALL)
_SOME_MEMBER = "[...]"
"""How msgspec writes the place of a value whose name is free."""
Limit = Annotated[int, msgspec.Meta(ge=-1, le=INTEGER_MAX)]
Count = Annotated[int, msgspec.Meta(ge=0, le=INTEGER_MAX)]
NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]
Shape = TypeVar("Shape")
NewId = Callable[[], str]
"""Return a random UUID as text."""


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="kebab"):
    """A shape that refuses members it does not know; those without a value are not written."""


def read_shape(value: object, shape: type[Shape], where: str = "") -> Shape:
    """Read JSON as `shape`, or say which member below `where` is wrong."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        reason, member = explain(error)
        steps, free, _ = member.partition(_SOME_MEMBER)
        if free and isinstance(value, Mapping):
            member = f"{steps}.{_refused_name(value, steps.split('.'), shape)}"
        raise DocumentRefusedError(_below(where, member), reason) from error


def explain(error: msgspec.ValidationError) -> tuple[str, str]:
    """Return what is wrong, and the member it is wrong with."""
    text = str(error)
    reason, at, path = text.rpartition(" - at `$") if text.endswith("`") and " - at `$" in text else (text, "", "")
    named = _NAMED.fullmatch(reason)
    member = path.removesuffix("`").removeprefix(".") if at else ""
    return reason, _below(member, named.group(1)) if named else member


def _below(where: str, member: str) -> str:
    return where + member if member.startswith("[") else ".".join(filter(None, (where, member)))


def _refused_name(value: Mapping[str, object], steps: list[str], shape: type[Shape]) -> str:
    """Return the first name below these members whose value is refused."""
    for name, alone in _each_alone(value, steps):
        try:
            msgspec.convert(alone, shape)
        except msgspec.ValidationError:
            return name
    return ""


def _each_alone(value: object, steps: list[str]) -> Iterator[tuple[str, object]]:
    """Yield the names below these members, and the document with no other name there."""
    if isinstance(value, Mapping) and not steps:
        yield from ((name, {name: each}) for name, each in value.items())
    elif isinstance(value, Mapping):
        yield from ((name, {**value, steps[0]: alone}) for name, alone in _each_alone(value[steps[0]], steps[1:]))


def write_shape(shape: msgspec.Struct) -> Document:
    """Return the JSON object of a shape."""
    document: Document = msgspec.to_builtins(shape)
    return document


def require_object(value: object, where: str = "") -> Document:
    """Refuse JSON that is not an object, or that no database could keep."""
    if not isinstance(value, dict):
        raise DocumentRefusedError(where, "Expected `object`")
    require_storable(value, where)
    return value


def require_storable(value: object, where: str = "", depth: int = DEPTH_MAX) -> None:
    """Refuse NUL characters, numbers beyond a double, and deep nesting."""
    if depth == 0:
        raise DocumentRefusedError(where, f"nests deeper than {DEPTH_MAX} levels")
    if isinstance(value, str) and "\0" in value:
        raise DocumentRefusedError(where, "holds a NUL character")
    if isinstance(value, int | float) and not -sys.float_info.max <= value <= sys.float_info.max:
        raise DocumentRefusedError(where, "a number beyond a double (IEEE 754)")
    if isinstance(value, dict):
        for name, each in value.items():
            require_storable(name, where)
            require_storable(each, f"{where}.{name}" if where else name, depth - 1)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            require_storable(each, f"{where}[{index}]", depth - 1)


def require_distinct(values: Sequence[object], where: Callable[[int], str], reason: str) -> None:
    """Refuse a value that came before, at the place where it comes again."""
    seen: set[object] = set()
    for index, value in enumerate(values):
        if value in seen:
            raise DocumentRefusedError(where(index), reason)
        seen.add(value)


def read_base64(where: str, text: str) -> bytes:
    """Read base64: the standard alphabet with padding as Hono has it, and the URL-safe one."""
    standard = text.replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise DocumentRefusedError(where, "not base64") from error


def write_base64(octets: bytes) -> str:
    """Write standard base64 with padding."""
    return base64.b64encode(octets).decode("ascii")


def read_moment(where: str, text: str) -> Timestamp:
    """Read an ISO 8601 date and time with offset; a fraction of a second is lost."""
    written = _FRACTION.sub("", text) if _MOMENT.fullmatch(text) else ""
    try:
        moment = Timestamp(int(datetime.datetime.fromisoformat(written).timestamp()))
        iso(moment)
    except (ValueError, OverflowError) as error:
        raise DocumentRefusedError(where, "not a date and time such as 2025-06-15T12:00:00Z") from error
    return moment


def normal_moment(where: str, text: str) -> str:
    """Return a moment as Hono writes it: UTC, whole seconds."""
    return iso(read_moment(where, text))

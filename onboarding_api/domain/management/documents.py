"""Reading Hono's JSON documents: shapes, base64, moments, and the bounds that hold for every one of them.

The rules kept here: a refusal names the member (people miss that in Hono, issue 3480); null is the same as absent;
no text holds NUL and nothing nests deeply, because not every database could store and search it.
"""

import base64
import binascii
import datetime
import re
from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec

from onboarding_api.domain.errors import DocumentRefusedError
from onboarding_api.domain.hono import Document, iso
from onboarding_api.domain.identifiers import Timestamp

DEPTH_MAX = 24
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)")
_FRACTION = re.compile(r"\.\d+")
Limit = Annotated[int, msgspec.Meta(ge=-1, le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
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
        reason, _, path = str(error).partition(" - at `$")
        quoted = re.search(r"field `([^`]*)`", reason)
        below = path.strip("`.") or (quoted.group(1) if quoted else "")
        raise DocumentRefusedError(".".join(filter(None, (where, below))), reason) from error


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
    """Refuse NUL characters and deep nesting."""
    if depth == 0:
        raise DocumentRefusedError(where, f"nests deeper than {DEPTH_MAX} levels")
    if isinstance(value, str) and "\0" in value:
        raise DocumentRefusedError(where, "holds a NUL character")
    if isinstance(value, dict):
        for name, each in value.items():
            require_storable(name, where)
            require_storable(each, f"{where}.{name}" if where else name, depth - 1)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            require_storable(each, f"{where}[{index}]", depth - 1)


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

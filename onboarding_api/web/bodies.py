"""Request bodies: read strictly, refused field by field.

Octets travel as base64 as the wire has them: DER in the standard alphabet with padding, short values in base64url
without. Members we do not know are refused, so that a misspelt one is not silently lost.
"""

import base64
import binascii
import re
from typing import Annotated, Literal, TypeVar

import msgspec
from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from onboarding_api.domain.management.documents import explain
from onboarding_api.web.refusals import BodyMissingError, BodyRefusedError, MediaTypeError

BODY_MAX_OCTETS = 16 * 1024
"""The largest signing request is 8,192 octets, 10,924 in base64; the rest of a body is below 1,000."""
_DISCARDED_OCTETS, _CHUNK_OCTETS = 1024 * 1024, 64 * 1024
"""Whoever sends more than this after all may lose the answer."""
_BODY = "wsgi.input"

_Claim = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern="^[^\\u0000]*$")] | None
"""PostgreSQL stores no U+0000."""
_ALPHABET = re.compile(r"[A-Za-z0-9_-]*\Z")


_Token = Annotated[str, msgspec.Meta(max_length=256)]


class GrantBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/tokens: what each grant needs is checked there."""

    username: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    password: Annotated[str, msgspec.Meta(max_length=1024)] | None = None
    refresh_token: _Token | None = None
    grant_type: Literal["password", "refresh_token"] = "password"

    def __repr__(self) -> str:
        return f"GrantBody(username={self.username!r}, grant_type={self.grant_type!r})"


class RevokeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/tokens/revoke."""

    refresh_token: _Token

    def __repr__(self) -> str:
        return "RevokeBody()"


class OpenBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/onboardings."""

    bootstrapping_key: Annotated[str, msgspec.Meta(max_length=256)]


class DeviceBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/onboardings/{id}/device."""

    csr: str
    resets: Annotated[int, msgspec.Meta(ge=0, le=0xFFFFFFFF)]
    proof: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    serial: _Claim = None
    model: _Claim = None
    firmware: _Claim = None


Body = TypeVar("Body", GrantBody, RevokeBody, OpenBody, DeviceBody)


def read_body(kind: type[Body]) -> Body:
    """Read the request's JSON body as `kind`, or say which member is wrong and why."""
    if request.mimetype != "application/json":
        raise MediaTypeError("the body must be application/json")
    octets = whole_body()
    if not octets:
        raise BodyMissingError("the request has no body")
    try:
        return msgspec.convert(_whole(msgspec.json.decode(octets)), kind)
    except msgspec.ValidationError as error:
        reason, member = explain(error)
        raise BodyRefusedError(member, reason) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BodyRefusedError("", "not a JSON document in UTF-8") from error


def whole_body() -> bytes:
    """Return the body. One whose length was not told (chunked) is cut off at the limit by Flask; here it is refused."""
    octets = request.get_data(cache=False)
    if request.content_length is None and len(octets) == request.max_content_length and request.environ[_BODY].read(1):
        raise RequestEntityTooLarge
    return octets


def discard_body() -> None:
    """Read what is still coming of a body that was refused: whoever closes on it also destroys the answer."""
    stream, rest = request.environ[_BODY], _DISCARDED_OCTETS
    while rest > 0 and (octets := stream.read(min(rest, _CHUNK_OCTETS))):
        rest -= len(octets)


def base64_octets(member: str, text: str) -> bytes:
    """Read standard base64 with padding."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BodyRefusedError(member, "not base64") from error


def base64url_octets(member: str, text: str) -> bytes:
    """Read base64url without padding."""
    if not _ALPHABET.match(text) or len(text) % 4 == 1:
        raise BodyRefusedError(member, "not base64url without padding")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _whole(document: object) -> object:
    """Return the document with its members' numbers as JSON has them: 1.0 is the integer 1."""
    if not isinstance(document, dict):
        return document
    members = document.items()
    return {name: int(each) if isinstance(each, float) and each.is_integer() else each for name, each in members}

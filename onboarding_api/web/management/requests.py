"""Reading requests on Hono's paths: who asks, the JSON body, the precondition, and a search.

Sizes are judged before types and types before content, as Hono does; whatever is wrong with a body is 400, but 413
if it is too large.
"""

import re
from base64 import urlsafe_b64encode
from typing import Literal

import msgspec
from flask import request

from onboarding_api.domain.accounts import Principal
from onboarding_api.domain.errors import DocumentRefusedError, TokenRefusedError
from onboarding_api.domain.management.documents import read_base64, read_shape
from onboarding_api.domain.management.identifiers import ID_MAX
from onboarding_api.domain.management.search import (
    PAGE_SIZE,
    PAGE_SIZE_MAX,
    Filter,
    Order,
    Search,
    distinct_filters,
    distinct_orders,
    read_filter,
    read_pointer,
)
from onboarding_api.domain.management.versions import Precondition
from onboarding_api.services.registry import Registry
from onboarding_api.web.admission import admitted
from onboarding_api.web.bodies import whole_body
from onboarding_api.web.origins import origin
from onboarding_api.web.refusals import BodyMissingError, BodyRefusedError, ContentTypeRefusedError

NUMBER_MAX = 10**9 - 1
"""Nine digits: nobody has so many pages, or entries in a trail."""
_NUMBER = re.compile(r"[0-9]{1,9}")


class _Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    field: str
    value: bool | int | float | str
    op: Literal["eq"] = "eq"


class _Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    field: str
    direction: Literal["asc", "desc"] | None = None


def manager(registry: Registry) -> Principal:
    """Return who asks, by Basic (RFC 7617) or by access token."""
    basic = request.authorization
    if basic is not None and basic.type == "basic":
        return admitted(
            registry.access.by_password(basic.username or "", basic.password or "", origin(), registry.clock())
        )
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenRefusedError("the request carries neither user name and password nor a bearer token")
    return admitted(registry.access.by_token(token.strip(), origin(), registry.clock()))


def read_document(*, required: bool) -> object:
    """Return the JSON body; without one, an empty object if none is required."""
    octets = whole_body()
    if not octets and not required:
        return {}
    if not octets:
        raise BodyMissingError("Empty body")
    if request.mimetype != "application/json":
        raise ContentTypeRefusedError("the body must be application/json")
    return _json("", octets)


def precondition() -> Precondition:
    """Return what If-Match asks for."""
    return Precondition.of(request.headers.get("If-Match"))


def read_search() -> Search:
    """Return what the query string searches for."""
    gateways = request.args.get("isGateway", "")
    search = Search(
        filters=distinct_filters(map(_filter, request.args.getlist("filterJson")), "filterJson"),
        orders=distinct_orders(map(_order, request.args.getlist("sortJson")), "sortJson"),
        page_size=read_number("pageSize", PAGE_SIZE, 1, PAGE_SIZE_MAX),
        page_index=read_number("pageOffset", 0, 0, NUMBER_MAX),
        gateways=gateways.lower() == "true" if gateways else None,
        after=_after(),
    )
    if search.after is not None and search.descending is None:
        raise DocumentRefusedError("pageToken", "goes on in the order of ids alone; leave `sortJson` out")
    return search


def page_token(identifier: str) -> str:
    """Return what a client sends as `pageToken` to go on behind this id."""
    return urlsafe_b64encode(identifier.encode()).rstrip(b"=").decode("ascii")


def _after() -> str | None:
    token = request.args.get("pageToken")
    if token is None:
        return None
    if "pageOffset" in request.args:
        raise DocumentRefusedError("pageToken", "goes on where a page ended; leave `pageOffset` out")
    try:
        after = read_base64("pageToken", token).decode("ascii")
    except UnicodeDecodeError:
        after = "\0"
    if len(after) > ID_MAX or "\0" in after:
        raise DocumentRefusedError("pageToken", "not the `next` of an answer")
    return after


def _filter(text: str) -> Filter:
    shape = read_shape(_json("filterJson", text.encode()), _Filter, "filterJson")
    return read_filter(shape.field, shape.value, "filterJson")


def _order(text: str) -> Order:
    shape = read_shape(_json("sortJson", text.encode()), _Order, "sortJson")
    return Order(read_pointer(shape.field, "sortJson.field"), shape.direction == "desc")


def read_number(name: str, default: int, least: int, most: int) -> int:
    """Return a number of the query string."""
    text = request.args.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise DocumentRefusedError(name, f"not a number from {least} to {most}")
    return int(text)


def _json(where: str, octets: bytes) -> object:
    try:
        return msgspec.json.decode(octets)
    except msgspec.DecodeError as error:
        raise BodyRefusedError(where, f"not a JSON document in UTF-8: {error}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise BodyRefusedError(where, "not a JSON document in UTF-8") from error

"""Hono's Device Registry Management API v1: /v1/tenants, /v1/devices, /v1/credentials."""

from http import HTTPStatus

from onboarding_api.domain import errors
from onboarding_api.domain.management.search import FILTERS_MAX, ORDERS_MAX, PAGE_SIZE, PAGE_SIZE_MAX
from onboarding_api.web import refusals
from onboarding_api.web.management.requests import NUMBER_MAX
from onboarding_api.web.openapi.json_schema import ref
from onboarding_api.web.openapi.operations import Admits, Answer, Operation, Parameter, Refusal, Schema
from onboarding_api.web.openapi.schemas import DEVICE_ID, TENANT_ID, UUID

_JSON = "application/json"
_TENANT = Parameter("tenant", "path", TENANT_ID, "The tenant's id.")
_DEVICE = Parameter("device", "path", DEVICE_ID, "The device's id, unique within its tenant.")
_IF_MATCH = Parameter(
    "If-Match",
    "header",
    {"type": "string", "pattern": "^[!-~]+$"},
    "The version that the resource must have: its ETag, bare or quoted; * for any. Empty is 400, anything else is 412.",
)
_NAMED: tuple[Refusal, ...] = (errors.IdentifierRefusedError, errors.TenantUnknownError)
_NAMED_DEVICE: tuple[Refusal, ...] = (*_NAMED, errors.DeviceUnknownError)
_DOCUMENT: tuple[Refusal, ...] = (errors.DocumentRefusedError, refusals.ContentTypeRefusedError)
_WRITING: tuple[Refusal, ...] = (errors.ConcurrentChangeError,)
_VERSIONED: tuple[Refusal, ...] = (*_WRITING, errors.PreconditionRefusedError, errors.VersionMismatchError)


def _search(gateways: bool) -> tuple[Parameter, ...]:
    paging = (
        Parameter("pageSize", "query", _between(1, PAGE_SIZE_MAX, PAGE_SIZE), "How many to show."),
        Parameter("pageOffset", "query", _between(0, NUMBER_MAX, 0), "The index of the page, from 0."),
        Parameter("filterJson", "query", ref("Filter"), f"A filter; up to {FILTERS_MAX} different ones.", _JSON),
        Parameter("sortJson", "query", ref("Order"), f"An order; by up to {ORDERS_MAX} members.", _JSON),
    )
    if not gateways:
        return paging
    token = {"type": "string", "format": "page-token", "maxLength": 344}
    behind = Parameter("pageToken", "query", token, "The `next` of an answer, or nothing to begin: in order of ids.")
    only = Parameter("isGateway", "query", {"type": "string", "enum": ["true", "false"]}, "Only gateways, or no such.")
    return (*paging, behind, only)


def _between(least: int, most: int, default: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


def _page(item: str, *, token: bool = False) -> Schema:
    members: dict[str, Schema] = {
        "total": {"type": "integer", "minimum": 1},
        "result": {"type": "array", "items": ref(item)},
    }
    if token:
        members["next"] = {"type": "string", "description": "With pageToken, instead of total, if there may be more."}
    required = ["result"] if token else list(members)
    return {"type": "object", "properties": members, "required": required, "additionalProperties": False}


def _created(what: str) -> Answer:
    headers: dict[str, Schema] = {"Location": {"type": "string", "pattern": f"^/v1/{what}s/"}, "ETag": UUID}
    return Answer(HTTPStatus.CREATED, "Created.", ref("Created"), headers=headers)


def _shown(schema: Schema) -> Answer:
    return Answer(HTTPStatus.OK, "As it is now.", schema, headers={"ETag": UUID})


_REPLACED = Answer(HTTPStatus.NO_CONTENT, "Replaced.", headers={"ETag": UUID})
_DELETED = Answer(HTTPStatus.NO_CONTENT, "Deleted.")
_CREATE_TENANT: tuple[Refusal, ...] = (
    *_DOCUMENT,
    *_WRITING,
    errors.IdentifierRefusedError,
    errors.TenantExistsError,
    errors.AliasTakenError,
    errors.TrustAnchorTakenError,
)
_CREATE_DEVICE: tuple[Refusal, ...] = (
    *_DOCUMENT,
    *_WRITING,
    *_NAMED,
    errors.DeviceExistsError,
    errors.LimitReachedError,
)


def _operation(
    method: str,
    path: str,
    name: str,
    summary: str,
    answer: Answer,
    refused: tuple[Refusal, ...],
    parameters: tuple[Parameter, ...] = (),
    body: Schema | None = None,
    *,
    body_required: bool = True,
) -> Operation:
    tag = path.split("/")[2]
    return Operation(
        method, path, name, tag, summary, Admits.MANAGERS, (answer,), refused, parameters, body, body_required
    )


_TENANTS = (
    _operation(
        "POST", "/v1/tenants", "create-tenant", "Create a tenant under an id made here.", _created("tenant"),
        _CREATE_TENANT, (), ref("Tenant"), body_required=False,
    ),
    _operation(
        "GET", "/v1/tenants", "search-tenants", "Search tenants.",
        Answer(HTTPStatus.OK, "One page of what matches.", _page("TenantFound")),
        (errors.DocumentRefusedError, refusals.BodyRefusedError, errors.NothingFoundError), _search(False),
    ),
    _operation(
        "POST", "/v1/tenants/{tenant}", "create-tenant-named", "Create a tenant.", _created("tenant"),
        _CREATE_TENANT, (_TENANT,), ref("Tenant"), body_required=False,
    ),
    _operation(
        "GET", "/v1/tenants/{tenant}", "read-tenant", "Read a tenant.", _shown(ref("Tenant")), _NAMED, (_TENANT,)
    ),
    _operation(
        "PUT", "/v1/tenants/{tenant}", "replace-tenant", "Replace a tenant.", _REPLACED,
        (*_DOCUMENT, *_VERSIONED, *_NAMED, errors.AliasTakenError, errors.TrustAnchorTakenError),
        (_TENANT, _IF_MATCH), ref("Tenant"),
    ),
    _operation(
        "DELETE", "/v1/tenants/{tenant}", "delete-tenant", "Delete a tenant with everything that is its own.",
        _DELETED, (*_VERSIONED, *_NAMED), (_TENANT, _IF_MATCH),
    ),
)  # fmt: skip
_DEVICES = (
    _operation(
        "POST", "/v1/devices/{tenant}", "create-device", "Create a device under an id made here.",
        _created("device"), _CREATE_DEVICE, (_TENANT,), ref("Device"), body_required=False,
    ),
    _operation(
        "GET", "/v1/devices/{tenant}", "search-devices", "Search the devices of a tenant.",
        Answer(HTTPStatus.OK, "One page of what matches.", _page("DeviceFound", token=True)),
        (*_NAMED, errors.DocumentRefusedError, refusals.BodyRefusedError, errors.NothingFoundError),
        (_TENANT, *_search(True)),
    ),
    _operation(
        "DELETE", "/v1/devices/{tenant}", "delete-devices", "Delete all devices of a tenant.", _DELETED,
        (*_WRITING, *_NAMED), (_TENANT,),
    ),
    _operation(
        "POST", "/v1/devices/{tenant}/{device}", "create-device-named", "Create a device.", _created("device"),
        _CREATE_DEVICE, (_TENANT, _DEVICE), ref("Device"), body_required=False,
    ),
    _operation(
        "GET", "/v1/devices/{tenant}/{device}", "read-device", "Read a device.", _shown(ref("DeviceShown")),
        _NAMED_DEVICE, (_TENANT, _DEVICE),
    ),
    _operation(
        "PUT", "/v1/devices/{tenant}/{device}", "replace-device", "Replace a device.", _REPLACED,
        (*_DOCUMENT, *_VERSIONED, *_NAMED_DEVICE), (_TENANT, _DEVICE, _IF_MATCH), ref("Device"),
    ),
    _operation(
        "DELETE", "/v1/devices/{tenant}/{device}", "delete-device", "Delete a device and revoke its certificates.",
        _DELETED, (*_VERSIONED, *_NAMED_DEVICE), (_TENANT, _DEVICE, _IF_MATCH),
    ),
)  # fmt: skip
_CREDENTIALS = (
    _operation(
        "GET", "/v1/credentials/{tenant}/{device}", "read-credentials", "Read a device's credentials.",
        _shown({"type": "array", "items": ref("CredentialShown")}), _NAMED_DEVICE, (_TENANT, _DEVICE),
    ),
    _operation(
        "PUT", "/v1/credentials/{tenant}/{device}", "replace-credentials", "Replace a device's credentials.", _REPLACED,
        (*_DOCUMENT, *_VERSIONED, *_NAMED_DEVICE, errors.CredentialTakenError, errors.LimitReachedError),
        (_TENANT, _DEVICE, _IF_MATCH), {"type": "array", "items": ref("Credential")},
    ),
)  # fmt: skip
MANAGEMENT: tuple[Operation, ...] = (*_TENANTS, *_DEVICES, *_CREDENTIALS)

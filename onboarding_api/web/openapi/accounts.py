"""Signing in and out, the public keys, and the audit trail."""

from http import HTTPStatus

from onboarding_api.domain import errors
from onboarding_api.web import refusals
from onboarding_api.web.management.requests import NUMBER_MAX
from onboarding_api.web.openapi.json_schema import ref
from onboarding_api.web.openapi.operations import Admits, Answer, Operation, Parameter, Schema
from onboarding_api.web.openapi.schemas import TENANT_ID

_DONE = Answer(HTTPStatus.NO_CONTENT, "Done.")
_PAGE = (
    Parameter("since", "query", {"type": "integer", "minimum": 0, "maximum": NUMBER_MAX}, "Entries after this one."),
    Parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": 1000}, "How many at most."),
)
_TENANT = Parameter("tenant", "path", TENANT_ID, "Whose chain.")
_HEAD: Schema = {
    "type": "object",
    "properties": {"sequence": {"type": "integer", "minimum": 0}, "hash": {"type": "string"}},
    "required": ["sequence", "hash"],
}
_TRAIL: Schema = {
    "type": "object",
    "properties": {
        "chain": {"type": "string"},
        "head": _HEAD,
        "entries": {"type": "array", "items": {"type": "object"}},
        "next": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
    },
    "required": ["chain", "head", "entries", "next"],
    "additionalProperties": False,
}
_KEYS: Schema = {
    "type": "object",
    "properties": {"keys": {"type": "array", "items": {"type": "object", "required": ["kty", "kid"]}, "minItems": 1}},
    "required": ["keys"],
}
_READ = Answer(
    HTTPStatus.OK,
    "A page of the chain; with Accept: application/x-ndjson the entries alone, a line each.",
    _TRAIL,
    headers={"Audit-Head": {"type": "string"}},
)

ACCOUNTS: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/v1/tokens",
        "sign-in",
        "accounts",
        "Exchange name and password, or a refresh token, for an access token and the next refresh token.",
        Admits.EVERYBODY,
        (Answer(HTTPStatus.OK, "Signed in.", ref("Token")),),
        (
            errors.CredentialsRefusedError,
            errors.RefreshRefusedError,
            errors.SignInLockedError,
            errors.ConcurrentChangeError,
            refusals.MediaTypeError,
            errors.PasswordChecksBusyError,
            errors.RateExceededError,
        ),
        body=ref("Grant"),
    ),
    Operation(
        "DELETE", "/v1/tokens", "sign-out", "accounts", "End the session of this token.", Admits.MEMBERS, (_DONE,),
        (errors.ConcurrentChangeError,),
    ),
    Operation(
        "POST",
        "/v1/tokens/revoke",
        "revoke",
        "accounts",
        "End the session of a refresh token, known or not (RFC 7009).",
        Admits.EVERYBODY,
        (_DONE,),
        (refusals.MediaTypeError, errors.ConcurrentChangeError, errors.RateExceededError),
        body=ref("Revocation"),
    ),
    Operation(
        "GET",
        "/.well-known/jwks.json",
        "keys",
        "accounts",
        "The public keys that access tokens are signed with.",
        Admits.EVERYBODY,
        (Answer(HTTPStatus.OK, "A key set (RFC 7517).", _KEYS),),
    ),
    Operation(
        "GET", "/v1/audit", "read-service-audit", "audit", "Read the service's audit trail.", Admits.MANAGERS, (_READ,),
        (errors.DocumentRefusedError,), _PAGE,
    ),
    Operation(
        "GET", "/v1/audit/{tenant}", "read-audit", "audit", "Read a tenant's audit trail.", Admits.MANAGERS, (_READ,),
        (errors.DocumentRefusedError, errors.IdentifierRefusedError, errors.TenantUnknownError), (_TENANT, *_PAGE),
    ),
)  # fmt: skip

"""Problem documents (RFC 9457), and the one mapping from errors to them.

The rules kept here: every error answer is application/problem+json; what is not in the table is a bug, is logged
with its traceback under a request id, and nothing of its text leaves the process. On Hono's paths the document also
has Hono's member `error`.
"""

from dataclasses import dataclass
from http import HTTPStatus

import msgspec
import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from onboarding_api.domain import errors
from onboarding_api.domain.errors import RegistryError
from onboarding_api.web import refusals
from onboarding_api.web.bodies import discard_body
from onboarding_api.web.management.paths import is_management

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Problem:
    """How one kind of error is told over HTTP."""

    slug: str
    status: HTTPStatus
    title: str


_S = HTTPStatus
_UNPROCESSABLE = HTTPStatus.UNPROCESSABLE_ENTITY
PROBLEMS: dict[type[RegistryError], Problem] = {
    errors.CredentialsRefusedError: Problem("credentials-refused", _S.UNAUTHORIZED, "Sign-in refused"),
    errors.TokenRefusedError: Problem("token-refused", _S.UNAUTHORIZED, "Not signed in"),
    errors.OpenIdTokenRefusedError: Problem("token-refused", _S.UNAUTHORIZED, "Not signed in"),
    errors.OpenIdUnreachableError: Problem("openid-unreachable", _S.SERVICE_UNAVAILABLE, "No keys of the provider"),
    errors.OpenIdConfigurationError: Problem("openid-unusable", _S.SERVICE_UNAVAILABLE, "Provider cannot be used"),
    errors.RefreshRefusedError: Problem("refresh-refused", _S.UNAUTHORIZED, "Session over"),
    errors.SignInLockedError: Problem("sign-in-locked", _S.TOO_MANY_REQUESTS, "Too many attempts"),
    errors.RoleRefusedError: Problem("role-refused", _S.FORBIDDEN, "Not allowed for this account"),
    errors.OnboardingUnknownError: Problem("onboarding-unknown", _S.NOT_FOUND, "No such onboarding"),
    errors.BootstrappingKeyRefusedError: Problem("bootstrapping-key-refused", _UNPROCESSABLE, "Not a label key"),
    errors.ChallengeExpiredError: Problem("challenge-expired", _S.GONE, "Challenge expired"),
    errors.ChallengeUsedError: Problem("challenge-used", _S.CONFLICT, "Challenge already used"),
    errors.ChallengeBurntError: Problem("challenge-burnt", _S.GONE, "Challenge burnt"),
    errors.SigningRequestRefusedError: Problem("signing-request-refused", _UNPROCESSABLE, "Signing request refused"),
    errors.LabelProofMissingError: Problem("label-proof-missing", _UNPROCESSABLE, "Label proof missing"),
    errors.LabelProofRefusedError: Problem("label-proof-refused", _UNPROCESSABLE, "Label proof refused"),
    errors.DeviceOwnedElsewhereError: Problem("device-owned-elsewhere", _S.CONFLICT, "Device belongs to somebody else"),
    errors.TenantDisabledError: Problem("tenant-disabled", _S.FORBIDDEN, "Tenant disabled"),
    errors.DeviceDisabledError: Problem("device-disabled", _S.FORBIDDEN, "Device disabled"),
    errors.KeyAlreadyRegisteredError: Problem("key-already-registered", _S.CONFLICT, "Key already registered"),
    errors.ResetsBehindError: Problem("resets-behind", _S.CONFLICT, "Reset counter went backwards"),
    errors.ConcurrentChangeError: Problem("concurrent-change", _S.CONFLICT, "Changed at the same time"),
    errors.DatabaseBusyError: Problem("database-busy", _S.SERVICE_UNAVAILABLE, "Database busy"),
    errors.DatabaseUnreachableError: Problem("database-unreachable", _S.SERVICE_UNAVAILABLE, "No database"),
    errors.SealBrokenError: Problem("keys-unusable", _S.SERVICE_UNAVAILABLE, "Keys do not open"),
    errors.SchemaOutdatedError: Problem("schema-outdated", _S.SERVICE_UNAVAILABLE, "Tables are not the newest"),
    errors.RateExceededError: Problem("rate-exceeded", _S.TOO_MANY_REQUESTS, "Too many requests"),
    errors.PasswordChecksBusyError: Problem("password-checks-busy", _S.SERVICE_UNAVAILABLE, "Too many password checks"),
    errors.TooManyStreamsError: Problem("too-many-streams", _S.SERVICE_UNAVAILABLE, "Too many open streams"),
    errors.EndpointMissingError: Problem("endpoint-missing", _S.CONFLICT, "Tenant has no endpoint"),
    errors.ManagementRefusedError: Problem("management-refused", _S.FORBIDDEN, "Not allowed for this account"),
    errors.IdentifierRefusedError: Problem("identifier-refused", _S.BAD_REQUEST, "Not an id"),
    errors.DocumentRefusedError: Problem("document-refused", _S.BAD_REQUEST, "Document refused"),
    errors.TenantUnknownError: Problem("tenant-unknown", _S.NOT_FOUND, "No such tenant"),
    errors.DeviceUnknownError: Problem("device-unknown", _S.NOT_FOUND, "No such device"),
    errors.NothingFoundError: Problem("nothing-found", _S.NOT_FOUND, "Nothing found"),
    errors.TenantExistsError: Problem("tenant-exists", _S.CONFLICT, "Tenant exists"),
    errors.AliasTakenError: Problem("alias-taken", _S.CONFLICT, "Alias taken"),
    errors.TrustAnchorTakenError: Problem("trust-anchor-taken", _S.CONFLICT, "Trust anchor taken"),
    errors.DeviceExistsError: Problem("device-exists", _S.CONFLICT, "Device exists"),
    errors.CredentialTakenError: Problem("credential-taken", _S.CONFLICT, "Credentials taken"),
    errors.LimitReachedError: Problem("limit-reached", _S.FORBIDDEN, "Limit reached"),
    errors.PreconditionRefusedError: Problem("precondition-refused", _S.BAD_REQUEST, "Not a version"),
    errors.VersionMismatchError: Problem("version-mismatch", _S.PRECONDITION_FAILED, "Not in this version"),
    refusals.ContentTypeRefusedError: Problem("content-type", _S.BAD_REQUEST, "Not JSON"),
    refusals.MediaTypeError: Problem("media-type", _S.UNSUPPORTED_MEDIA_TYPE, "Not JSON"),
    refusals.BodyMissingError: Problem("body-missing", _S.BAD_REQUEST, "No body"),
    refusals.BodyRefusedError: Problem("body-refused", _S.BAD_REQUEST, "Body refused"),
}
_PATIENT = (
    errors.DatabaseBusyError,
    errors.DatabaseUnreachableError,
    errors.TooManyStreamsError,
    errors.RateExceededError,
    errors.PasswordChecksBusyError,
    errors.SignInLockedError,
    errors.OpenIdUnreachableError,
)
"""Refusals that know when it is worth to come back."""
_REMEDIES = {
    _S.NOT_FOUND: "Check the path against the API's documentation.",
    _S.METHOD_NOT_ALLOWED: "Use one of the methods in the Allow header.",
    _S.REQUEST_ENTITY_TOO_LARGE: "Send a smaller body.",
}


_INTERNAL = Problem("internal-error", _S.INTERNAL_SERVER_ERROR, "Internal error")


def problem_type(problem: Problem) -> str:
    """Return the `type` of a problem document."""
    return f"urn:onboarding:problem:{problem.slug}"


def http_problem(status: HTTPStatus) -> Problem:
    """Return how an error is told that HTTP itself has a word for."""
    if status is _S.INTERNAL_SERVER_ERROR:
        return _INTERNAL
    return Problem(status.phrase.lower().replace(" ", "-"), status, status.phrase)


def install_problems(app: Flask) -> None:
    """Answer every error with a problem document."""
    app.register_error_handler(RegistryError, _refuse)
    app.register_error_handler(HTTPException, _refuse_http)
    app.register_error_handler(Exception, _unforeseen)


def _unforeseen(error: Exception) -> Response:
    route = request.url_rule.rule if request.url_rule else "none"
    _log.error("request.failed", request=g.request_id, method=request.method, route=route, exc_info=error)
    detail = "Something went wrong on our side; it has been logged."
    return _answer(_INTERNAL, detail, "Try again; if it stays, tell the operator the request id.", {})


def _refuse(error: RegistryError) -> Response:
    problem = PROBLEMS.get(type(error))
    if problem is None:
        raise error
    response = _answer(problem, str(error), error.remedy, error.facts)
    if problem.status is _S.UNAUTHORIZED:
        if is_management():
            response.headers.add("WWW-Authenticate", 'Basic realm="Hono", charset="UTF-8"')
        response.headers.add("WWW-Authenticate", 'Bearer realm="onboarding"')
    if isinstance(error, _PATIENT):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _refuse_http(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    if status is _S.REQUEST_ENTITY_TOO_LARGE:
        discard_body()
    remedy = _REMEDIES.get(status, "Correct the request and send it again.")
    response = _answer(http_problem(status), status.description or status.phrase, remedy, {})
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _answer(problem: Problem, detail: str, remedy: str, facts: object) -> Response:
    document = {
        "type": problem_type(problem),
        "title": problem.title,
        "status": problem.status.value,
        "detail": detail,
        "remedy": remedy,
    }
    if is_management():
        document["error"] = detail
    if problem.status >= _S.INTERNAL_SERVER_ERROR:
        document["request"] = g.request_id
    if isinstance(facts, dict):
        document |= facts
    g.problem = problem.slug
    return Response(msgspec.json.encode(document), problem.status, content_type="application/problem+json")

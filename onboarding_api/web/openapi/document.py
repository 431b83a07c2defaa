"""The document itself: paths from the operations, components from the shapes, errors from the table of problems."""

from collections.abc import Iterable, Mapping
from functools import cache
from http import HTTPStatus

import msgspec

from onboarding_api.web.openapi.accounts import ACCOUNTS
from onboarding_api.web.openapi.management import MANAGEMENT
from onboarding_api.web.openapi.onboarding import ONBOARDING
from onboarding_api.web.openapi.operations import Admits, Answer, Operation, Parameter, Refusal, Schema
from onboarding_api.web.openapi.schemas import COMPONENTS
from onboarding_api.web.openapi.service import SERVICE
from onboarding_api.web.problems import PROBLEMS, Problem, http_problem, problem_type

OPERATIONS: tuple[Operation, ...] = (*ACCOUNTS, *ONBOARDING, *MANAGEMENT, *SERVICE)
"""Everything that can be asked. A new path adds its operations to one of these tuples, or a tuple of its own here."""
_SECURITY: Mapping[Admits, list[dict[str, list[str]]]] = {
    Admits.EVERYBODY: [],
    Admits.MEMBERS: [{"token": []}],
    Admits.MANAGERS: [{"password": []}, {"token": []}],
}
_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "From POST /v1/tokens."},
    "password": {"type": "http", "scheme": "basic", "description": "Name and password with each request."},
}
_HEADERS: Mapping[str, Schema] = {
    "Retry-After": {"type": "string", "pattern": "^[0-9]+$"},
    "WWW-Authenticate": {"type": "string"},
}


@cache
def openapi_document() -> bytes:
    """Return the whole document as JSON; it is the same for every process of one release."""
    paths: dict[str, dict[str, object]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = describe(operation)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Onboarding API and tenant registry",
            "version": "1",
            "description": "Errors are application/problem+json (RFC 9457). Each answer carries X-Request-Id.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": COMPONENTS, "securitySchemes": _SCHEMES},
    }
    return msgspec.json.encode(document)


def describe(operation: Operation) -> dict[str, object]:
    """Return one operation as OpenAPI has it."""
    described: dict[str, object] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "security": _SECURITY[operation.admits],
        "responses": {str(each.status.value): _answer(each) for each in operation.answers}
        | _refusals(operation.every_refusal),
    }
    if operation.parameters:
        described["parameters"] = [_parameter(each) for each in operation.parameters]
    if operation.body is not None:
        content = {"application/json": {"schema": operation.body}}
        described["requestBody"] = {"required": operation.body_required, "content": content}
    return described


def _parameter(parameter: Parameter) -> dict[str, object]:
    shape = {"schema": parameter.schema}
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.description,
    } | (shape if parameter.media is None else {"content": {parameter.media: shape}})


def _answer(answer: Answer) -> dict[str, object]:
    described: dict[str, object] = {"description": answer.description}
    if answer.schema is not None:
        described["content"] = {answer.media: {"schema": answer.schema}}
    if answer.headers:
        described["headers"] = {name: {"schema": each, "required": True} for name, each in answer.headers.items()}
    if answer.links:
        described["links"] = answer.links
    return described


def _refusals(refusals: Iterable[Refusal]) -> dict[str, object]:
    by_status: dict[HTTPStatus, dict[str, Problem]] = {}
    for refusal in refusals:
        problem = http_problem(refusal) if isinstance(refusal, HTTPStatus) else PROBLEMS[refusal]
        by_status.setdefault(problem.status, {})[problem.slug] = problem
    return {str(status.value): _refusal(status, problems.values()) for status, problems in by_status.items()}


def _refusal(status: HTTPStatus, problems: Iterable[Problem]) -> dict[str, object]:
    types = sorted({problem_type(each) for each in problems})
    schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}], "properties": {"type": {"enum": types}}}
    described: dict[str, object] = {
        "description": "; ".join(sorted({each.title for each in problems})),
        "content": {"application/problem+json": {"schema": schema}},
    }
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        described["headers"] = {"Retry-After": {"schema": _HEADERS["Retry-After"], "required": True}}
    if status is HTTPStatus.UNAUTHORIZED:
        described["headers"] = {"WWW-Authenticate": {"schema": _HEADERS["WWW-Authenticate"], "required": True}}
    return described

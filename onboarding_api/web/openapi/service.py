"""What the service says of itself: health, readiness, metrics, and this document."""

from http import HTTPStatus

from onboarding_api.web.openapi.operations import Admits, Answer, Operation, Schema

_STATE: Schema = {
    "type": "object",
    "properties": {
        "status": {"enum": ["ready", "unready"]},
        "reasons": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "check": {"enum": ["draining", "database", "schema", "keys"]},
                    "reason": {"type": "string"},
                    "remedy": {"type": "string"},
                },
                "required": ["check", "reason", "remedy"],
            },
        },
    },
    "required": ["status", "reasons"],
    "additionalProperties": False,
}
SERVICE: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/healthz",
        "healthy",
        "service",
        "Tell whether this process answers.",
        Admits.EVERYBODY,
        (Answer(HTTPStatus.OK, "It does.", {"type": "object", "properties": {"status": {"const": "ok"}}}),),
        database=False,
    ),
    Operation(
        "GET",
        "/readyz",
        "ready",
        "service",
        "Tell whether this process can do its work; a balancer asks here.",
        Admits.EVERYBODY,
        (
            Answer(HTTPStatus.OK, "It can.", _STATE),
            Answer(HTTPStatus.SERVICE_UNAVAILABLE, "It cannot, for these reasons.", _STATE),
        ),
        database=False,
    ),
    Operation(
        "GET",
        "/metrics",
        "metrics",
        "service",
        "Figures for Prometheus, of all worker processes; for operators.",
        Admits.MANAGERS,
        (Answer(HTTPStatus.OK, "Prometheus's text format.", {"type": "string"}, "text/plain"),),
    ),
    Operation(
        "GET",
        "/openapi.json",
        "describe",
        "service",
        "This document.",
        Admits.EVERYBODY,
        (Answer(HTTPStatus.OK, "OpenAPI 3.1.", {"type": "object"}),),
        database=False,
    ),
)

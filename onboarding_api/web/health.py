"""GET /healthz: this process answers. GET /readyz: it can do its work. GET /openapi.json: what can be asked of it."""

from flask import Blueprint, Response

from onboarding_api.services.readiness import Readiness
from onboarding_api.web.openapi.document import openapi_document
from onboarding_api.web.shapes import json_response, reply_response


def health_views(readiness: Readiness) -> Blueprint:
    """Return the views that need no account."""
    views = Blueprint("health", __name__)

    @views.get("/healthz")
    def healthy() -> Response:
        return json_response({"status": "ok"})

    @views.get("/readyz")
    def ready() -> Response:
        obstacles = readiness.obstacles()
        reasons = [{"check": each.check, "reason": each.reason, "remedy": each.remedy} for each in obstacles]
        return json_response({"status": "unready" if reasons else "ready", "reasons": reasons}, 503 if reasons else 200)

    @views.get("/openapi.json")
    def describe() -> Response:
        return reply_response(openapi_document(), 200)

    return views

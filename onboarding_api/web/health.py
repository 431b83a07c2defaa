"""GET /healthz: this process answers. Whether it can also do its work is a question for /readyz (a later issue)."""

from flask import Blueprint, Response

from onboarding_api.web.shapes import json_response


def health_views() -> Blueprint:
    """Return the liveness view."""
    views = Blueprint("health", __name__)

    @views.get("/healthz")
    def healthy() -> Response:
        return json_response({"status": "ok"})

    return views

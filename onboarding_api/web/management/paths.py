"""What holds on all of Hono's paths: the size of bodies, cross-origin requests, and which paths they are.

Browsers are let in from anywhere (Fetch standard section 3.2), because nothing here trusts a cookie. Flask knows the
methods of a path; all of them are allowed, where Hono leaves searching out. An empty segment stays one and makes
another path, which is none of ours: whoever merges slashes turns the deletion of one device into that of all.
"""

from flask import Blueprint, Flask, Response, current_app, request

_PATHS = ("tenants", "devices", "credentials")
_ALLOWED_HEADERS = "authorization, content-type, if-match"
_PREFLIGHT_LIFE_S = "600"


def is_management() -> bool:
    """Tell whether this request is to one of Hono's paths, or to what was meant as one."""
    version, resource, *_ = [*filter(None, request.path.split("/")), "", ""]
    return version == "v1" and resource in _PATHS


def keep_empty_segments(app: Flask) -> None:
    """Have Werkzeug redirect no path with empty segments: what it would redirect to is another resource."""
    app.url_map.merge_slashes = False


def install_sharing(app: Flask) -> None:
    """Let pages read every answer on Hono's paths, also that there is no such path or method."""

    @app.after_request
    def share(response: Response) -> Response:
        if is_management():
            response.headers["Access-Control-Allow-Origin"] = "*"
            response.headers["Access-Control-Expose-Headers"] = "etag, location"
        return response


def install_rules(views: Blueprint, body_max: int) -> None:
    """Bound bodies and answer preflights."""

    @views.before_request
    def bound_or_answer() -> Response | None:
        request.max_content_length = body_max
        if request.method != "OPTIONS":
            return None
        response = current_app.make_default_options_response()
        response.status_code = 204
        response.headers["Access-Control-Allow-Methods"] = response.headers["Allow"]
        response.headers["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
        response.headers["Access-Control-Max-Age"] = _PREFLIGHT_LIFE_S
        return response

"""Answers on Hono's paths: the version as a bare ETag, relative locations, and no cache headers."""

import msgspec
from flask import Response

from onboarding_api.domain.identifiers import Version

_JSON = "application/json; charset=utf-8"


def created(identifier: str, location: str, version: Version) -> Response:
    """Say what was created, where it is, and its version."""
    headers = {"Location": location, "ETag": version}
    return Response(msgspec.json.encode({"id": identifier}), 201, headers, content_type=_JSON)


def shown(document: object, version: Version | None = None) -> Response:
    """Show a resource with its version; search results have none."""
    headers = {} if version is None else {"ETag": version}
    return Response(msgspec.json.encode(document), 200, headers, content_type=_JSON)


def done(version: Version | None = None) -> Response:
    """Say that it was done, and the new version if there is one."""
    response = Response(status=204, headers={} if version is None else {"ETag": version})
    del response.headers["Content-Type"]
    return response

"""/v1/audit: the audit trail, a page at a time, as lines that can be verified or as one JSON document."""

import msgspec
from flask import Blueprint, Response, request

from onboarding_api.domain.management.identifiers import read_tenant
from onboarding_api.services.audit import Page
from onboarding_api.services.registry import Registry
from onboarding_api.web.management.requests import NUMBER_MAX, manager, read_number

LINES = "application/x-ndjson"
_JSON = "application/json"
_PAGE, _PAGE_MAX = 200, 1000


def audit_views(registry: Registry) -> Blueprint:
    """Return the views of the audit trail."""
    views = Blueprint("audit", __name__, url_prefix="/v1/audit")

    @views.get("", defaults={"tenant": None})
    @views.get("/<tenant>")
    def read(tenant: str | None) -> Response:
        who = manager(registry)
        after = read_number("since", 0, 0, NUMBER_MAX)
        count = read_number("limit", _PAGE, 1, _PAGE_MAX)
        wanted = None if tenant is None else read_tenant(tenant)
        return _show(registry.audit.read(who, wanted, after, count), count)

    return views


def _show(page: Page, count: int) -> Response:
    headers = {"Cache-Control": "no-store", "Vary": "Accept", "Audit-Head": str(page.head)}
    if page.next is not None:
        headers["Link"] = f'<{request.path}?since={page.next}&limit={count}>; rel="next"'
    if request.accept_mimetypes.best_match([_JSON, LINES]) == LINES:
        body = b"".join(entry.octets + b"\n" for entry in page.entries)
        return Response(body, 200, headers, content_type=LINES)
    document = {
        "chain": page.head.chain,
        "head": {"sequence": page.head.sequence, "hash": page.head.digest.hex()},
        "entries": [msgspec.Raw(entry.octets) for entry in page.entries],
        "next": page.next,
    }
    return Response(msgspec.json.encode(document), 200, headers, content_type=_JSON)

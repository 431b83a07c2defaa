"""/v1/credentials: read and replace the credentials of a device."""

import structlog
from flask import Blueprint, Response

from onboarding_api.domain.management.identifiers import read_device
from onboarding_api.services.registry import Registry
from onboarding_api.web.management.answers import done, shown
from onboarding_api.web.management.requests import manager, precondition, read_document

_log = structlog.get_logger()


def credential_views(registry: Registry) -> Blueprint:
    """Return the views of the credentials resource."""
    views = Blueprint("management credentials", __name__, url_prefix="/v1/credentials/<tenant>/<device>")

    @views.get("", strict_slashes=False)
    def read(tenant: str, device: str) -> Response:
        credentials, version = registry.credentials.read(manager(registry), read_device(tenant, device))
        return shown([each.document() for each in credentials], version)

    @views.put("", strict_slashes=False)
    def replace(tenant: str, device: str) -> Response:
        who, document = manager(registry), read_document(required=True)
        key = read_device(tenant, device)
        version = registry.credentials.replace(who, key, document, precondition(), registry.clock())
        _log.info("credentials.replaced", tenant=tenant, device=device, user=who.user)
        return done(version)

    return views

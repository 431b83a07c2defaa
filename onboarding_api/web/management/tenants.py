"""/v1/tenants: create, read, replace, delete, search."""

import structlog
from flask import Blueprint, Response

from onboarding_api.domain.errors import DocumentRefusedError
from onboarding_api.domain.management.identifiers import read_tenant
from onboarding_api.services.registry import Registry
from onboarding_api.web.management.answers import created, done, shown
from onboarding_api.web.management.requests import manager, precondition, read_document, read_search

_log = structlog.get_logger()


def tenant_views(registry: Registry) -> Blueprint:
    """Return the views of the tenant resource."""
    views = Blueprint("management tenants", __name__, url_prefix="/v1/tenants")

    @views.post("", strict_slashes=False, defaults={"tenant": None})
    @views.post("/<tenant>", strict_slashes=False)
    def create(tenant: str | None) -> Response:
        who, document = manager(registry), read_document(required=False)
        wanted = None if tenant is None else read_tenant(tenant)
        identifier, version = registry.tenants.create(who, wanted, document, registry.clock())
        _log.info("tenant.created", tenant=identifier, user=who.user)
        return created(identifier, f"/v1/tenants/{identifier}", version)

    @views.get("", strict_slashes=False)
    def search() -> Response:
        who, wanted = manager(registry), read_search()
        if wanted.after is not None:
            raise DocumentRefusedError("pageToken", "tenants are paged by `pageOffset`")
        found = registry.tenants.search(who, wanted)
        return shown({"total": found.total, "result": [{"id": each.id} | each.body for each in found.page]})

    @views.get("/<tenant>", strict_slashes=False)
    def read(tenant: str) -> Response:
        found = registry.tenants.read(manager(registry), read_tenant(tenant))
        return shown(found.body, found.version)

    @views.put("/<tenant>", strict_slashes=False)
    def replace(tenant: str) -> Response:
        who, document = manager(registry), read_document(required=True)
        version = registry.tenants.replace(who, read_tenant(tenant), document, precondition(), registry.clock())
        _log.info("tenant.replaced", tenant=tenant, user=who.user)
        return done(version)

    @views.delete("/<tenant>", strict_slashes=False)
    def delete(tenant: str) -> Response:
        who = manager(registry)
        registry.tenants.delete(who, read_tenant(tenant), precondition(), registry.clock())
        _log.info("tenant.deleted", tenant=tenant, user=who.user)
        return done()

    return views

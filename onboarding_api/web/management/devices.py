"""/v1/devices: create, read, replace, delete, search; and delete all of a tenant."""

import structlog
from flask import Blueprint, Response

from onboarding_api.domain.management.identifiers import read_device, read_tenant
from onboarding_api.services.registry import Registry
from onboarding_api.web.management.answers import created, done, shown
from onboarding_api.web.management.requests import manager, page_token, precondition, read_document, read_search

_log = structlog.get_logger()


def device_views(registry: Registry) -> Blueprint:
    """Return the views of the device resource."""
    views = Blueprint("management devices", __name__, url_prefix="/v1/devices/<tenant>")

    @views.post("", strict_slashes=False, defaults={"device": None})
    @views.post("/<device>", strict_slashes=False)
    def create(tenant: str, device: str | None) -> Response:
        who, document = manager(registry), read_document(required=False)
        wanted = None if device is None else read_device(tenant, device).device
        key, version = registry.devices.create(who, read_tenant(tenant), wanted, document, registry.clock())
        _log.info("device.created", tenant=key.tenant, device=key.device, user=who.user)
        return created(key.device, f"/v1/devices/{key.tenant}/{key.device}", version)

    @views.get("", strict_slashes=False)
    def search(tenant: str) -> Response:
        who, wanted = manager(registry), read_search()
        found = registry.devices.search(who, read_tenant(tenant), wanted)
        result = [{"id": each.id} | each.document() for each in found.page]
        if found.total is not None:
            return shown({"total": found.total, "result": result})
        more = len(result) == wanted.page_size
        return shown({"result": result} | ({"next": page_token(found.page[-1].id)} if more else {}))

    # A path that ends in a slash is what a script makes of an empty device id, so here it is another path.
    @views.delete("", strict_slashes=True)
    def delete_all(tenant: str) -> Response:
        who = manager(registry)
        deleted = registry.devices.delete_all(who, read_tenant(tenant), registry.clock())
        _log.info("devices.deleted", tenant=tenant, count=deleted, user=who.user)
        return done()

    @views.get("/<device>", strict_slashes=False)
    def read(tenant: str, device: str) -> Response:
        found = registry.devices.read(manager(registry), read_device(tenant, device))
        return shown(found.document(), found.version)

    @views.put("/<device>", strict_slashes=False)
    def replace(tenant: str, device: str) -> Response:
        who, document = manager(registry), read_document(required=True)
        key = read_device(tenant, device)
        version = registry.devices.replace(who, key, document, precondition(), registry.clock())
        _log.info("device.replaced", tenant=tenant, device=device, user=who.user)
        return done(version)

    @views.delete("/<device>", strict_slashes=False)
    def delete(tenant: str, device: str) -> Response:
        who = manager(registry)
        registry.devices.delete(who, read_device(tenant, device), precondition(), registry.clock())
        _log.info("device.deleted", tenant=tenant, device=device, user=who.user)
        return done()

    return views

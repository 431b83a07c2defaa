"""Devices as Hono's API has them. Every statement names the tenant; deleting a row frees its hardware (`tables.py`)."""

from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, insert, select, update

from onboarding_api.domain.errors import LimitReachedError, TenantUnknownError
from onboarding_api.domain.hono import Document
from onboarding_api.domain.identifiers import DeviceId, DeviceKey, TenantId, Timestamp, Version
from onboarding_api.domain.management.devices import DeviceRecord, Status
from onboarding_api.domain.management.search import Found, Search
from onboarding_api.storage.device_pages import count_devices, find_page
from onboarding_api.storage.tables import certificates, devices, tenants
from onboarding_api.storage.tenant_documents import find_tenant

_THIS = and_(devices.c.tenant_id == bindparam("tenant"), devices.c.device_id == bindparam("device"))
_FIND = (
    select(tenants.c.tenant_id.label("present"), devices)
    .select_from(
        tenants.outerjoin(
            devices, and_(devices.c.tenant_id == tenants.c.tenant_id, devices.c.device_id == bindparam("device"))
        )
    )
    .where(tenants.c.tenant_id == bindparam("tenant"))
)
_INSERT = insert(devices)
_REPLACE = (
    update(devices)
    .where(_THIS, devices.c.version == bindparam("expected"))
    .values(version=bindparam("successor"), document=bindparam("replacement"), updated_at=bindparam("now"))
)
_DELETE = delete(devices).where(_THIS)
_DELETE_VERSION = _DELETE.where(devices.c.version == bindparam("expected"))
_DELETE_ALL = delete(devices).where(devices.c.tenant_id == bindparam("tenant"))
_REVOKE_ALL = (
    update(certificates)
    .where(certificates.c.tenant_id == bindparam("tenant"), certificates.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"), revocation="device-deleted")
)
_REVOKE = _REVOKE_ALL.where(certificates.c.device_id == bindparam("device"))


def find_device(connection: Connection, key: DeviceKey) -> tuple[bool, DeviceRecord | None]:
    """Return whether the tenant exists, and its device."""
    row = connection.execute(_FIND, {"tenant": key.tenant, "device": key.device}).one_or_none()
    if row is None or row.device_id is None:
        return row is not None, None
    return True, device_record(row)


def require_room(connection: Connection, tenant: TenantId) -> None:
    """Refuse another device if the tenant does not exist or has as many as it may.

    Whoever counts has locked the tenant, so that rivals count one after the other.
    """
    state = find_tenant(connection, tenant)
    if state is not None and state.limit("max-devices") is not None:
        state = find_tenant(connection, tenant, lock=True)
    if state is None:
        raise TenantUnknownError(f"there is no tenant {tenant}")
    limit = state.limit("max-devices")
    if limit is not None and count_devices(connection, tenant) >= limit:
        raise LimitReachedError(f"the tenant may have no more than {limit} devices")


def insert_device(
    connection: Connection, key: DeviceKey, versions: tuple[Version, Version], document: Document, now: Timestamp
) -> None:
    """Store a new device with an empty set of credentials; `versions` are the device's and that set's."""
    row = {
        "tenant_id": key.tenant,
        "device_id": key.device,
        "version": versions[0],
        "credentials_version": versions[1],
        "document": document,
        "created_at": now,
        "auto_provisioned": False,
        "notification_sent": False,
    }
    connection.execute(_INSERT, row)


def replace_device(
    connection: Connection, key: DeviceKey, expected: Version, version: Version, document: Document, now: Timestamp
) -> bool:
    """Replace a device's document, and nothing of its status but `updated`; tell whether it had this version."""
    change = {
        "tenant": key.tenant,
        "device": key.device,
        "expected": expected,
        "successor": version,
        "replacement": document,
        "now": now,
    }
    return connection.execute(_REPLACE, change).rowcount == 1


def delete_device(connection: Connection, key: DeviceKey, expected: Version | None, now: Timestamp) -> bool:
    """Delete a device, if it has the version expected, and revoke its certificates; tell whether it was there."""
    this = {"tenant": key.tenant, "device": key.device}
    statement = _DELETE if expected is None else _DELETE_VERSION
    if connection.execute(statement, this | {"expected": expected}).rowcount == 0:
        return False
    connection.execute(_REVOKE, this | {"now": now})
    return True


def delete_devices(connection: Connection, tenant: TenantId, now: Timestamp) -> int:
    """Delete all devices of a tenant and revoke their certificates; return how many there were."""
    deleted = connection.execute(_DELETE_ALL, {"tenant": tenant}).rowcount
    connection.execute(_REVOKE_ALL, {"tenant": tenant, "now": now})
    return deleted


def search_devices(connection: Connection, tenant: TenantId, search: Search) -> Found[DeviceRecord]:
    """Return one page of a tenant's devices that match."""
    found = find_page(connection, tenant, search)
    return Found(found.total, [device_record(row) for row in found.page])


def device_record(row: Row[tuple[Any, ...]]) -> DeviceRecord:
    """Return a device as its row has it."""
    updated = None if row.updated_at is None else Timestamp(row.updated_at)
    status = Status(Timestamp(row.created_at), updated, row.auto_provisioned, row.notification_sent)
    return DeviceRecord(DeviceId(row.device_id), Version(row.version), row.document, status)

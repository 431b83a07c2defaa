"""Many devices of one tenant at once. Every statement names the tenant; a batch is a handful of statements.

What a batch replaces is named by the versions that were judged, and what it creates by the primary keys; whoever was
faster in either makes the whole batch ConcurrentChangeError, to be judged anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, func, insert, select, tuple_, update

from onboarding_api.domain.bulk.plan import Change, Existing, Standing
from onboarding_api.domain.errors import ConcurrentChangeError
from onboarding_api.domain.hono import Document
from onboarding_api.domain.identifiers import DeviceId, TenantId, Timestamp, Version
from onboarding_api.domain.management.credentials import Credential
from onboarding_api.domain.management.devices import DeviceRecord
from onboarding_api.storage.devices import device_record
from onboarding_api.storage.tables import credentials, devices

_DEVICES = select(devices.c.device_id, devices.c.version, devices.c.credentials_version).where(
    devices.c.tenant_id == bindparam("tenant"), devices.c.device_id.in_(bindparam("ids", expanding=True))
)
_CREDENTIALS = (
    select(credentials)
    .where(
        credentials.c.tenant_id == bindparam("tenant"), credentials.c.device_id.in_(bindparam("ids", expanding=True))
    )
    .order_by(credentials.c.device_id, credentials.c.position, credentials.c.type, credentials.c.auth_id)
)
_HOLDERS = select(credentials.c.type, credentials.c.auth_id, credentials.c.device_id).where(
    credentials.c.tenant_id == bindparam("tenant"),
    tuple_(credentials.c.type, credentials.c.auth_id).in_(bindparam("names", expanding=True)),
)
_COUNT = select(func.count()).select_from(devices).where(devices.c.tenant_id == bindparam("tenant"))
_INSERT = insert(devices)
_REPLACE = (
    update(devices)
    .where(
        and_(devices.c.tenant_id == bindparam("tenant"), devices.c.device_id == bindparam("device")),
        devices.c.version == bindparam("expected"),
        devices.c.credentials_version == bindparam("expected_credentials"),
    )
    .values(
        version=bindparam("successor"),
        credentials_version=bindparam("successor_credentials"),
        document=bindparam("replacement"),
        updated_at=bindparam("now"),
    )
)
_REMOVE_CREDENTIALS = delete(credentials).where(
    credentials.c.tenant_id == bindparam("tenant"), credentials.c.device_id.in_(bindparam("ids", expanding=True))
)
_INSERT_CREDENTIALS = insert(credentials)
_PAGE = (
    select(devices)
    .where(devices.c.tenant_id == bindparam("tenant"), devices.c.device_id > bindparam("after"))
    .order_by(devices.c.device_id)
    .limit(bindparam("size"))
)


def find_standing(
    connection: Connection, tenant: TenantId, ids: Sequence[DeviceId], names: Sequence[tuple[str, str]], *, count: bool
) -> Standing:
    """Return what the registry knows of these devices, and whose these types and auth-ids are."""
    found = connection.execute(_DEVICES, {"tenant": tenant, "ids": ids}).all()
    stored = find_credentials_of(connection, tenant, [row.device_id for row in found])
    existing = {
        row.device_id: Existing(row.version, row.credentials_version, stored.get(row.device_id, [])) for row in found
    }
    rows = connection.execute(_HOLDERS, {"tenant": tenant, "names": names}).all() if names else []
    holders = {(row.type, row.auth_id): DeviceId(row.device_id) for row in rows}
    return Standing(existing, holders, count_devices(connection, tenant) if count else None)


def count_devices(connection: Connection, tenant: TenantId) -> int:
    """Return how many devices a tenant has."""
    number: int = connection.execute(_COUNT, {"tenant": tenant}).scalar_one()
    return number


def find_credentials_of(
    connection: Connection, tenant: TenantId, ids: Sequence[str]
) -> Mapping[DeviceId, Sequence[Credential]]:
    """Return the credentials of these devices, each device's in their order."""
    found: dict[DeviceId, list[Credential]] = {}
    for row in connection.execute(_CREDENTIALS, {"tenant": tenant, "ids": ids}) if ids else ():
        found.setdefault(DeviceId(row.device_id), []).append(Credential(row.type, row.auth_id, row.document))
    return found


def write_changes(connection: Connection, tenant: TenantId, changes: Sequence[Change], now: Timestamp) -> None:
    """Create and replace devices and their credentials, all as judged or none."""
    created = [_device_row(tenant, each, now) for each in changes if each.before is None]
    if created:
        connection.execute(_INSERT, created)
    for each in changes:
        if each.before is not None:
            replaced = connection.execute(_REPLACE, _replacement(tenant, each, each.before, now))
            if replaced.rowcount != 1:
                raise ConcurrentChangeError("another request changed the same rows")
    gone = [each.device for each in changes if each.before and each.before.credentials and each.credentials is not None]
    if gone:
        connection.execute(_REMOVE_CREDENTIALS, {"tenant": tenant, "ids": gone})
    rows = [row for each in changes for row in _credential_rows(tenant, each)]
    if rows:
        connection.execute(_INSERT_CREDENTIALS, rows)


def page_of_devices(connection: Connection, tenant: TenantId, after: str, size: int) -> Sequence[DeviceRecord]:
    """Return the next devices in the order of their ids; the empty text is before all."""
    rows: Sequence[Row[tuple[Any, ...]]] = connection.execute(
        _PAGE, {"tenant": tenant, "after": after, "size": size}
    ).all()
    return [device_record(row) for row in rows]


def _device_row(tenant: TenantId, change: Change, now: Timestamp) -> Document:
    return {
        "tenant_id": tenant,
        "device_id": change.device,
        "version": change.version,
        "credentials_version": change.credentials_version,
        "document": change.document,
        "created_at": now,
        "auto_provisioned": False,
        "notification_sent": False,
    }


def _replacement(tenant: TenantId, change: Change, before: Existing, now: Timestamp) -> Document:
    kept = change.credentials is None
    successor: Version = before.credentials_version if kept else change.credentials_version
    return {
        "tenant": tenant,
        "device": change.device,
        "expected": before.version,
        "expected_credentials": before.credentials_version,
        "successor": change.version,
        "successor_credentials": successor,
        "replacement": change.document,
        "now": now,
    }


def _credential_rows(tenant: TenantId, change: Change) -> Iterable[Document]:
    for position, each in enumerate(change.credentials or ()):
        yield {
            "tenant_id": tenant,
            "device_id": change.device,
            "type": each.type,
            "auth_id": each.auth_id,
            "document": each.body,
            "position": position,
        }

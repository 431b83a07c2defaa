"""The credentials of devices. Every statement names the tenant; a type and auth-id occur once in it (primary key)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, and_, bindparam, delete, insert, select, tuple_, update

from onboarding_api.domain.errors import CredentialTakenError
from onboarding_api.domain.hono import Document
from onboarding_api.domain.identifiers import DeviceKey, Version
from onboarding_api.domain.management.credentials import Credential
from onboarding_api.storage.tables import credentials, devices, tenants

_THIS = and_(credentials.c.tenant_id == bindparam("tenant"), credentials.c.device_id == bindparam("device"))
_FIND = (
    select(
        tenants.c.document.label("tenant_document"),
        devices.c.credentials_version,
        credentials.c.type,
        credentials.c.auth_id,
        credentials.c.document,
    )
    .select_from(
        tenants.outerjoin(
            devices, and_(devices.c.tenant_id == tenants.c.tenant_id, devices.c.device_id == bindparam("device"))
        ).outerjoin(
            credentials,
            and_(credentials.c.tenant_id == devices.c.tenant_id, credentials.c.device_id == devices.c.device_id),
        )
    )
    .where(tenants.c.tenant_id == bindparam("tenant"))
    .order_by(credentials.c.position, credentials.c.type, credentials.c.auth_id)
)
_TOUCH = (
    update(devices)
    .where(
        devices.c.tenant_id == bindparam("tenant"),
        devices.c.device_id == bindparam("device"),
        devices.c.credentials_version == bindparam("expected"),
    )
    .values(credentials_version=bindparam("successor"))
)
_REMOVE = delete(credentials).where(_THIS)
_TAKEN = (
    select(credentials.c.type, credentials.c.auth_id)
    .where(
        credentials.c.tenant_id == bindparam("tenant"),
        tuple_(credentials.c.type, credentials.c.auth_id).in_(bindparam("names", expanding=True)),
    )
    .limit(1)
)
_INSERT = insert(credentials)


@dataclass(frozen=True, slots=True)
class CredentialSet:
    """The credentials of one device, with the version of the set and the tenant's document."""

    tenant_document: Document
    version: Version | None
    """None if the device does not exist."""
    credentials: Sequence[Credential] = field(repr=False)


def find_credentials(connection: Connection, key: DeviceKey) -> CredentialSet | None:
    """Return the credentials of a device in the order they were given; None if the tenant does not exist."""
    rows = connection.execute(_FIND, {"tenant": key.tenant, "device": key.device}).all()
    if not rows:
        return None
    found = [Credential(row.type, row.auth_id, row.document) for row in rows if row.type is not None]
    version = rows[0].credentials_version
    return CredentialSet(rows[0].tenant_document, None if version is None else Version(version), found)


def replace_credentials(
    connection: Connection, key: DeviceKey, expected: Version, version: Version, replacement: Sequence[Credential]
) -> bool:
    """Replace a device's credentials if the set still has this version; tell whether it had."""
    this = {"tenant": key.tenant, "device": key.device}
    if connection.execute(_TOUCH, this | {"expected": expected, "successor": version}).rowcount == 0:
        return False
    connection.execute(_REMOVE, this)
    if not replacement:
        return True
    names = [(each.type, each.auth_id) for each in replacement]
    if (taken := connection.execute(_TAKEN, {"tenant": key.tenant, "names": names}).first()) is not None:
        raise CredentialTakenError(f"another device has {taken.type} credentials of auth-id {taken.auth_id}")
    rows = [
        {
            "tenant_id": key.tenant,
            "device_id": key.device,
            "type": each.type,
            "auth_id": each.auth_id,
            "document": each.body,
            "position": position,
        }
        for position, each in enumerate(replacement)
    ]
    connection.execute(_INSERT, rows)
    return True

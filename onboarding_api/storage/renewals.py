"""Renewing a certificate: one statement to read what counts now, four to write. Every statement names the tenant."""

from typing import cast

from sqlalchemy import Connection, CursorResult, and_, bindparam, exists, insert, select, update

from onboarding_api.domain.errors import ConcurrentChangeError
from onboarding_api.domain.hono import X509_CERT, Document, auth_id
from onboarding_api.domain.identifiers import AuthorityId, DeviceKey, HardwareId, Version
from onboarding_api.domain.renewals import Certified, Held, Renewal
from onboarding_api.storage.tables import certificates, credentials, devices, hardware, tenants
from onboarding_protocol.renewal import Validity

_FIND = (
    select(
        certificates,
        tenants.c.version.label("tenant_version"),
        tenants.c.document.label("tenant"),
        devices.c.version,
        devices.c.credentials_version,
        devices.c.document.label("device"),
        credentials.c.document.label("credential"),
        hardware.c.operational_key,
    )
    .select_from(hardware)
    .join(tenants, tenants.c.tenant_id == hardware.c.tenant_id)
    .join(devices, and_(devices.c.tenant_id == hardware.c.tenant_id, devices.c.device_id == hardware.c.device_id))
    .join(
        certificates,
        and_(
            certificates.c.tenant_id == hardware.c.tenant_id,
            certificates.c.device_id == hardware.c.device_id,
            certificates.c.key_hash == hardware.c.key_hash,
            certificates.c.revoked_at.is_(None),
        ),
    )
    .outerjoin(
        credentials,
        and_(
            credentials.c.tenant_id == hardware.c.tenant_id,
            credentials.c.device_id == hardware.c.device_id,
            credentials.c.type == X509_CERT,
            credentials.c.auth_id == bindparam("name"),
        ),
    )
    .where(hardware.c.tenant_id == bindparam("tenant"), hardware.c.device_id == bindparam("device"))
)
_TOUCH_DEVICE = (
    update(devices)
    .where(
        devices.c.tenant_id == bindparam("tenant"),
        devices.c.device_id == bindparam("device"),
        devices.c.version == bindparam("expected_device"),
        devices.c.credentials_version == bindparam("expected"),
        exists().where(tenants.c.tenant_id == bindparam("tenant"), tenants.c.version == bindparam("expected_tenant")),
    )
    .values(credentials_version=bindparam("successor"))
)
_REPLACE_CREDENTIAL = (
    update(credentials)
    .where(
        credentials.c.tenant_id == bindparam("tenant"),
        credentials.c.device_id == bindparam("device"),
        credentials.c.type == X509_CERT,
        credentials.c.auth_id == bindparam("name"),
    )
    .values(document=bindparam("replacement"))
)
_SUPERSEDE = (
    update(certificates)
    .where(
        certificates.c.tenant_id == bindparam("tenant"),
        certificates.c.key_hash == bindparam("hardware_key"),
        certificates.c.fingerprint == bindparam("old"),
        certificates.c.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("now"), revocation="superseded")
)
_INSERT = insert(certificates)


def find_certified(connection: Connection, key: DeviceKey) -> Certified | None:
    """Return what counts for a device that was onboarded; None if there is none of that name."""
    wanted = {"tenant": key.tenant, "device": key.device, "name": auth_id(key)}
    row = connection.execute(_FIND, wanted).one_or_none()
    if row is None:
        return None
    credential: Document | None = row.credential
    documents = [row.tenant, row.device, credential or {"enabled": False}, *_secrets(credential or {})]
    return Certified(
        hardware=HardwareId(row.key_hash),
        operational_key=row.operational_key,
        enabled=all(document.get("enabled") is not False for document in documents),
        tenant_version=Version(row.tenant_version),
        version=Version(row.version),
        credentials_version=Version(row.credentials_version),
        credential=credential or {},
        held=Held(
            authority=AuthorityId(row.authority_id),
            fingerprint=row.fingerprint,
            validity=Validity(row.not_before, row.not_after),
            renews=row.renews,
            certificate=row.certificate,
        ),
    )


def write_renewal(connection: Connection, renewal: Renewal) -> None:
    """Write all rows of one renewal; ConcurrentChangeError if it was judged on what is no longer so."""
    before, leaf = renewal.before, renewal.leaf
    name = {"tenant": renewal.key.tenant, "device": renewal.key.device}
    expected = {
        "expected_device": before.version,
        "expected": before.credentials_version,
        "expected_tenant": before.tenant_version,
    }
    _expect_one(connection.execute(_TOUCH_DEVICE, name | expected | {"successor": renewal.version}))
    credential = {"name": renewal.auth_id, "replacement": renewal.credential}
    _expect_one(connection.execute(_REPLACE_CREDENTIAL, name | credential))
    old = {"hardware_key": before.hardware, "old": before.held.fingerprint, "now": renewal.now}
    _expect_one(connection.execute(_SUPERSEDE, name | old))
    row = {
        "authority_id": before.held.authority,
        "serial": leaf.serial,
        "tenant_id": renewal.key.tenant,
        "device_id": renewal.key.device,
        "key_hash": before.hardware,
        "spki_hash": before.operational_key,
        "fingerprint": leaf.fingerprint,
        "not_before": leaf.not_before,
        "not_after": leaf.not_after,
        "renews": before.held.fingerprint,
        "certificate": leaf.der,
    }
    connection.execute(_INSERT, row)


def _secrets(credential: Document) -> list[Document]:
    return cast("list[Document]", credential.get("secrets", []))


def _expect_one(result: CursorResult[tuple[object, ...]]) -> None:
    if result.rowcount != 1:
        raise ConcurrentChangeError("another request changed the same rows")

"""Renewing a certificate: one statement to read what counts now, four to write. Every statement names the tenant."""

from sqlalchemy import Connection, and_, bindparam, exists, select

from onboarding_api.domain.hono import X509_CERT, Document, auth_id
from onboarding_api.domain.identifiers import AuthorityId, DeviceKey, HardwareId, Version
from onboarding_api.domain.renewals import Certified, Held, Renewal
from onboarding_api.storage.certifying import (
    INSERT_CERTIFICATE,
    REPLACE_CREDENTIAL,
    SUPERSEDE,
    TOUCH_DEVICE,
    certificate_row,
    expect_one,
    none_is_disabled,
)
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
_TOUCH_DEVICE = TOUCH_DEVICE.where(
    exists().where(tenants.c.tenant_id == bindparam("tenant"), tenants.c.version == bindparam("expected_tenant"))
)
_SUPERSEDE = SUPERSEDE.where(certificates.c.fingerprint == bindparam("old"))


def find_certified(connection: Connection, key: DeviceKey) -> Certified | None:
    """Return what counts for a device that was onboarded; None if there is none of that name."""
    wanted = {"tenant": key.tenant, "device": key.device, "name": auth_id(key)}
    row = connection.execute(_FIND, wanted).one_or_none()
    if row is None:
        return None
    credential: Document | None = row.credential
    return Certified(
        hardware=HardwareId(row.key_hash),
        operational_key=row.operational_key,
        enabled=credential is not None and none_is_disabled(credential, row.tenant, row.device),
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
    expect_one(connection.execute(_TOUCH_DEVICE, name | expected | {"successor": renewal.version}))
    credential = {"name": renewal.auth_id, "replacement": renewal.credential}
    expect_one(connection.execute(REPLACE_CREDENTIAL, name | credential))
    old = {"hardware": before.hardware, "old": before.held.fingerprint, "now": renewal.now}
    expect_one(connection.execute(_SUPERSEDE, name | old))
    renewed = {"renews": before.held.fingerprint, "certificate": leaf.der}
    row = certificate_row(renewal.key, before.hardware, before.operational_key, before.held.authority, leaf)
    connection.execute(INSERT_CERTIFICATE, row | renewed)

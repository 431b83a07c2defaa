"""What registering and renewing write alike: a device's certificate, and the credential that tells of it.

Every statement names the tenant, and each update what it expects to find; whoever finds less than was judged has
everything rolled back by ConcurrentChangeError.
"""

from typing import cast

from sqlalchemy import CursorResult, bindparam, insert, update

from onboarding_api.domain.certificates import Leaf
from onboarding_api.domain.errors import ConcurrentChangeError
from onboarding_api.domain.hono import X509_CERT, Document
from onboarding_api.domain.identifiers import AuthorityId, DeviceKey, HardwareId
from onboarding_api.storage.tables import certificates, credentials, devices

TOUCH_DEVICE = (
    update(devices)
    .where(
        devices.c.tenant_id == bindparam("tenant"),
        devices.c.device_id == bindparam("device"),
        devices.c.version == bindparam("expected_device"),
        devices.c.credentials_version == bindparam("expected"),
    )
    .values(credentials_version=bindparam("successor"))
)
REPLACE_CREDENTIAL = (
    update(credentials)
    .where(
        credentials.c.tenant_id == bindparam("tenant"),
        credentials.c.device_id == bindparam("device"),
        credentials.c.type == X509_CERT,
        credentials.c.auth_id == bindparam("name"),
    )
    .values(document=bindparam("replacement"))
)
SUPERSEDE = (
    update(certificates)
    .where(
        certificates.c.tenant_id == bindparam("tenant"),
        certificates.c.key_hash == bindparam("hardware"),
        certificates.c.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("now"), revocation="superseded")
)
INSERT_CERTIFICATE = insert(certificates)


def certificate_row(
    key: DeviceKey, hardware: HardwareId, operational_key: bytes, authority: AuthorityId, leaf: Leaf
) -> dict[str, object]:
    """Return the row of a certificate that was just issued."""
    return {
        "authority_id": authority,
        "serial": leaf.serial,
        "tenant_id": key.tenant,
        "device_id": key.device,
        "key_hash": hardware,
        "spki_hash": operational_key,
        "fingerprint": leaf.fingerprint,
        "not_before": leaf.not_before,
        "not_after": leaf.not_after,
    }


def none_is_disabled(credential: Document, *others: Document) -> bool:
    """Tell whether neither this credential nor a secret of it is disabled, nor one of the other documents."""
    secrets = cast("list[Document]", credential.get("secrets", []))
    return all(each.get("enabled") is not False for each in (credential, *secrets, *others))


def expect_one(result: CursorResult[tuple[object, ...]]) -> None:
    """Refuse to go on if an update did not find what was judged."""
    if result.rowcount != 1:
        raise ConcurrentChangeError("another request changed the same rows")

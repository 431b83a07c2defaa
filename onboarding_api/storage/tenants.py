"""Tenants and their certification authorities."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, insert, select, update

from onboarding_api.domain.identifiers import AuthorityId, TenantId, Timestamp
from onboarding_api.storage.tables import tenant_authorities, tenants

_TENANT = select(tenants).where(tenants.c.tenant_id == bindparam("tenant"))
_ALL = select(tenants).order_by(tenants.c.tenant_id)
_AUTHORITY = select(tenant_authorities).where(
    tenant_authorities.c.tenant_id == bindparam("tenant"),
    tenant_authorities.c.authority_id == bindparam("authority"),
)
_ENDPOINT = (
    update(tenants)
    .where(tenants.c.tenant_id == bindparam("tenant"))
    .values(endpoint_url=bindparam("url"), anchor_name=bindparam("name"), anchor_key=bindparam("key"))
)
_CERTIFICATES = (
    select(tenant_authorities.c.tenant_id, tenant_authorities.c.certificate)
    .where(tenant_authorities.c.tenant_id == bindparam("tenant"))
    .order_by(tenant_authorities.c.created_at)
)


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """A tenant as an operator lists it."""

    id: TenantId
    endpoint_url: str | None
    """None for a tenant that Hono's API created and that has not been given one."""
    endpoint_anchored: bool
    created_at: Timestamp


@dataclass(frozen=True, slots=True)
class SealedAuthority:
    """A tenant's authority at rest."""

    id: AuthorityId
    tenant: TenantId
    subject_dn: str
    certificate: bytes
    sealed_key: bytes = field(repr=False)


def tenant_exists(connection: Connection, tenant: TenantId) -> bool:
    """Tell whether this tenant id is taken."""
    return connection.execute(_TENANT, {"tenant": tenant}).one_or_none() is not None


def set_endpoint(
    connection: Connection, tenant: TenantId, endpoint_url: str, anchor: tuple[bytes, bytes] | None
) -> bool:
    """Say where a tenant's devices connect, and name and key of who vouches for that; tell whether it exists."""
    name, key = anchor or (None, None)
    change = {"tenant": tenant, "url": endpoint_url, "name": name, "key": key}
    return connection.execute(_ENDPOINT, change).rowcount == 1


def insert_authority(connection: Connection, authority: SealedAuthority, now: Timestamp) -> None:
    """Store a tenant's current authority."""
    row = {
        "authority_id": authority.id,
        "tenant_id": authority.tenant,
        "state": "current",
        "subject_dn": authority.subject_dn,
        "certificate": authority.certificate,
        "sealed_key": authority.sealed_key,
        "created_at": now,
    }
    connection.execute(insert(tenant_authorities), row)


def list_tenants(connection: Connection) -> Sequence[TenantRecord]:
    """Return all tenants, by id. For operators: the only statement here that names none."""
    return [
        TenantRecord(TenantId(row.tenant_id), row.endpoint_url, row.anchor_key is not None, row.created_at)
        for row in connection.execute(_ALL)
    ]


def find_authority(connection: Connection, tenant: TenantId, authority: AuthorityId) -> SealedAuthority:
    """Return one authority of a tenant; the caller has its id from a row of that tenant."""
    row = connection.execute(_AUTHORITY, {"tenant": tenant, "authority": authority}).one()
    return SealedAuthority(authority, tenant, row.subject_dn, row.certificate, row.sealed_key)


def authority_certificates(connection: Connection, tenant: TenantId) -> Sequence[bytes]:
    """Return the DER certificates of a tenant's authorities, current and retired."""
    return [row.certificate for row in connection.execute(_CERTIFICATES, {"tenant": tenant})]

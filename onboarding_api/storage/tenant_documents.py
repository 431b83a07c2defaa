"""Tenants as Hono's API has them. Only the search of an operator names no tenant."""

from sqlalchemy import Connection, and_, bindparam, delete, exists, insert, select, update

from onboarding_api.domain.errors import AliasTakenError, TenantExistsError
from onboarding_api.domain.identifiers import TenantId, Timestamp, Version
from onboarding_api.domain.management.search import Found, Search
from onboarding_api.domain.management.tenants import TenantDocument, TenantState
from onboarding_api.storage.searching import Searched, run_search
from onboarding_api.storage.tables import tenants
from onboarding_api.storage.trust_anchors import replace_trust_anchors

_FIND = select(tenants.c.version, tenants.c.document).where(tenants.c.tenant_id == bindparam("tenant"))
_LOCK = _FIND.with_for_update()
_INSERT = insert(tenants)
_REPLACE = (
    update(tenants)
    .where(tenants.c.tenant_id == bindparam("tenant"), tenants.c.version == bindparam("expected"))
    .values(
        version=bindparam("successor"),
        alias=bindparam("other_name"),
        document=bindparam("replacement"),
        updated_at=bindparam("now"),
    )
)
_DELETE = delete(tenants).where(tenants.c.tenant_id == bindparam("tenant"))
_DELETE_VERSION = _DELETE.where(tenants.c.version == bindparam("expected"))
_ALIAS_TAKEN = select(
    exists().where(and_(tenants.c.alias == bindparam("wanted"), tenants.c.tenant_id != bindparam("tenant")))
)
_ALIASED = select(
    exists().where(tenants.c.tenant_id == bindparam("other_name"), tenants.c.tenant_id != bindparam("tenant")),
    exists().where(tenants.c.alias == bindparam("tenant"), tenants.c.tenant_id != bindparam("tenant")),
)
_SEARCHED = Searched(tenants, tenants.c.tenant_id, {})


def find_tenant(connection: Connection, tenant: TenantId, *, lock: bool = False) -> TenantState | None:
    """Return a tenant; locked, nobody else changes it or counts its devices until the transaction ends."""
    row = connection.execute(_LOCK if lock else _FIND, {"tenant": tenant}).one_or_none()
    return None if row is None else TenantState(tenant, Version(row.version), row.document)


def insert_tenant_document(
    connection: Connection, tenant: TenantId, version: Version, document: TenantDocument, now: Timestamp
) -> None:
    """Store a new tenant, or refuse its id or its alias; it has no endpoint yet."""
    if find_tenant(connection, tenant) is not None:
        raise TenantExistsError(f"there is already a tenant {tenant}")
    _require_alias(connection, tenant, document)
    row = {
        "tenant_id": tenant,
        "version": version,
        "alias": document.alias,
        "document": document.body,
        "endpoint_url": None,
        "created_at": now,
    }
    connection.execute(_INSERT, row)
    replace_trust_anchors(connection, tenant, document.group, document.trusted)


def replace_tenant_document(
    connection: Connection, before: TenantState, version: Version, document: TenantDocument, now: Timestamp
) -> bool:
    """Replace a tenant's document if it still has the version of `before`; tell whether it had."""
    _require_alias(connection, before.id, document)
    change = {
        "tenant": before.id,
        "expected": before.version,
        "successor": version,
        "other_name": document.alias,
        "replacement": document.body,
        "now": now,
    }
    if connection.execute(_REPLACE, change).rowcount == 0:
        return False
    replace_trust_anchors(connection, before.id, document.group, document.trusted)
    return True


def require_names_apart(connection: Connection, tenant: TenantId, alias: str | None) -> None:
    """Refuse an alias that is another tenant's id, and an id that is another's alias: devices give one or the other.

    Between two rows no key holds this. It holds against rivals if they wait for each other before they ask, as all do
    who write into one chain of the audit trail.
    """
    alias_taken, id_taken = connection.execute(_ALIASED, {"tenant": tenant, "other_name": alias}).one()
    if alias_taken:
        raise AliasTakenError(f"{alias} is the id of another tenant")
    if id_taken:
        raise TenantExistsError(f"{tenant} is the alias of another tenant")


def delete_tenant(connection: Connection, tenant: TenantId, expected: Version | None) -> bool:
    """Delete a tenant with all that is its own, if it has the version expected; tell whether it was there."""
    statement = _DELETE if expected is None else _DELETE_VERSION
    return connection.execute(statement, {"tenant": tenant, "expected": expected}).rowcount == 1


def search_tenants(connection: Connection, search: Search, only: TenantId | None) -> Found[TenantState]:
    """Return one page of the tenants that match; a tenant's administrator sees only his own."""
    limits = [] if only is None else [tenants.c.tenant_id == only]
    found = run_search(connection, _SEARCHED, search, limits)
    page = [TenantState(TenantId(row.tenant_id), Version(row.version), row.document) for row in found.page]
    return Found(found.total, page)


def _require_alias(connection: Connection, tenant: TenantId, document: TenantDocument) -> None:
    if document.alias is not None:
        wanted = {"wanted": document.alias, "tenant": tenant}
        if connection.execute(_ALIAS_TAKEN, wanted).scalar_one():
            raise AliasTakenError(f"another tenant has the alias {document.alias}")

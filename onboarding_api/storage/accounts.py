"""User accounts. Names are unique across tenants, because nobody types a tenant to sign in."""

from sqlalchemy import Connection, bindparam, insert, select

from onboarding_api.domain.accounts import Account, Role
from onboarding_api.domain.identifiers import TenantId, Timestamp, UserId
from onboarding_api.storage.tables import users

_BY_NAME = select(users).where(users.c.name == bindparam("wanted"))


def insert_account(connection: Connection, account: Account, now: Timestamp) -> None:
    """Store a new account."""
    row = {
        "user_id": account.id,
        "tenant_id": account.tenant,
        "name": account.name,
        "role": account.role.value,
        "password_hash": account.password_hash,
        "created_at": now,
    }
    connection.execute(insert(users), row)


def find_account(connection: Connection, name: str) -> Account | None:
    """Return the account of this name."""
    row = connection.execute(_BY_NAME, {"wanted": name}).one_or_none()
    if row is None:
        return None
    tenant = None if row.tenant_id is None else TenantId(row.tenant_id)
    return Account(UserId(row.user_id), row.name, tenant, Role(row.role), row.password_hash)

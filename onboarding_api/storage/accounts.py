"""User accounts. Names are unique across tenants, because nobody types a tenant to sign in."""

from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select

from onboarding_api.domain.accounts import Account, Role
from onboarding_api.domain.identifiers import TenantId, Timestamp, UserId
from onboarding_api.storage.tables import users

_BY_ID = select(users).where(users.c.user_id == bindparam("wanted"))
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
    return _account(connection.execute(_BY_NAME, {"wanted": name}).one_or_none())


def find_account_by_id(connection: Connection, user: UserId) -> Account | None:
    """Return the account of this id."""
    return _account(connection.execute(_BY_ID, {"wanted": user}).one_or_none())


def _account(row: Row[tuple[Any, ...]] | None) -> Account | None:
    if row is None:
        return None
    tenant = None if row.tenant_id is None else TenantId(row.tenant_id)
    return Account(UserId(row.user_id), row.name, tenant, Role(row.role), row.password_hash)

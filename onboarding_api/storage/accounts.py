"""User accounts. Names are unique across tenants, because nobody types a tenant to sign in."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, insert, select, update

from onboarding_api.domain.accounts import Account, Role
from onboarding_api.domain.identifiers import TenantId, Timestamp, UserId
from onboarding_api.storage.tables import external_subjects, sessions, users

_BY_ID = select(users).where(users.c.user_id == bindparam("wanted"))
_BY_NAME = select(users).where(users.c.name == bindparam("wanted"))
_BY_SESSION = (
    select(users, sessions.c.session_id, sessions.c.ended_at)
    .select_from(
        users.outerjoin(
            sessions,
            and_(sessions.c.user_id == users.c.user_id, sessions.c.session_id == bindparam("session")),
        )
    )
    .where(users.c.user_id == bindparam("wanted"))
)
_BY_SUBJECT = (
    select(users)
    .join(external_subjects, external_subjects.c.user_id == users.c.user_id)
    .where(external_subjects.c.issuer == bindparam("issuer"), external_subjects.c.subject == bindparam("subject"))
)
_ALL = select(users).order_by(users.c.name)
_OF_TENANT = _ALL.where(users.c.tenant_id == bindparam("tenant"))
_PASSWORD = update(users).where(users.c.user_id == bindparam("wanted")).values(password_hash=bindparam("hashed"))
_DISABLE = update(users).where(users.c.user_id == bindparam("wanted")).values(disabled_at=bindparam("moment"))
_DELETE = delete(users).where(users.c.user_id == bindparam("wanted"))


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
    if "\0" in name:
        return None  # PostgreSQL would not even compare it
    return _account(connection.execute(_BY_NAME, {"wanted": name}).one_or_none())


def find_account_by_id(connection: Connection, user: UserId) -> Account | None:
    """Return the account of this id."""
    return _account(connection.execute(_BY_ID, {"wanted": user}).one_or_none())


def find_account_in_session(connection: Connection, user: UserId, session: str) -> tuple[Account | None, bool]:
    """Return the account of this id, and whether this session of it goes on."""
    row = connection.execute(_BY_SESSION, {"wanted": user, "session": session}).one_or_none()
    return _account(row), row is not None and row.session_id is not None and row.ended_at is None


def find_account_by_subject(connection: Connection, issuer: str, subject: str) -> Account | None:
    """Return the account that somebody at an OpenID provider is linked to."""
    return _account(connection.execute(_BY_SUBJECT, {"issuer": issuer, "subject": subject}).one_or_none())


def list_accounts(connection: Connection, tenant: TenantId | None) -> Sequence[Account]:
    """Return the accounts of a tenant, or for operators all there are, by name."""
    rows = connection.execute(_ALL) if tenant is None else connection.execute(_OF_TENANT, {"tenant": tenant})
    return [account for row in rows if (account := _account(row)) is not None]


def set_password(connection: Connection, user: UserId, password_hash: str) -> None:
    """Replace an account's password."""
    connection.execute(_PASSWORD, {"wanted": user, "hashed": password_hash})


def set_disabled(connection: Connection, user: UserId, moment: Timestamp | None) -> None:
    """Disable an account, or enable it again."""
    connection.execute(_DISABLE, {"wanted": user, "moment": moment})


def delete_account(connection: Connection, user: UserId) -> None:
    """Delete an account with its sessions, onboardings and ownerships."""
    connection.execute(_DELETE, {"wanted": user})


def link_subject(connection: Connection, user: UserId, issuer: str, subject: str) -> None:
    """Let somebody at an OpenID provider be this account."""
    connection.execute(insert(external_subjects), {"user_id": user, "issuer": issuer, "subject": subject})


def _account(row: Row[tuple[Any, ...]] | None) -> Account | None:
    if row is None:
        return None
    tenant = None if row.tenant_id is None else TenantId(row.tenant_id)
    return Account(
        UserId(row.user_id), row.name, tenant, Role(row.role), row.password_hash, row.disabled_at is not None
    )

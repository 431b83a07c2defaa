"""Accounts: creating and changing them, and checking a password.

The rules kept here: passwords are stored as argon2id; a name that does not exist, one that is disabled and one without
a password cost the same time as a wrong password; few are hashed at once, because each takes 64 MiB, and whether
somebody must wait is asked before that narrow place, so that whoever must does not take it, and again in it, so that
attempts sent at once are not all judged before the first counts. A changed password, disabling and deleting end the
account's sessions at once.
"""

from collections.abc import Callable, Sequence

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from onboarding_api.domain.accounts import Account, Role, require_membership, require_password, require_subject
from onboarding_api.domain.audit import SERVICE, Action, Actor, Event, Origin, chain_of
from onboarding_api.domain.errors import (
    CredentialsRefusedError,
    SubjectTakenError,
    TenantUnknownError,
    UserExistsError,
    UserUnknownError,
)
from onboarding_api.domain.identifiers import Randomness, TenantId, Timestamp, UserId, new_uuid, parse_user_name
from onboarding_api.domain.sessions import Ending
from onboarding_api.domain.sign_in_limits import Buckets
from onboarding_api.services.hashing import Hashing
from onboarding_api.services.lockout import Lockout
from onboarding_api.services.management.attempts import until_settled
from onboarding_api.storage import accounts as stored
from onboarding_api.storage.accounts import find_account, find_account_by_subject, insert_account
from onboarding_api.storage.audit import record
from onboarding_api.storage.database import Connection, Database
from onboarding_api.storage.sessions import end_sessions
from onboarding_api.storage.sign_in_counts import remove_counts
from onboarding_api.storage.tenants import tenant_exists

NO_PASSWORD = ""
"""Instead of a hash, for an account that signs in elsewhere."""


class Accounts:
    """The user accounts of all tenants."""

    def __init__(self, database: Database, randomness: Randomness, hasher: PasswordHasher | None = None) -> None:
        self._database = database
        self._randomness = randomness
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash("nobody has this password")
        self.hashing = Hashing()
        self._lockout = Lockout(database)

    def create(
        self,
        name: str,
        password: str | None,
        role: Role,
        tenant: TenantId | None,
        now: Timestamp,
        by: Actor = SERVICE,
    ) -> Account:
        """Create an account; its name must be new. Without a password it can only sign in elsewhere."""
        require_membership(role, tenant)
        user = UserId(new_uuid(self._randomness))
        account = Account(user, parse_user_name(name), tenant, role, self._hash(password))
        with self._database.writing() as connection:
            if tenant is not None and not tenant_exists(connection, tenant):
                raise TenantUnknownError(f"there is no tenant {tenant}")
            if find_account(connection, account.name) is not None:
                raise UserExistsError(f"there is already a user {account.name}")
            insert_account(connection, account, now)
            told = {"id": account.id, "role": role.value}
            record(connection, by, now, _event(Action.USER_CREATED, account, **told))
        return account

    def list(self, tenant: TenantId | None) -> Sequence[Account]:
        """Return a tenant's accounts, or all, by name."""
        with self._database.reading() as connection:
            return stored.list_accounts(connection, tenant)

    def change_password(self, name: str, password: str, now: Timestamp, by: Actor = SERVICE) -> Account:
        """Replace a password; everybody who is signed in with the old one is not any more."""
        hashed = self._hash(password)

        def change(connection: Connection, account: Account) -> Event:
            stored.set_password(connection, account.id, hashed)
            ended = end_sessions(connection, account.id, Ending.PASSWORD_CHANGED, now)
            return _event(Action.USER_PASSWORD, account, sessions=ended)

        return self._change(name, change, now, by)

    def disable(self, name: str, now: Timestamp, by: Actor = SERVICE) -> Account:
        """Keep an account from doing anything, until it is enabled again."""

        def change(connection: Connection, account: Account) -> Event:
            stored.set_disabled(connection, account.id, now)
            ended = end_sessions(connection, account.id, Ending.DISABLED, now)
            return _event(Action.USER_DISABLED, account, sessions=ended)

        return self._change(name, change, now, by)

    def enable(self, name: str, now: Timestamp, by: Actor = SERVICE) -> Account:
        """Let a disabled account sign in again."""

        def change(connection: Connection, account: Account) -> Event:
            stored.set_disabled(connection, account.id, None)
            return _event(Action.USER_ENABLED, account)

        return self._change(name, change, now, by)

    def delete(self, name: str, now: Timestamp, by: Actor = SERVICE) -> Account:
        """Delete an account; devices it owned stay, without an owner."""

        def change(connection: Connection, account: Account) -> Event:
            stored.delete_account(connection, account.id)
            return _event(Action.USER_DELETED, account, id=account.id)

        return self._change(name, change, now, by)

    def link(self, name: str, issuer: str, subject: str, now: Timestamp, by: Actor = SERVICE) -> Account:
        """Let somebody at an OpenID provider be this account."""
        require_subject(issuer, subject)

        def change(connection: Connection, account: Account) -> Event:
            if find_account_by_subject(connection, issuer, subject) is not None:
                raise SubjectTakenError("this subject is linked to a user already")
            stored.link_subject(connection, account.id, issuer, subject)
            return _event(Action.USER_LINKED, account, issuer=issuer, subject=subject)

        return self._change(name, change, now, by)

    def unlock(self, name: str, address: str | None, now: Timestamp, by: Actor = SERVICE) -> Account:
        """Forget refused attempts under this name, and all that came from `address`."""
        buckets = Buckets.of(name, address)

        def change(connection: Connection, account: Account) -> Event:
            forgotten = [buckets.name] if address is None else list(buckets.kinds())
            remove_counts(connection, forgotten)
            return _event(Action.USER_UNLOCKED, account, address=address)

        return self._change(name, change, now, by)

    def sign_in(self, name: str, password: str, origin: Origin, now: Timestamp) -> Account:
        """Return the account if name and password match."""
        known = self._lockout.require_open(name, origin, now)
        with self.hashing.turn(known=known):
            self._lockout.require_open(name, origin, now)
            with self._database.reading() as connection:
                account = find_account(connection, name)
            matches = self._matches(account.password_hash if account else NO_PASSWORD, password)
            if not matches or account is None or account.disabled:
                self._lockout.refused(name, account, origin, now)
                raise CredentialsRefusedError("user name or password is wrong")
        self._lockout.succeeded(name, origin, now)
        return account

    def require_open(self, name: str, origin: Origin, now: Timestamp) -> None:
        """Refuse an attempt under this name that comes too early, whatever its password."""
        self._lockout.require_open(name, origin, now)

    def _change(self, name: str, change: Callable[[Connection, Account], Event], now: Timestamp, by: Actor) -> Account:
        def attempt() -> Account:
            with self._database.writing() as connection:
                account = find_account(connection, name)
                if account is None:
                    raise UserUnknownError(f"there is no user {name}")
                record(connection, by, now, change(connection, account))
            return account

        return until_settled(attempt)

    def _hash(self, password: str | None) -> str:
        if password is None:
            return NO_PASSWORD
        require_password(password)
        return self._hasher.hash(password)

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            matches = self.hashing.run(lambda: self._hasher.verify(password_hash or self._nobody, password))
        except (VerifyMismatchError, InvalidHashError):
            return False
        return matches and password_hash != NO_PASSWORD


def _event(action: Action, account: Account, **details: str | int | None) -> Event:
    return Event(chain_of(account.tenant), action, f"user/{account.name}", details=details)

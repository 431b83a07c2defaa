"""Accounts: creating them, and signing in.

The rules kept here: passwords are stored as argon2id; a name that does not exist costs the same time as a wrong
password; few are hashed at once (`hashing.py`).
"""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from onboarding_api.domain.accounts import Account, Role, require_membership, require_password
from onboarding_api.domain.errors import CredentialsRefusedError, TenantUnknownError, UserExistsError
from onboarding_api.domain.identifiers import Randomness, TenantId, Timestamp, UserId, new_uuid, parse_user_name
from onboarding_api.services.hashing import Hashing
from onboarding_api.storage.accounts import find_account, insert_account
from onboarding_api.storage.database import Database
from onboarding_api.storage.tenants import tenant_exists


class Accounts:
    """The user accounts of all tenants."""

    def __init__(self, database: Database, randomness: Randomness, hasher: PasswordHasher | None = None) -> None:
        self._database = database
        self._randomness = randomness
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash("nobody has this password")
        self._hashing = Hashing()

    def create(self, name: str, password: str, role: Role, tenant: TenantId | None, now: Timestamp) -> Account:
        """Create an account; its name must be new."""
        require_membership(role, tenant)
        require_password(password)
        user = UserId(new_uuid(self._randomness))
        account = Account(user, parse_user_name(name), tenant, role, self._hasher.hash(password))
        with self._database.writing() as connection:
            if tenant is not None and not tenant_exists(connection, tenant):
                raise TenantUnknownError(f"there is no tenant {tenant}")
            if find_account(connection, account.name) is not None:
                raise UserExistsError(f"there is already a user {account.name}")
            insert_account(connection, account, now)
        return account

    def sign_in(self, name: str, password: str) -> Account:
        """Return the account if name and password match."""
        with self._database.reading() as connection:
            account = find_account(connection, name)
        if not self._matches(account.password_hash if account else self._nobody, password) or account is None:
            raise CredentialsRefusedError("user name or password is wrong")
        return account

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hashing.run(lambda: self._hasher.verify(password_hash, password))
        except (VerifyMismatchError, InvalidHashError):
            return False

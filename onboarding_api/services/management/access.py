"""Who asks: an account by name and password, or by an access token, as it is in the database now.

The rules kept here: a token is worth nothing once its account is gone or disabled or its session has ended, so that
nobody of a deleted tenant manages the next one of that name; a password that was verified is remembered by a keyed
digest over it and the stored hash, so that clients which send it each time do not pay argon2 each time, and a changed
password is noticed at once; whoever failed too often is refused before anything is remembered, or else guessing would
only be slowed where it fails.
"""

import hmac
import threading
from collections import OrderedDict

from onboarding_api.domain.accounts import Account, Principal
from onboarding_api.domain.audit import Origin
from onboarding_api.domain.errors import TokenRefusedError
from onboarding_api.domain.identifiers import Randomness, Timestamp
from onboarding_api.services.accounts import Accounts
from onboarding_api.services.openid import OpenId
from onboarding_api.services.tokens import Tokens
from onboarding_api.storage.accounts import find_account, find_account_by_id, find_account_in_session
from onboarding_api.storage.database import Database

_REMEMBERED = 1024


class Access:
    """Lets accounts in."""

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        tokens: Tokens,
        randomness: Randomness,
        openid: OpenId | None = None,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._tokens = tokens
        self._openid = openid
        self._key = randomness(32)
        self._verified: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def by_password(self, name: str, password: str, origin: Origin, now: Timestamp) -> Principal:
        """Return who has this name and password, or refuse."""
        with self._database.reading() as connection:
            account = find_account(connection, name)
        if account is None or account.disabled or not self._remembers(account, password):
            account = self._accounts.sign_in(name, password, origin, now)
            self._remember(account, password)
        else:
            self._accounts.require_open(name, origin, now)
        return _principal(account, origin)

    def by_token(self, token: str, origin: Origin, now: Timestamp) -> Principal:
        """Return whose token this is, or refuse."""
        if self._openid is not None and self._openid.issued(token):
            return _principal(self._openid.read(token, now), origin)
        claimed = self._tokens.read(token, now)
        with self._database.reading() as connection:
            if claimed.session is None:
                account, live = find_account_by_id(connection, claimed.user), True
            else:
                account, live = find_account_in_session(connection, claimed.user, claimed.session)
        if account is None or account.disabled:
            raise TokenRefusedError("the account of this token no longer exists")
        if not live:
            raise TokenRefusedError("the session of this token has ended")
        return _principal(account, origin, claimed.session)

    def _remembers(self, account: Account, password: str) -> bool:
        with self._lock:
            return self._digest(account, password) in self._verified

    def _remember(self, account: Account, password: str) -> None:
        with self._lock:
            self._verified[self._digest(account, password)] = None
            if len(self._verified) > _REMEMBERED:
                self._verified.popitem(last=False)

    def _digest(self, account: Account, password: str) -> bytes:
        return hmac.digest(self._key, f"{account.id}\0{account.password_hash}\0{password}".encode(), "sha256")


def _principal(account: Account, origin: Origin, session: str | None = None) -> Principal:
    return Principal(account.id, account.tenant, account.role, account.name, origin, session)

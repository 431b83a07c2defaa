"""Tokens of an external OpenID provider: verified by its published keys, and worth the account they are linked to.

The rules kept here: the provider says who somebody is, our own accounts say what he may, so that no claim of theirs
makes an operator; keys are kept and fetched again from time to time, or when a token names one that we do not know,
but never more often than every half minute, whatever tokens arrive; a provider that is down is no reason to refuse
for a day, and after that it is our trouble (503), not the token's.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import jwt
import msgspec

from onboarding_api.domain.accounts import Account
from onboarding_api.domain.errors import (
    OpenIdConfigurationError,
    OpenIdTokenRefusedError,
    OpenIdUnreachableError,
    TokenRefusedError,
)
from onboarding_api.domain.identifiers import Timestamp
from onboarding_api.domain.openid import (
    Claims,
    Provider,
    PublishedKey,
    read_header,
    read_keys,
    require_encrypted,
    require_timely,
    verify,
)
from onboarding_api.storage.accounts import find_account_by_subject
from onboarding_api.storage.database import Database

Fetch = Callable[[str], bytes]
"""Return what is at an address, or raise OpenIdUnreachableError; bounded in time and size."""
FRESH_S = 10 * 60
RETRY_S = 30
_SOON_S = 5
STALE_S = 24 * 3600
_REMEMBERED = 4096
_WAIT_S = 2.0
"""How long a request waits while another one fetches the first keys: it holds a thread."""


class _Discovery(msgspec.Struct, frozen=True):
    issuer: str
    jwks_uri: str


@dataclass(frozen=True, slots=True, eq=False)
class _Published:
    keys: Sequence[PublishedKey]
    at: Timestamp


class OpenId:
    """Reads the tokens of one provider."""

    def __init__(self, provider: Provider, database: Database, fetch: Fetch, wait_s: float = _WAIT_S) -> None:
        self._provider = provider
        self._database = database
        self._fetch = fetch
        self._wait_s = wait_s
        self._published: _Published | None = None
        self._tried_at = Timestamp(-RETRY_S)
        self._fetching = threading.Lock()
        self._verified = lru_cache(_REMEMBERED)(self._verify)

    def issued(self, token: str) -> bool:
        """Tell whether a token claims to be the provider's; nothing is verified yet."""
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            return False
        return bool(claims.get("iss") == self._provider.issuer)

    def read(self, token: str, now: Timestamp) -> Account:
        """Return the account that whoever has this token is linked to, or refuse."""
        algorithm, kid = read_header(token)
        published = self._keys(now)
        if not any(key.fits(algorithm, kid) for key in published.keys):
            published = self._keys(now, unknown=True)
        claims = self._verified(token, algorithm, kid, published)
        require_timely(claims, now)
        with self._database.reading() as connection:
            account = find_account_by_subject(connection, self._provider.issuer, claims.sub)
        if account is None:
            raise OpenIdTokenRefusedError("nobody here is linked to this token's subject")
        if account.disabled:
            raise TokenRefusedError("the account of this token no longer exists")
        return account

    def _verify(self, token: str, algorithm: str, kid: str | None, published: _Published) -> Claims:
        fitting = [key for key in published.keys if key.fits(algorithm, kid)]
        return verify(token, algorithm, fitting, self._provider)

    def _keys(self, now: Timestamp, *, unknown: bool = False) -> _Published:
        """Return the keys; one thread at a time fetches, the others go on with what there is, if there is any."""
        kept = self._published
        if kept is not None and now < kept.at + FRESH_S and not unknown:
            return kept
        if self._fetching.acquire(timeout=self._wait_s if kept is None else 0):
            try:
                self._renew(now)
            finally:
                self._fetching.release()
        elif kept is None:
            raise OpenIdUnreachableError("the OpenID provider's keys are being fetched", _SOON_S)
        if self._published is None or now >= self._published.at + STALE_S:
            raise OpenIdUnreachableError("the OpenID provider cannot be reached", RETRY_S)
        return self._published

    def _renew(self, now: Timestamp) -> None:
        if 0 <= now - self._tried_at < RETRY_S:
            return
        self._tried_at = now
        try:
            self._published = _Published(read_keys(self._fetch(self._jwks_url())), now)
        except (OpenIdUnreachableError, OpenIdConfigurationError):
            if self._published is None:
                raise

    def _jwks_url(self) -> str:
        if self._provider.jwks_url is not None:
            return self._provider.jwks_url
        octets = self._fetch(self._provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
        try:
            discovery = msgspec.json.decode(octets, type=_Discovery)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise OpenIdConfigurationError("the provider's discovery document cannot be read") from error
        if discovery.issuer != self._provider.issuer:
            raise OpenIdConfigurationError("the provider's discovery document is of another issuer")
        require_encrypted(discovery.jwks_uri, found_by=self._provider.issuer)
        return discovery.jwks_uri

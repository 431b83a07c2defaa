"""Access tokens: short-lived ES256 JWTs (RFC 9068 in shape) that this service issues and reads itself.

PyJWT would compare with the wall clock, so it only verifies signature, issuer and audience; times are compared here
with `now`. A verified token is remembered by its text and the keys there were: verifying costs more than everything
else of a small request.
"""

from dataclasses import dataclass
from functools import lru_cache

import jwt
import msgspec
from jwt.types import Options

from onboarding_api.domain.accounts import Account, Role
from onboarding_api.domain.errors import TokenRefusedError
from onboarding_api.domain.identifiers import Randomness, TenantId, Timestamp, UserId, new_uuid
from onboarding_api.services.token_keys import TOKEN_LIFE_S, Ring, TokenKeys

AUDIENCE = "onboarding-api"
TYPE = "at+jwt"
LEEWAY_S = 60
"""How far the clock of the server that issued a token may be ahead of ours."""
_REMEMBERED = 4096
_OPTIONS: Options = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "require": ["iss", "aud", "sub", "iat", "exp", "jti"],
}


class _Claims(msgspec.Struct, frozen=True):
    sub: str
    role: Role
    iat: int
    exp: int
    tenant: str | None = None
    sid: str | None = None


class _KeyUnknownError(Exception):
    """The token names a key that we do not know, or not yet."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a verified token says; whether the account still exists and the session goes on, it cannot know."""

    user: UserId
    tenant: TenantId | None
    role: Role
    session: str | None


class Tokens:
    """Issues and reads this service's access tokens."""

    def __init__(self, issuer: str, keys: TokenKeys, randomness: Randomness) -> None:
        self.issuer = issuer
        self.keys = keys
        self._randomness = randomness
        self._verified = lru_cache(_REMEMBERED)(self._verify)

    def issue(self, account: Account, now: Timestamp, session: str | None = None) -> str:
        """Return a token for an account that has signed in; it is worth nothing once its session has ended."""
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": account.id,
            "tenant": account.tenant,
            "role": account.role.value,
            "iat": now,
            "exp": now + TOKEN_LIFE_S,
            "jti": new_uuid(self._randomness),
        }
        if session is not None:
            claims["sid"] = session
        ring = self.keys.ring(now)
        return jwt.encode(claims, ring.signing, algorithm="ES256", headers={"typ": TYPE, "kid": ring.kid})

    def read(self, token: str, now: Timestamp) -> Claimed:
        """Return what the token says, or refuse it."""
        claims = self._read(token, now)
        if claims.iat > now + LEEWAY_S:
            raise TokenRefusedError("the access token is not valid yet: the servers' clocks differ")
        if now >= claims.exp:
            raise TokenRefusedError("the access token has expired")
        tenant = None if claims.tenant is None else TenantId(claims.tenant)
        return Claimed(UserId(claims.sub), tenant, claims.role, claims.sid)

    def _read(self, token: str, now: Timestamp) -> _Claims:
        try:
            return self._verified(token, self.keys.ring(now))
        except _KeyUnknownError:
            pass
        try:
            return self._verified(token, self.keys.ring(now, unknown=True))
        except _KeyUnknownError as error:
            raise TokenRefusedError("the access token is not valid") from error

    def _verify(self, token: str, ring: Ring) -> _Claims:
        try:
            header = jwt.get_unverified_header(token)
            key = ring.verifying.get(header.get("kid", ""))
            if key is None:
                raise _KeyUnknownError
            if header.get("typ") != TYPE:
                raise TokenRefusedError("the token is not an access token")
            payload = jwt.decode(token, key, ["ES256"], options=_OPTIONS, issuer=self.issuer, audience=AUDIENCE)
            return msgspec.convert(payload, _Claims)
        except (jwt.InvalidTokenError, msgspec.ValidationError) as error:
            raise TokenRefusedError("the access token is not valid") from error

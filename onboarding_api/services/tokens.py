"""Access tokens: short-lived ES256 JWTs (RFC 9068 in shape) that this service issues and reads itself.

PyJWT would compare with the wall clock, so it only verifies signature, issuer and audience; times are compared here
with `now`. A verified token is remembered by its text: verifying costs more than everything else of a small request.
"""

from functools import lru_cache

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.types import Options

from onboarding_api.domain.accounts import Account, Principal, Role
from onboarding_api.domain.errors import TokenRefusedError
from onboarding_api.domain.identifiers import Randomness, TenantId, Timestamp, UserId, new_uuid

TOKEN_LIFE_S = 15 * 60
AUDIENCE = "onboarding-api"
_TYPE = "at+jwt"
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


class Tokens:
    """Issues and reads this service's access tokens."""

    def __init__(self, issuer: str, key: ec.EllipticCurvePrivateKey, randomness: Randomness) -> None:
        self._issuer = issuer
        self._key = key
        self._public = key.public_key()
        self._randomness = randomness
        self._verified = lru_cache(_REMEMBERED)(self._verify)

    def issue(self, account: Account, now: Timestamp) -> str:
        """Return a token for an account that has just signed in."""
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": account.id,
            "tenant": account.tenant,
            "role": account.role.value,
            "iat": now,
            "exp": now + TOKEN_LIFE_S,
            "jti": new_uuid(self._randomness),
        }
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"typ": _TYPE})

    def read(self, token: str, now: Timestamp) -> Principal:
        """Return who is asking, or refuse the token."""
        claims = self._verified(token)
        if not claims.iat <= now < claims.exp:
            raise TokenRefusedError("the access token has expired")
        tenant = None if claims.tenant is None else TenantId(claims.tenant)
        return Principal(UserId(claims.sub), tenant, claims.role)

    def _verify(self, token: str) -> _Claims:
        try:
            decoded = jwt.decode_complete(
                token, self._public, ["ES256"], options=_OPTIONS, issuer=self._issuer, audience=AUDIENCE
            )
            if decoded["header"].get("typ") != _TYPE:
                raise TokenRefusedError("the token is not an access token")
            return msgspec.convert(decoded["payload"], _Claims)
        except (jwt.InvalidTokenError, msgspec.ValidationError) as error:
            raise TokenRefusedError("the access token is not valid") from error

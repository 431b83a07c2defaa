"""What an OpenID provider must say for us to believe it (RFC 9068 section 4, OpenID Connect Core section 3.1.3.7).

The rules kept here:
1. Only asymmetric algorithms, and only with a key of the family that the algorithm needs: a public key is never taken
   for a shared secret.
2. A key that says what it is for is used for nothing else; RSA keys have at least 2,048 bits.
3. Issuer and audience are compared as text, whole. A token for several audiences names us as the authorized party.
4. Times are compared with our clock, a minute either way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import jwt
import msgspec
from jwt.types import Options

from onboarding_api.domain.errors import OpenIdConfigurationError, OpenIdTokenRefusedError
from onboarding_api.domain.identifiers import Timestamp

ALGORITHMS: Mapping[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "PS256": ("RSA", None),
    "PS384": ("RSA", None),
    "PS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""Algorithm: key type and curve."""
LEEWAY_S = 60
KEYS_MAX = 64
_RSA_MIN = 2048
_PUBLIC = ("kty", "n", "e", "crv", "x", "y")
_TYPES = {None, "jwt", "at+jwt", "application/at+jwt"}
_OPTIONS: Options = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_sub": False,
    "verify_jti": False,
    "require": ["iss", "aud", "sub", "iat", "exp"],
}


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID provider whose tokens are accepted."""

    issuer: str
    audience: str
    jwks_url: str | None = None
    """None if its discovery document shall say so."""

    def __post_init__(self) -> None:
        for url in (self.issuer, *([] if self.jwks_url is None else [self.jwks_url])):
            require_encrypted(url)
        if not self.audience:
            raise OpenIdConfigurationError("the provider's tokens must name an audience that is ours alone")


class Claims(msgspec.Struct, frozen=True):
    """What a verified token says."""

    sub: str
    iat: int | float
    exp: int | float
    aud: str | list[str]
    nbf: int | float | None = None
    azp: str | None = None


class _Key(msgspec.Struct, frozen=True):
    kty: str
    kid: str | None = None
    use: str | None = None
    alg: str | None = None
    crv: str | None = None
    key_ops: list[str] | None = None


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """One key of a provider, as it published it."""

    kid: str | None
    kind: tuple[str, str | None]
    alg: str | None
    jwk: Mapping[str, object]

    def fits(self, algorithm: str, kid: str | None) -> bool:
        """Tell whether a token with this header may be verified with this key."""
        family, curve = ALGORITHMS[algorithm]
        wanted = self.kind[0] == family and curve in (None, self.kind[1])
        return wanted and self.alg in (None, algorithm) and kid in (None, self.kid)


def read_keys(octets: bytes) -> Sequence[PublishedKey]:
    """Read a key set; keys that cannot verify a signature of ours are left out (RFC 7517 section 5)."""
    try:
        published = msgspec.json.decode(octets, type=_KeySet).keys
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OpenIdConfigurationError("the provider's keys are not a key set") from error
    keys = []
    for jwk in published[:KEYS_MAX]:
        try:
            key = msgspec.convert(jwk, _Key)
        except msgspec.ValidationError:
            continue
        signs = key.use in (None, "sig") and (key.key_ops is None or "verify" in key.key_ops)
        if signs and key.kty in ("RSA", "EC", "OKP"):
            keys.append(PublishedKey(key.kid, (key.kty, key.crv), key.alg, jwk))
    return keys


def read_header(token: str) -> tuple[str, str | None]:
    """Return a token's algorithm and key id, if they are such that we would verify it."""
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as error:
        raise OpenIdTokenRefusedError("the token is not valid") from error
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise OpenIdTokenRefusedError("the token is signed with an algorithm that is not accepted")
    if "crit" in header or (kind.lower() if isinstance(kind, str) else kind) not in _TYPES:
        raise OpenIdTokenRefusedError("the token is of a kind that is not accepted")
    if kid is not None and not isinstance(kid, str):
        raise OpenIdTokenRefusedError("the token is not valid")
    return algorithm, kid


def verify(token: str, algorithm: str, keys: Sequence[PublishedKey], provider: Provider) -> Claims:
    """Return what a token says if one of these keys has signed it for us."""
    for key in keys:
        try:
            opened = jwt.PyJWK({name: key.jwk[name] for name in _PUBLIC if name in key.jwk}, algorithm=algorithm)
            if key.kind[0] == "RSA" and opened.key.key_size < _RSA_MIN:
                continue
            payload = jwt.decode(
                token, opened, [algorithm], options=_OPTIONS, issuer=provider.issuer, audience=provider.audience
            )
            claims = msgspec.convert(payload, Claims)
        except (jwt.InvalidSignatureError, jwt.InvalidKeyError, jwt.PyJWKError):
            continue
        except (jwt.InvalidTokenError, msgspec.ValidationError) as error:
            raise OpenIdTokenRefusedError("the token is not for this service, or lacks a claim") from error
        if isinstance(claims.aud, list) and len(claims.aud) > 1 and claims.azp != provider.audience:
            raise OpenIdTokenRefusedError("the token is for several services, and not issued to this one")
        return claims
    raise OpenIdTokenRefusedError("the token is not signed by its issuer")


def require_timely(claims: Claims, now: Timestamp) -> None:
    """Refuse a token before and after its time."""
    if now >= claims.exp + LEEWAY_S:
        raise OpenIdTokenRefusedError("the token has expired")
    if max(claims.iat, claims.nbf or 0) > now + LEEWAY_S:
        raise OpenIdTokenRefusedError("the token is not valid yet")


def require_encrypted(url: str, found_by: str | None = None) -> None:
    """Refuse an address whose answer others could change on the way; only this machine needs no TLS.

    An address that was found by one elsewhere does need it, or it could have us ask whatever listens here.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise OpenIdConfigurationError(f"not an https address: {url}") from error
    here = parts.hostname in ("localhost", "127.0.0.1", "::1") and not (found_by or "").startswith("https:")
    if not parts.hostname or parts.fragment or not (parts.scheme == "https" or (parts.scheme == "http" and here)):
        raise OpenIdConfigurationError(f"not an https address: {url}")

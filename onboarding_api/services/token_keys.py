"""The keys of access tokens: one signs, one stands by, and retired ones verify until their tokens have expired.

The rules kept here: all three are published (`/.well-known/jwks.json`), so that whoever verifies elsewhere knows the
next key before it signs; a process learns of a rotation within `RELOAD_S`, at once if it meets a key id that it does
not know; a key that does not open is left out, and the next one signs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_api.domain.audit import SERVICE, SERVICE_CHAIN, Action, Actor, Event
from onboarding_api.domain.errors import SchemaOutdatedError, SealBrokenError
from onboarding_api.domain.identifiers import Randomness, Timestamp
from onboarding_api.domain.sealing import Seal
from onboarding_api.services.signing_keys import TOKEN, new_signing_key, open_signing_keys
from onboarding_api.storage.audit import record
from onboarding_api.storage.database import Connection, Database
from onboarding_api.storage.signing_keys import (
    SealedSigningKey,
    find_retired_keys,
    find_signing_keys,
    forget_retired_keys,
    insert_signing_key,
    retire_signing_key,
)
from onboarding_protocol.encoding import base64url_encode

TOKEN_LIFE_S = 15 * 60
RELOAD_S = 30
_UNKNOWN_S = 2
"""How often a key id that nobody knows makes us look again."""
_COORDINATE = 32


@dataclass(frozen=True, slots=True, eq=False)
class Ring:
    """The keys as they were read at one moment."""

    kid: str
    signing: ec.EllipticCurvePrivateKey = field(repr=False)
    verifying: Mapping[str, ec.EllipticCurvePublicKey]

    def document(self) -> dict[str, object]:
        """Return the JSON Web Key Set (RFC 7517)."""
        return {"keys": [_jwk(kid, key) for kid, key in self.verifying.items()]}


class TokenKeys:
    """The keys of access tokens, read anew from time to time."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal
        self._ring: Ring | None = None
        self._read_at = Timestamp(0)

    def ring(self, now: Timestamp, *, unknown: bool = False) -> Ring:
        """Return the keys; `unknown` if a key was missed that there might be."""
        age = now - self._read_at
        if self._ring is None or not 0 <= age < (_UNKNOWN_S if unknown else RELOAD_S):
            ring = self._read(now)
            if self._ring is None or self._ring.verifying.keys() != ring.verifying.keys() or self._ring.kid != ring.kid:
                self._ring = ring
            self._read_at = now
        return self._ring

    def _read(self, now: Timestamp) -> Ring:
        with self._database.reading() as connection:
            keys = _present_keys(connection)
            retired = find_retired_keys(connection, TOKEN, Timestamp(now - TOKEN_LIFE_S - RELOAD_S))
        present = _open_some(self._seal, keys)
        signing = next(iter(present))
        opened = present | _opened(self._seal, retired)
        return Ring(signing, opened[signing], {kid: key.public_key() for kid, key in opened.items()})


def require_token_keys(database: Database, seal: Seal) -> None:
    """Refuse a key file, or keys, such that nobody could be given an access token."""
    with database.reading() as connection:
        keys = _present_keys(connection)
    _open_some(seal, keys)


def rotate_token_keys(
    database: Database,
    seal: Seal,
    randomness: Randomness,
    now: Timestamp,
    by: Actor = SERVICE,
    *,
    revoke: bool = False,
) -> str:
    """Let the standby key sign, and make a new one stand by; return the id of the key that signs now.

    The old key verifies until its tokens have expired; with `revoke` nothing is verified by it any more, nor by keys
    that were retired before. A standby key that does not open is passed over.
    """
    open_signing_keys(database, seal)
    with database.writing() as connection:
        keys = _present_keys(connection)
        if len(keys) == 1:
            keys = [*keys, _new_standby(connection, seal, randomness, now)]
        retire_signing_key(connection, TOKEN, now)
        signing, standby = keys[1], _new_standby(connection, seal, randomness, now)
        if not _opened(seal, [signing]):
            retire_signing_key(connection, TOKEN, now)
            signing = standby
            _new_standby(connection, seal, randomness, now)
        forgotten = now + 1 if revoke else now - TOKEN_LIFE_S - RELOAD_S
        forget_retired_keys(connection, TOKEN, Timestamp(forgotten))
        kid = key_id(signing)
        told: dict[str, str | int | None] = {"retired": key_id(keys[0]), "revoked": int(revoke)}
        record(connection, by, now, Event(SERVICE_CHAIN, Action.SIGNING_KEY_ROTATED, f"key/{kid}", details=told))
    return kid


def key_id(key: SealedSigningKey) -> str:
    """Return a key's id in tokens: its thumbprint (RFC 7638)."""
    return base64url_encode(key.thumbprint)


def _present_keys(connection: Connection) -> Sequence[SealedSigningKey]:
    keys = find_signing_keys(connection, TOKEN)
    if not keys:
        raise SchemaOutdatedError("the database has no signing keys yet")
    return keys


def _open(seal: Seal, key: SealedSigningKey) -> ec.EllipticCurvePrivateKey:
    return seal.open(key.sealed_key, TOKEN, key.thumbprint.hex())


def _opened(seal: Seal, keys: Sequence[SealedSigningKey]) -> dict[str, ec.EllipticCurvePrivateKey]:
    """Return those that open."""
    opened = {}
    for key in keys:
        try:
            opened[key_id(key)] = _open(seal, key)
        except SealBrokenError:
            continue
    return opened


def _open_some(seal: Seal, keys: Sequence[SealedSigningKey]) -> dict[str, ec.EllipticCurvePrivateKey]:
    """Return those that open, at least one."""
    return _opened(seal, keys) or {key_id(keys[0]): _open(seal, keys[0])}


def _new_standby(connection: Connection, seal: Seal, randomness: Randomness, now: Timestamp) -> SealedSigningKey:
    standby = new_signing_key(seal, TOKEN, 1, randomness)
    insert_signing_key(connection, standby, now)
    return standby


def _jwk(kid: str, key: ec.EllipticCurvePublicKey) -> dict[str, object]:
    numbers = key.public_numbers()
    x, y = (base64url_encode(number.to_bytes(_COORDINATE, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "alg": "ES256", "use": "sig"}

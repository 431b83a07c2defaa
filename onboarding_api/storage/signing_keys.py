"""The service's own signing keys at rest: who signs assignments (current, then standby) and access tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, insert, select

from onboarding_api.domain.identifiers import Timestamp
from onboarding_api.storage.tables import signing_keys

_OF_PURPOSE = select(signing_keys).where(signing_keys.c.purpose == bindparam("wanted")).order_by(signing_keys.c.rank)


@dataclass(frozen=True, slots=True)
class SealedSigningKey:
    """A signing key at rest; rank 0 signs, higher ranks stand by."""

    purpose: str
    rank: int
    thumbprint: bytes
    sealed_key: bytes = field(repr=False)


def find_signing_keys(connection: Connection, purpose: str) -> Sequence[SealedSigningKey]:
    """Return the keys of one purpose, the one that signs first."""
    rows = connection.execute(_OF_PURPOSE, {"wanted": purpose})
    return [SealedSigningKey(row.purpose, row.rank, row.thumbprint, row.sealed_key) for row in rows]


def insert_signing_key(connection: Connection, key: SealedSigningKey, now: Timestamp) -> None:
    """Store a new signing key."""
    row = {
        "purpose": key.purpose,
        "rank": key.rank,
        "thumbprint": key.thumbprint,
        "sealed_key": key.sealed_key,
        "created_at": now,
    }
    connection.execute(insert(signing_keys), row)

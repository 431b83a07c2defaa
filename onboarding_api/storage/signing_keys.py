"""The service's signing keys at rest, sealed. Retired ones have ranks below 0."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from onboarding_api.domain.identifiers import Timestamp
from onboarding_api.storage.tables import signing_keys

_THESE = signing_keys.c.purpose == bindparam("wanted")
_OF_PURPOSE = select(signing_keys).where(_THESE, signing_keys.c.retired_at.is_(None)).order_by(signing_keys.c.rank)
_RETIRED = select(signing_keys).where(_THESE, signing_keys.c.retired_at >= bindparam("since"))
_LOWEST = select(func.min(signing_keys.c.rank)).where(_THESE)
_MOVE = (
    update(signing_keys)
    .where(_THESE, signing_keys.c.rank == bindparam("present"))
    .values(rank=bindparam("next"), retired_at=bindparam("moment"))
)
_FORGET = delete(signing_keys).where(_THESE, signing_keys.c.retired_at < bindparam("before"))


@dataclass(frozen=True, slots=True)
class SealedSigningKey:
    """A signing key at rest; rank 0 signs, higher ranks stand by."""

    purpose: str
    rank: int
    thumbprint: bytes
    sealed_key: bytes = field(repr=False)


def find_signing_keys(connection: Connection, purpose: str) -> Sequence[SealedSigningKey]:
    """Return the keys of one purpose that are not retired, the one that signs first."""
    rows = connection.execute(_OF_PURPOSE, {"wanted": purpose})
    return [SealedSigningKey(row.purpose, row.rank, row.thumbprint, row.sealed_key) for row in rows]


def find_retired_keys(connection: Connection, purpose: str, since: Timestamp) -> Sequence[SealedSigningKey]:
    """Return the keys that were retired at `since` or later."""
    rows = connection.execute(_RETIRED, {"wanted": purpose, "since": since})
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


def retire_signing_key(connection: Connection, purpose: str, now: Timestamp) -> None:
    """Retire the key that signs, and let the one that stands by sign."""
    lowest = connection.execute(_LOWEST, {"wanted": purpose}).scalar_one()
    connection.execute(_MOVE, {"wanted": purpose, "present": 0, "next": min(lowest, 0) - 1, "moment": now})
    connection.execute(_MOVE, {"wanted": purpose, "present": 1, "next": 0, "moment": None})


def forget_retired_keys(connection: Connection, purpose: str, before: Timestamp) -> None:
    """Delete the keys that were retired before this moment."""
    connection.execute(_FORGET, {"wanted": purpose, "before": before})

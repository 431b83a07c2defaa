"""How often signing in was refused, for all processes and across restarts."""

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from onboarding_api.domain.identifiers import Timestamp
from onboarding_api.domain.sign_in_limits import Count
from onboarding_api.storage.tables import sign_in_counts

_FIND = (
    select(sign_in_counts)
    .where(sign_in_counts.c.bucket.in_(bindparam("wanted", expanding=True)))
    .order_by(sign_in_counts.c.bucket)
)
_LOCK = _FIND.with_for_update()
_INSERT = insert(sign_in_counts)
_UPDATE = (
    update(sign_in_counts)
    .where(sign_in_counts.c.bucket == bindparam("wanted"))
    .values(
        failures=bindparam("number"),
        failed_at=bindparam("last"),
        blocked_until=bindparam("until"),
        known_until=bindparam("known"),
        forgotten_at=bindparam("forgotten"),
    )
)
_FORGET = delete(sign_in_counts).where(sign_in_counts.c.forgotten_at <= bindparam("now"))
_REMOVE = delete(sign_in_counts).where(sign_in_counts.c.bucket.in_(bindparam("wanted", expanding=True)))


def find_counts(connection: Connection, buckets: Iterable[bytes], *, lock: bool = False) -> dict[bytes, Count]:
    """Return the counts that there are; locked, nobody else changes them until the transaction ends."""
    rows = connection.execute(_LOCK if lock else _FIND, {"wanted": list(buckets)})
    return {
        row.bucket: Count(
            row.failures, Timestamp(row.failed_at), Timestamp(row.blocked_until), Timestamp(row.known_until)
        )
        for row in rows
    }


def write_count(connection: Connection, bucket: bytes, count: Count, *, new: bool) -> None:
    """Store a count; a rival's new one is an integrity error, and all is done again."""
    if new:
        row = {
            "bucket": bucket,
            "failures": count.failures,
            "failed_at": count.failed_at,
            "blocked_until": count.blocked_until,
            "known_until": count.known_until,
            "forgotten_at": count.forgotten_at,
        }
        connection.execute(_INSERT, row)
    else:
        change = {
            "wanted": bucket,
            "number": count.failures,
            "last": count.failed_at,
            "until": count.blocked_until,
            "known": count.known_until,
            "forgotten": count.forgotten_at,
        }
        connection.execute(_UPDATE, change)


def forget_counts(connection: Connection, now: Timestamp) -> None:
    """Throw away what is not held against anybody any more."""
    connection.execute(_FORGET, {"now": now})


def remove_counts(connection: Connection, buckets: Iterable[bytes]) -> int:
    """Throw these away; return how many there were."""
    return connection.execute(_REMOVE, {"wanted": list(buckets)}).rowcount

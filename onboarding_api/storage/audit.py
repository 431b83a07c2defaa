"""The audit trail at rest: entries that only grow (triggers refuse anything else), and the head of each chain.

The rules kept here: an entry is written in the transaction of the change it tells of; whoever appends holds the row of
the chain's head until he commits, so he locks it last of all, and several heads in one order: nobody waits in a circle.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from sqlalchemy import Connection, bindparam, insert, select, text, update

from onboarding_api.domain.audit import NOTHING, Action, Actor, Chain, Entry, Event, Head, follow
from onboarding_api.domain.identifiers import Timestamp
from onboarding_api.storage.tables import audit_entries, audit_heads

_PAGE = 500
_BEGIN = text(
    "INSERT INTO audit_heads (chain, sequence, digest, begun) VALUES (:wanted, 0, :nothing, 1) ON CONFLICT DO NOTHING"
)
_LOCK = select(audit_heads).where(audit_heads.c.chain == bindparam("wanted")).with_for_update()
_HEAD = select(audit_heads).where(audit_heads.c.chain == bindparam("wanted"))
_HEADS = select(audit_heads).order_by(audit_heads.c.chain)
_APPEND = insert(audit_entries)
_MOVE = (
    update(audit_heads)
    .where(audit_heads.c.chain == bindparam("wanted"))
    .values(sequence=bindparam("last"), digest=bindparam("hashed"), begun=bindparam("first"))
)
_READ = (
    select(audit_entries.c.sequence, audit_entries.c.entry, audit_entries.c.digest)
    .where(audit_entries.c.chain == bindparam("wanted"), audit_entries.c.sequence > bindparam("after"))
    .order_by(audit_entries.c.sequence)
    .limit(bindparam("count"))
)
_CHAINS = select(audit_entries.c.chain).distinct().order_by(audit_entries.c.chain)


def record(connection: Connection, actor: Actor, now: Timestamp, *events: Event) -> None:
    """Append what was done to its chains. To be called when all else that the transaction writes is written."""
    for name, group in groupby(sorted(events, key=_chain), key=_chain):
        _append(connection, actor, now, name, list(group))


def find_head(connection: Connection, chain: Chain) -> tuple[Head, int] | None:
    """Return where a chain ends, and at which entry the tenant that has this name now began."""
    row = connection.execute(_HEAD, {"wanted": chain}).one_or_none()
    return None if row is None else (Head(chain, row.sequence, row.digest), row.begun)


def list_heads(connection: Connection) -> Sequence[Head]:
    """Return where all chains end. For operators."""
    return [Head(Chain(row.chain), row.sequence, row.digest) for row in connection.execute(_HEADS)]


def list_chains(connection: Connection) -> Sequence[Chain]:
    """Return the chains that have entries, whether or not they have a head. For operators."""
    return [Chain(name) for name in connection.execute(_CHAINS).scalars()]


def read_entries(connection: Connection, chain: Chain, after: int, count: int) -> Sequence[Entry]:
    """Return at most `count` entries of a chain that follow entry `after`."""
    rows = connection.execute(_READ, {"wanted": chain, "after": after, "count": count})
    return [Entry(Head(chain, row.sequence, row.digest), row.entry) for row in rows]


def walk_entries(connection: Connection, chain: Chain, after: int, until: int | None = None) -> Iterator[Entry]:
    """Yield the entries of a chain that follow entry `after`, a page at a time."""
    while page := read_entries(connection, chain, after, _PAGE):
        for entry in page:
            if until is not None and entry.head.sequence > until:
                return
            yield entry
        after = page[-1].head.sequence


def _append(connection: Connection, actor: Actor, now: Timestamp, chain: Chain, events: Sequence[Event]) -> None:
    row = connection.execute(_LOCK, {"wanted": chain}).one_or_none()
    if row is None:
        connection.execute(_BEGIN, {"wanted": chain, "nothing": NOTHING})
        row = connection.execute(_LOCK, {"wanted": chain}).one()
    head, begun = Head(chain, row.sequence, row.digest), row.begun
    rows = []
    for event in events:
        entry = follow(head, event, actor, now)
        head = entry.head
        rows.append({"chain": chain, "sequence": head.sequence, "entry": entry.octets, "digest": head.digest})
        if event.action is Action.TENANT_CREATED:
            begun = head.sequence
    connection.execute(_APPEND, rows)
    connection.execute(_MOVE, {"wanted": chain, "last": head.sequence, "hashed": head.digest, "first": begun})


def _chain(event: Event) -> Chain:
    return event.chain

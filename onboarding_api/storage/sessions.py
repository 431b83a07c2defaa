"""Sessions at rest. A rotation names the token that it replaces, so that of two at once one is judged anew."""

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from onboarding_api.domain.identifiers import Timestamp, UserId
from onboarding_api.domain.sessions import SESSION_IDLE_S, SESSIONS_MAX, Ending, RefreshToken, Session
from onboarding_api.storage.tables import sessions

_FIND = select(sessions).where(sessions.c.handle == bindparam("wanted"))
_INSERT = insert(sessions)
_ROTATE = (
    update(sessions)
    .where(
        sessions.c.session_id == bindparam("wanted"),
        sessions.c.current == bindparam("shown"),
        sessions.c.ended_at.is_(None),
    )
    .values(current=bindparam("successor"), previous=bindparam("shown"), rotated_at=bindparam("now"))
)
_MINE = (sessions.c.user_id == bindparam("owner"), sessions.c.ended_at.is_(None))
_END = (
    update(sessions)
    .where(sessions.c.session_id == bindparam("wanted"), *_MINE)
    .values(ended_at=bindparam("now"), ending=bindparam("reason"))
)
_END_ALL = update(sessions).where(*_MINE).values(ended_at=bindparam("now"), ending=bindparam("reason"))
_OLDEST = select(sessions.c.session_id).where(*_MINE).order_by(sessions.c.opened_at.desc()).offset(SESSIONS_MAX - 1)
_FORGET = delete(sessions).where(
    sessions.c.user_id == bindparam("owner"),
    or_(
        sessions.c.ended_at < bindparam("before"),
        sessions.c.expires_at < bindparam("before"),
        sessions.c.rotated_at < bindparam("idle_before"),
    ),
)
_KEPT_S = 24 * 3600
"""How long an ended session is kept: longer than any access token of it lives."""


def find_session(connection: Connection, handle: bytes) -> Session | None:
    """Return the session of this handle."""
    row = connection.execute(_FIND, {"wanted": handle}).one_or_none()
    if row is None:
        return None
    return Session(
        id=row.session_id,
        user=UserId(row.user_id),
        current=row.current,
        previous=row.previous,
        rotated_at=Timestamp(row.rotated_at),
        expires_at=Timestamp(row.expires_at),
        ended_at=row.ended_at,
    )


def insert_session(connection: Connection, session: Session, token: RefreshToken, now: Timestamp) -> int:
    """Store a new session; forget the user's old ones, end what are too many, and return how many ended."""
    owner = {"owner": session.user}
    connection.execute(_FORGET, owner | {"before": now - _KEPT_S, "idle_before": now - SESSION_IDLE_S - _KEPT_S})
    too_many = connection.execute(_OLDEST, owner).scalars().all()
    for each in too_many:
        end_session(connection, session.user, each, Ending.TOO_MANY, now)
    row = {
        "session_id": session.id,
        "user_id": session.user,
        "handle": token.handle,
        "current": session.current,
        "opened_at": now,
        "rotated_at": now,
        "expires_at": session.expires_at,
    }
    connection.execute(_INSERT, row)
    return len(too_many)


def rotate_session(
    connection: Connection, session: Session, shown: RefreshToken, successor: RefreshToken, now: Timestamp
) -> bool:
    """Replace the token shown, if it is still the current one; tell whether it was."""
    change = {"wanted": session.id, "shown": shown.digest, "successor": successor.digest, "now": now}
    return connection.execute(_ROTATE, change).rowcount == 1


def end_session(connection: Connection, user: UserId, session: str, ending: Ending, now: Timestamp) -> bool:
    """End a session of this user; tell whether it was going on."""
    change = {"wanted": session, "owner": user, "reason": ending.value, "now": now}
    return connection.execute(_END, change).rowcount == 1


def end_sessions(connection: Connection, user: UserId, ending: Ending, now: Timestamp) -> int:
    """End all sessions of a user; return how many were going on."""
    return connection.execute(_END_ALL, {"owner": user, "reason": ending.value, "now": now}).rowcount

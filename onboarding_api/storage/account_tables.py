"""What belongs to accounts besides their names: sessions, refused sign-ins, and who they are at an OpenID provider."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from onboarding_api.storage.naming import metadata

_ID, _HASH = String(36), LargeBinary(32)


def _user(**options: bool) -> "Column[str]":
    return Column("user_id", _ID, ForeignKey("users.user_id", ondelete="CASCADE"), **options)  # type: ignore[arg-type]


sessions = Table(
    "sessions",
    metadata,
    Column("session_id", _ID, primary_key=True),
    _user(nullable=False),
    Column("handle", _HASH, nullable=False, unique=True),
    Column("current", _HASH, nullable=False),
    Column("previous", _HASH),
    Column("opened_at", BigInteger, nullable=False),
    Column("rotated_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("ending", String(32)),
)
Index("sessions_user", sessions.c.user_id, sessions.c.opened_at)

sign_in_counts = Table(
    "sign_in_counts",
    metadata,
    Column("bucket", _HASH, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("failed_at", BigInteger, nullable=False),
    Column("blocked_until", BigInteger, nullable=False),
    Column("known_until", BigInteger, nullable=False),
    Column("forgotten_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("sign_in_counts_forgotten", sign_in_counts.c.forgotten_at)

external_subjects = Table(
    "external_subjects",
    metadata,
    Column("issuer", String(512), primary_key=True),
    Column("subject", String(256), primary_key=True),
    _user(nullable=False),
)
Index("external_subjects_user", external_subjects.c.user_id)

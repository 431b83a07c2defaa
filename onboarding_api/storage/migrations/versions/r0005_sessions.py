"""Sessions, refused sign-ins, subjects of OpenID providers; accounts that are disabled and keys that are retired."""

import sqlalchemy as sa
from alembic import op

revision = "r0005"
down_revision = "r0004"


def upgrade() -> None:
    """Add columns and tables."""
    op.add_column("users", sa.Column("disabled_at", sa.BigInteger(), nullable=True))
    op.add_column("signing_keys", sa.Column("retired_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("handle", sa.LargeBinary(length=32), nullable=False),
        sa.Column("current", sa.LargeBinary(length=32), nullable=False),
        sa.Column("previous", sa.LargeBinary(length=32), nullable=True),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("rotated_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ending", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="sessions_user_id_of_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("session_id", name="sessions_pk"),
        sa.UniqueConstraint("handle", name="sessions_handle_unique"),
    )
    op.create_index("sessions_user", "sessions", ["user_id", "opened_at"], unique=False)
    op.create_table(
        "sign_in_counts",
        sa.Column("bucket", sa.LargeBinary(length=32), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", sa.BigInteger(), nullable=False),
        sa.Column("blocked_until", sa.BigInteger(), nullable=False),
        sa.Column("known_until", sa.BigInteger(), nullable=False),
        sa.Column("forgotten_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", name="sign_in_counts_pk"),
        sqlite_with_rowid=False,
    )
    op.create_index("sign_in_counts_forgotten", "sign_in_counts", ["forgotten_at"], unique=False)
    op.create_table(
        "external_subjects",
        sa.Column("issuer", sa.String(length=512), nullable=False),
        sa.Column("subject", sa.String(length=256), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name="external_subjects_user_id_of_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("issuer", "subject", name="external_subjects_pk"),
    )
    op.create_index("external_subjects_user", "external_subjects", ["user_id"], unique=False)


def downgrade() -> None:
    """Undo all of it; retired keys go, since nothing would tell them from the one that signs."""
    for table in ("external_subjects", "sign_in_counts", "sessions"):
        op.drop_table(table)
    op.execute("DELETE FROM signing_keys WHERE retired_at IS NOT NULL")
    op.execute("ALTER TABLE signing_keys DROP COLUMN retired_at")
    op.execute("ALTER TABLE users DROP COLUMN disabled_at")

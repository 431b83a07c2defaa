"""The audit trail: entries and heads, and triggers that let them only grow.

Whoever owns the tables can drop the triggers: they are there against mistakes and against a program that was taken
over, the hashes against everybody else.
"""

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"

_REFUSE = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail only grows';
END $$
"""
_POSTGRESQL = (
    _REFUSE,
    "CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entries"
    " FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_entries_kept BEFORE TRUNCATE ON audit_entries"
    " FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_heads_stay BEFORE DELETE ON audit_heads FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_heads_kept BEFORE TRUNCATE ON audit_heads FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_heads_grow BEFORE UPDATE ON audit_heads FOR EACH ROW"
    " WHEN (NEW.chain <> OLD.chain OR NEW.sequence <= OLD.sequence) EXECUTE FUNCTION audit_refuse()",
)
_KNOWN = "SELECT 1 FROM audit_entries WHERE chain = NEW.chain AND sequence >= NEW.sequence"
_STOP = "BEGIN SELECT RAISE(ABORT, 'the audit trail only grows'); END"
_SQLITE = (
    f"CREATE TRIGGER audit_entries_update BEFORE UPDATE ON audit_entries {_STOP}",
    f"CREATE TRIGGER audit_entries_delete BEFORE DELETE ON audit_entries {_STOP}",
    # INSERT OR REPLACE would otherwise delete a row without asking the trigger above.
    f"CREATE TRIGGER audit_entries_insert BEFORE INSERT ON audit_entries WHEN EXISTS ({_KNOWN}) {_STOP}",
    f"CREATE TRIGGER audit_heads_delete BEFORE DELETE ON audit_heads {_STOP}",
    "CREATE TRIGGER audit_heads_update BEFORE UPDATE ON audit_heads"
    f" WHEN NEW.chain <> OLD.chain OR NEW.sequence <= OLD.sequence {_STOP}",
)


def upgrade() -> None:
    """Create the tables and what guards them."""
    op.create_table(
        "audit_heads",
        sa.Column("chain", sa.String(length=264), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("begun", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("chain", name="audit_heads_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_entries",
        sa.Column("chain", sa.String(length=264), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("chain", "sequence", name="audit_entries_pk"),
        sqlite_with_rowid=False,
    )
    for statement in _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)


def downgrade() -> None:
    """Drop the trail, with its triggers."""
    op.drop_table("audit_entries")
    op.drop_table("audit_heads")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_refuse()")

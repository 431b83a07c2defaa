"""Hono's management API: tenants without an endpoint, trust anchors, credentials in their order, and who is told."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"

_TELL = """
CREATE FUNCTION onboarding_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('onboarding', '');
    RETURN NULL;
END $$
"""
_WATCHED = ("onboardings", "hardware", "owners")
"""What the view of an onboarding is read from (`storage/onboardings.py`)."""


def upgrade() -> None:
    """Change and add tables; on PostgreSQL, notify who follows an onboarding."""
    # Not by rebuilding the table, as SQLite's ALTER COLUMN would need: dropping it would take the tenants' rows along.
    _replace_endpoint(nullable=True)
    op.add_column("credentials", sa.Column("position", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.create_table(
        "trust_anchor_names",
        sa.Column("subject_dn", sa.String(length=512), nullable=False),
        sa.Column("holder", sa.String(length=264), nullable=False),
        sa.PrimaryKeyConstraint("subject_dn", name="trust_anchor_names_pk"),
        sa.UniqueConstraint("subject_dn", "holder", name="trust_anchor_names_subject_dn_unique"),
    )
    op.create_table(
        "trust_anchors",
        sa.Column("tenant_id", sa.String(length=256), nullable=False),
        sa.Column("subject_dn", sa.String(length=512), nullable=False),
        sa.Column("holder", sa.String(length=264), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name="trust_anchors_tenant_id_of_tenants", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subject_dn", "holder"],
            ["trust_anchor_names.subject_dn", "trust_anchor_names.holder"],
            name="trust_anchors_subject_dn_of_trust_anchor_names",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "subject_dn", name="trust_anchors_pk"),
    )
    op.create_index("trust_anchors_name", "trust_anchors", ["subject_dn", "holder"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_TELL)
        for table in _WATCHED:
            op.execute(
                f"CREATE TRIGGER {table}_tell AFTER UPDATE OR DELETE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION onboarding_tell()"
            )


def downgrade() -> None:
    """Undo all of it; tenants without an endpoint go."""
    if op.get_bind().dialect.name == "postgresql":
        for table in _WATCHED:
            op.execute(f"DROP TRIGGER {table}_tell ON {table}")
        op.execute("DROP FUNCTION onboarding_tell()")
    op.drop_table("trust_anchors")
    op.drop_table("trust_anchor_names")
    op.drop_column("credentials", "position")
    op.execute("DELETE FROM tenants WHERE endpoint_url IS NULL")
    _replace_endpoint(nullable=False)


def _replace_endpoint(*, nullable: bool) -> None:
    """Change whether an endpoint may be missing, by a new column in place of the old one."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("tenants", "endpoint_url", nullable=nullable)
        return
    default = None if nullable else sa.text("''")
    column = sa.Column("endpoint", sa.String(length=2048), nullable=nullable, server_default=default)
    op.add_column("tenants", column)
    op.execute("UPDATE tenants SET endpoint = endpoint_url")
    op.execute("ALTER TABLE tenants DROP COLUMN endpoint_url")
    op.execute("ALTER TABLE tenants RENAME COLUMN endpoint TO endpoint_url")

"""Renewed certificates: which one a certificate has replaced, and the certificate itself, to give it out again."""

import sqlalchemy as sa
from alembic import op

revision = "r0006"
down_revision = "r0005"


def upgrade() -> None:
    """Add columns."""
    op.add_column("certificates", sa.Column("renews", sa.LargeBinary(length=32), nullable=True))
    op.add_column("certificates", sa.Column("certificate", sa.LargeBinary(), nullable=True))
    op.create_index("certificates_renews", "certificates", ["renews"], unique=True)


def downgrade() -> None:
    """Undo all of it; a device that has not received its new certificate has to be onboarded again."""
    op.drop_index("certificates_renews", "certificates")
    op.execute("ALTER TABLE certificates DROP COLUMN certificate")
    op.execute("ALTER TABLE certificates DROP COLUMN renews")

"""The first tables: tenants, devices and credentials as Hono has them, hardware, certificates, onboardings."""

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None


def upgrade() -> None:
    """Create all tables."""
    _create_tenancy()
    _create_devices()
    _create_hardware()
    _create_onboardings()
    _create_signing_keys()


def downgrade() -> None:
    """Drop all tables, the dependent ones first."""
    for table in ("onboardings", "certificates", "hardware", "owners", "credentials", "devices"):
        op.drop_table(table)
    for table in ("signing_keys", "users", "tenant_authorities", "tenants"):
        op.drop_table(table)


def _create_tenancy() -> None:
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.String(length=256), nullable=False),
        sa.Column("version", sa.String(length=36), nullable=False),
        sa.Column("alias", sa.String(length=256), nullable=True),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("endpoint_url", sa.String(length=2048), nullable=False),
        sa.Column("anchor_name", sa.LargeBinary(), nullable=True),
        sa.Column("anchor_key", sa.LargeBinary(length=33), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", name="tenants_pk"),
        sa.UniqueConstraint("alias", name="tenants_alias_unique"),
    )
    op.create_table(
        "tenant_authorities",
        sa.Column("authority_id", sa.String(length=36), nullable=False),
        sa.Column("tenant_id", sa.String(length=256), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("subject_dn", sa.String(length=256), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('current', 'retired')", name="tenant_authorities_state"),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name="tenant_authorities_tenant_id_of_tenants", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("authority_id", name="tenant_authorities_pk"),
    )
    op.create_index(
        "tenant_authorities_current",
        "tenant_authorities",
        ["tenant_id"],
        unique=True,
        sqlite_where=sa.text("state = 'current'"),
        postgresql_where=sa.text("state = 'current'"),
    )
    op.create_index("tenant_authorities_subject_dn", "tenant_authorities", ["subject_dn"], unique=False)
    op.create_table(
        "users",
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("tenant_id", sa.String(length=256), nullable=True),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("password_hash", sa.String(length=256), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name="users_tenant_id_of_tenants", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name="users_pk"),
        sa.UniqueConstraint("name", name="users_name_unique"),
    )


def _create_devices() -> None:
    op.create_table(
        "devices",
        sa.Column("tenant_id", sa.String(length=256), nullable=False),
        sa.Column("device_id", sa.String(length=256), nullable=False),
        sa.Column("version", sa.String(length=36), nullable=False),
        sa.Column("credentials_version", sa.String(length=36), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=True),
        sa.Column("auto_provisioned", sa.Boolean(), nullable=False),
        sa.Column("notification_sent", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name="devices_tenant_id_of_tenants", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "device_id", name="devices_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "credentials",
        sa.Column("tenant_id", sa.String(length=256), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("auth_id", sa.String(length=256), nullable=False),
        sa.Column("device_id", sa.String(length=256), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "device_id"],
            ["devices.tenant_id", "devices.device_id"],
            name="credentials_tenant_id_of_devices",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "type", "auth_id", name="credentials_pk"),
        sqlite_with_rowid=False,
    )
    op.create_index("credentials_device", "credentials", ["tenant_id", "device_id"], unique=False)
    op.create_table(
        "owners",
        sa.Column("tenant_id", sa.String(length=256), nullable=False),
        sa.Column("device_id", sa.String(length=256), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "device_id"],
            ["devices.tenant_id", "devices.device_id"],
            name="owners_tenant_id_of_devices",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="owners_user_id_of_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "device_id", name="owners_pk"),
        sqlite_with_rowid=False,
    )


def _create_hardware() -> None:
    op.create_table(
        "hardware",
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("tenant_id", sa.String(length=256), nullable=True),
        sa.Column("device_id", sa.String(length=256), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("operational_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("resets", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("assigned_at", sa.BigInteger(), nullable=False),
        sa.Column("connected_at", sa.BigInteger(), nullable=True),
        sa.Column("serial", sa.String(length=128), nullable=True),
        sa.Column("model", sa.String(length=128), nullable=True),
        sa.Column("firmware", sa.String(length=128), nullable=True),
        sa.Column("claims_verified", sa.Boolean(), nullable=False),
        sa.CheckConstraint("state IN ('assigned', 'connected')", name="hardware_state"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "device_id"],
            ["devices.tenant_id", "devices.device_id"],
            name="hardware_tenant_id_of_devices",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("key_hash", name="hardware_pk"),
        sa.UniqueConstraint("operational_key", name="hardware_operational_key_unique"),
        sqlite_with_rowid=False,
    )
    op.create_index("hardware_device", "hardware", ["tenant_id", "device_id"], unique=True)
    op.create_table(
        "certificates",
        sa.Column("authority_id", sa.String(length=36), nullable=False),
        sa.Column("serial", sa.LargeBinary(length=20), nullable=False),
        sa.Column("tenant_id", sa.String(length=256), nullable=False),
        sa.Column("device_id", sa.String(length=256), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("spki_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revocation", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["authority_id"],
            ["tenant_authorities.authority_id"],
            name="certificates_authority_id_of_tenant_authorities",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["key_hash"], ["hardware.key_hash"], name="certificates_key_hash_of_hardware"),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name="certificates_tenant_id_of_tenants", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("authority_id", "serial", name="certificates_pk"),
        sqlite_with_rowid=False,
    )
    op.create_index("certificates_hardware", "certificates", ["key_hash"], unique=False)
    op.create_index("certificates_key", "certificates", ["spki_hash"], unique=False)


def _create_onboardings() -> None:
    op.create_table(
        "onboardings",
        sa.Column("onboarding_id", sa.String(length=36), nullable=False),
        sa.Column("tenant_id", sa.String(length=256), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("label_spki", sa.LargeBinary(length=59), nullable=False),
        sa.Column("challenge", sa.LargeBinary(length=16), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("reply", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name="onboardings_tenant_id_of_tenants", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name="onboardings_user_id_of_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("onboarding_id", name="onboardings_pk"),
    )


def _create_signing_keys() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("thumbprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("purpose IN ('assignment', 'token')", name="signing_keys_purpose"),
        sa.PrimaryKeyConstraint("purpose", "rank", name="signing_keys_pk"),
        sa.UniqueConstraint("thumbprint", name="signing_keys_thumbprint_unique"),
    )

"""The tables, in the shape of Hono's tenants, devices and credentials plus what onboarding adds.

Four rules are held here by the database itself: hardware is unique across tenants (`hardware.key_hash`), so is an
operational key (`hardware.operational_key`), and an auth-id is unique within its tenant; and whoever trusts an
authority of one name is one holder, a tenant or a trust anchor group (`trust_anchor_names`). Rows of a tenant go with
it; `hardware` stays, so that its counters never run backwards, and so does the audit trail, which is evidence and
names nothing by foreign keys. Freed hardware keeps its hash and its counters; a trigger (r0008) clears what it
was, and its own hash stands in for the operational key. Moments are seconds since 1970, UTC.

Ids are ordered bytewise on both databases. What searches look up, `device_members` and `device_runs`, is derived from
`devices` by triggers alone (r0003): no program writes it, so it cannot disagree.

Tables of short rows with random keys have no rowid on SQLite: one page per insert instead of two.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from onboarding_api.storage.account_tables import external_subjects, sessions, sign_in_counts
from onboarding_api.storage.audit_tables import audit_entries, audit_heads
from onboarding_api.storage.naming import metadata

__all__ = [
    "audit_entries", "audit_heads", "certificates", "credentials", "devices", "external_subjects", "hardware",
    "metadata", "onboardings", "owners", "sessions", "sign_in_counts", "signing_keys", "tenant_authorities", "tenants",
    "trust_anchor_names", "trust_anchors", "users",
]  # fmt: skip

_TENANT = String(256).with_variant(String(256, collation="C"), "postgresql")
_DOCUMENT = JSON().with_variant(JSONB(), "postgresql")
_MEMBER = Text().with_variant(Text(collation="C"), "postgresql")
_ID, _HASH = String(36), LargeBinary(32)
_NAME, _HOLDER = String(512), String(264)


def _tenant(**options: bool) -> "Column[str]":
    return Column("tenant_id", _TENANT, ForeignKey("tenants.tenant_id", ondelete="CASCADE"), **options)  # type: ignore[arg-type]


def _device() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant_id", "device_id"], ["devices.tenant_id", "devices.device_id"], ondelete="CASCADE"
    )


tenants = Table(
    "tenants",
    metadata,
    Column("tenant_id", _TENANT, primary_key=True),
    Column("version", _ID, nullable=False),
    Column("alias", String(256), unique=True),
    Column("document", _DOCUMENT, nullable=False),
    Column("endpoint_url", String(2048)),
    Column("anchor_name", LargeBinary),
    Column("anchor_key", LargeBinary(33)),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger),
)

tenant_authorities = Table(
    "tenant_authorities",
    metadata,
    Column("authority_id", _ID, primary_key=True),
    _tenant(nullable=False),
    Column("state", String(16), nullable=False),
    Column("subject_dn", String(256), nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("state IN ('current', 'retired')", name="tenant_authorities_state"),
)
_current = text("state = 'current'")
Index(
    "tenant_authorities_current",
    tenant_authorities.c.tenant_id,
    unique=True,
    sqlite_where=_current,
    postgresql_where=_current,
)
Index("tenant_authorities_tenant", tenant_authorities.c.tenant_id)
Index("tenant_authorities_subject_dn", tenant_authorities.c.subject_dn)

trust_anchor_names = Table(
    "trust_anchor_names",
    metadata,
    Column("subject_dn", _NAME, primary_key=True),
    Column("holder", _HOLDER, nullable=False),
    UniqueConstraint("subject_dn", "holder"),
)

trust_anchors = Table(
    "trust_anchors",
    metadata,
    _tenant(primary_key=True),
    Column("subject_dn", _NAME, primary_key=True),
    Column("holder", _HOLDER, nullable=False),
    ForeignKeyConstraint(["subject_dn", "holder"], ["trust_anchor_names.subject_dn", "trust_anchor_names.holder"]),
)
Index("trust_anchors_name", trust_anchors.c.subject_dn, trust_anchors.c.holder)

users = Table(
    "users",
    metadata,
    Column("user_id", _ID, primary_key=True),
    _tenant(),
    Column("name", String(128), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", String(256), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
)

devices = Table(
    "devices",
    metadata,
    _tenant(primary_key=True),
    Column("device_id", _TENANT, primary_key=True),
    Column("version", _ID, nullable=False),
    Column("credentials_version", _ID, nullable=False),
    Column("document", _DOCUMENT, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger),
    Column("auto_provisioned", Boolean, nullable=False),
    Column("notification_sent", Boolean, nullable=False),
    sqlite_with_rowid=False,
)
Index("devices_created", devices.c.tenant_id, devices.c.created_at, devices.c.device_id)

device_members = Table(
    "device_members",
    metadata,
    Column("tenant_id", _TENANT, primary_key=True),
    Column("pointer", _MEMBER, primary_key=True),
    Column("value", _MEMBER, primary_key=True),
    Column("device_id", _TENANT, primary_key=True),
    sqlite_with_rowid=False,
)

device_runs = Table(
    "device_runs",
    metadata,
    _tenant(primary_key=True),
    Column("first_id", _TENANT, primary_key=True),
    Column("devices", Integer, nullable=False),
    sqlite_with_rowid=False,
)

credentials = Table(
    "credentials",
    metadata,
    Column("tenant_id", _TENANT, primary_key=True),
    Column("type", String(64), primary_key=True),
    Column("auth_id", String(256), primary_key=True),
    Column("device_id", _TENANT, nullable=False),
    Column("document", _DOCUMENT, nullable=False),
    Column("position", Integer, nullable=False, server_default=text("0")),
    _device(),
    sqlite_with_rowid=False,
)
Index("credentials_device", credentials.c.tenant_id, credentials.c.device_id)

owners = Table(
    "owners",
    metadata,
    Column("tenant_id", _TENANT, primary_key=True),
    Column("device_id", _TENANT, primary_key=True),
    Column("user_id", _ID, ForeignKey("users.user_id", ondelete="CASCADE"), nullable=False),
    Column("since", BigInteger, nullable=False),
    _device(),
    sqlite_with_rowid=False,
)

hardware = Table(
    "hardware",
    metadata,
    Column("key_hash", _HASH, primary_key=True),
    Column("tenant_id", _TENANT),
    Column("device_id", _TENANT),
    Column("state", String(16), nullable=False),
    Column("operational_key", _HASH, nullable=False, unique=True),
    Column("resets", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("assigned_at", BigInteger, nullable=False),
    Column("connected_at", BigInteger),
    Column("serial", String(128)),
    Column("model", String(128)),
    Column("firmware", String(128)),
    Column("claims_verified", Boolean, nullable=False),
    CheckConstraint("state IN ('assigned', 'connected')", name="hardware_state"),
    ForeignKeyConstraint(["tenant_id", "device_id"], ["devices.tenant_id", "devices.device_id"], ondelete="SET NULL"),
    sqlite_with_rowid=False,
)
Index("hardware_device", hardware.c.tenant_id, hardware.c.device_id, unique=True)

certificates = Table(
    "certificates",
    metadata,
    Column(
        "authority_id",
        _ID,
        ForeignKey("tenant_authorities.authority_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("serial", LargeBinary(20), primary_key=True),
    _tenant(nullable=False),
    Column("device_id", _TENANT, nullable=False),
    Column("key_hash", _HASH, ForeignKey("hardware.key_hash"), nullable=False),
    Column("spki_hash", _HASH, nullable=False),
    Column("fingerprint", _HASH, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Column("revocation", String(32)),
    Column("renews", _HASH),
    Column("certificate", LargeBinary),
    sqlite_with_rowid=False,
)
Index("certificates_renews", certificates.c.renews, unique=True)
Index("certificates_hardware", certificates.c.key_hash)
Index("certificates_device", certificates.c.tenant_id, certificates.c.device_id)
Index("certificates_key", certificates.c.spki_hash)

onboardings = Table(
    "onboardings",
    metadata,
    Column("onboarding_id", _ID, primary_key=True),
    _tenant(nullable=False),
    Column("user_id", _ID, ForeignKey("users.user_id", ondelete="CASCADE"), nullable=False),
    Column("key_hash", _HASH, nullable=False),
    Column("label_spki", LargeBinary(59), nullable=False),
    Column("challenge", LargeBinary(16), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("digest", _HASH),
    Column("sequence", BigInteger),
    Column("reply", LargeBinary),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("purpose", String(16), primary_key=True),
    Column("rank", Integer, primary_key=True),
    Column("thumbprint", _HASH, nullable=False, unique=True),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("retired_at", BigInteger),
    CheckConstraint("purpose IN ('assignment', 'token')", name="signing_keys_purpose"),
)

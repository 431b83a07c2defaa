"""The tables of the audit trail. They name tenants and users as text only: what is evidence stays when those go."""

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table

from onboarding_api.storage.naming import metadata

_CHAIN, _HASH = String(264), LargeBinary(32)

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("chain", _CHAIN, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("digest", _HASH, nullable=False),
    Column("begun", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("chain", _CHAIN, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("entry", LargeBinary, nullable=False),
    Column("digest", _HASH, nullable=False),
    sqlite_with_rowid=False,
)

"""On SQLite, documents are stored as they read: searches compare the names of members octet for octet.

Earlier releases wrote `ß` as `\\u00df`, which SQLite before 3.45 takes for another name. PostgreSQL never kept it so.
"""

import json

from alembic import op

revision = "r0007"
down_revision = "r0006"

_DOCUMENTS = ("tenants", "devices", "credentials")


def upgrade() -> None:
    """Write documents anew that have an escaped character."""
    bind = op.get_bind()
    driver = bind.connection.driver_connection
    if bind.dialect.name != "sqlite" or driver is None:
        return
    driver.create_function("as_it_reads", 1, _as_it_reads, deterministic=True)
    for table in _DOCUMENTS:
        op.execute(f"UPDATE {table} SET document = as_it_reads(document) WHERE instr(document, '\\u') > 0")


def downgrade() -> None:
    """Leave them as they are: the older release reads both."""


def _as_it_reads(document: str) -> str:
    return json.dumps(json.loads(document), ensure_ascii=False)

"""Hardware that is freed forgets whose it was: what stays is the label key's hash and the counters.

`hardware` outlives its device row, so that no replay of what it once showed counts again; for that, nothing else is
needed. Whatever takes the device row away (its deletion, its tenant's, a move) does so by the foreign key, and the
trigger follows that. The operational key is unique and never null, so the label key's hash, which is no operational
key's, stands in for it. The state stays: a takeover that was judged before the device connected must see, after it has
removed the old tenant's rows, that it has (`storage/registrations.py`).
"""

from alembic import op

revision = "r0008"
down_revision = "r0007"

_FORGOTTEN = {
    "operational_key": "{row}key_hash",
    "assigned_at": "0",
    "connected_at": "NULL",
    "serial": "NULL",
    "model": "NULL",
    "firmware": "NULL",
    "claims_verified": "false",
}
_SET = ", ".join(f"{column} = {value.format(row='')}" for column, value in _FORGOTTEN.items())
_SQLITE_TRIGGER = f"""
    CREATE TRIGGER hardware_freed AFTER UPDATE OF device_id ON hardware WHEN NEW.device_id IS NULL BEGIN
        UPDATE hardware SET {_SET} WHERE key_hash = NEW.key_hash;
    END"""
_ASSIGNED = "".join(f"NEW.{column} := {value.format(row='NEW.')};" for column, value in _FORGOTTEN.items())
_POSTGRESQL_FUNCTION = f"""
    CREATE FUNCTION hardware_forget() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        {_ASSIGNED}
        RETURN NEW;
    END $$"""
_POSTGRESQL_TRIGGER = (
    "CREATE TRIGGER hardware_freed BEFORE UPDATE OF device_id ON hardware "
    "FOR EACH ROW WHEN (NEW.device_id IS NULL) EXECUTE FUNCTION hardware_forget()"
)


def upgrade() -> None:
    """Clear what is free already, and see to it that what gets free is cleared."""
    op.execute(f"UPDATE hardware SET {_SET} WHERE device_id IS NULL")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_POSTGRESQL_FUNCTION.replace(":", "\\:"))
        op.execute(_POSTGRESQL_TRIGGER)
    else:
        op.execute(_SQLITE_TRIGGER)


def downgrade() -> None:
    """Keep again what freed hardware was; what is cleared stays cleared."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER hardware_freed ON hardware")
        op.execute("DROP FUNCTION hardware_forget()")
    else:
        op.execute("DROP TRIGGER hardware_freed")

"""What searches need: ids in bytewise order, documents as JSONB, members to look up, and how many devices where.

`device_members` has a row for each text, integer and boolean that a device's document holds itself or in `ext`, under
a name of the usual characters. `enabled: true` has none, because that is what its absence means. `via` (value: the
gateway's id) and `memberOf` (no value) say who is a gateway.

`device_runs` cuts a tenant's devices, ordered by id, into runs of at most 512, and counts each: the total is a sum of
few rows, and page N is found by adding up runs, not by walking over what comes before. A full run is cut in two.

Both follow `devices` by triggers. On PostgreSQL whoever creates a device holds its run until the commit, so that only
those wait for each other who create neighbours.
"""

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"

RUN_MAX = 512
_IDS = {
    "tenants": ("tenant_id",),
    "tenant_authorities": ("tenant_id",),
    "trust_anchors": ("tenant_id",),
    "users": ("tenant_id",),
    "devices": ("tenant_id", "device_id"),
    "credentials": ("tenant_id", "device_id"),
    "owners": ("tenant_id", "device_id"),
    "hardware": ("tenant_id", "device_id"),
    "certificates": ("tenant_id", "device_id"),
    "onboardings": ("tenant_id",),
}
_INDEXES = (
    ("devices_created", "devices", ["tenant_id", "created_at", "device_id"]),
    ("certificates_device", "certificates", ["tenant_id", "device_id"]),
    ("tenant_authorities_tenant", "tenant_authorities", ["tenant_id"]),
)
_DOCUMENTS = ("tenants", "devices", "credentials")

_SQLITE_VALUES = """
    SELECT '{pointer}' || key AS pointer,
        CASE type WHEN 'text' THEN 's:' || substr(value, 1, 200) WHEN 'true' THEN 'b:true' WHEN 'false' THEN 'b:false'
            ELSE 'n:' || CAST(value AS INTEGER) END AS value
    FROM json_each({row}.document, '{path}')
    WHERE key NOT GLOB '*[^A-Za-z0-9_.-]*' AND length(key) BETWEEN 1 AND 64
        AND (type IN ('text', 'true', 'false') OR type IN ('integer', 'real') AND value = CAST(value AS INTEGER))
        AND NOT ('{pointer}' || key = '/enabled' AND type = 'true')"""
_SQLITE_MEMBERS = f"""
    {_SQLITE_VALUES.replace("{pointer}", "/").replace("{path}", "$")}
    UNION {_SQLITE_VALUES.replace("{pointer}", "/ext/").replace("{path}", "$.ext")}
    UNION SELECT 'via', value FROM json_each({{row}}.document, '$.via')
    UNION SELECT 'memberOf', '' WHERE json_array_length({{row}}.document, '$.memberOf') > 0"""
_SQLITE_ADD = f"""
    INSERT INTO device_members (tenant_id, pointer, value, device_id)
    SELECT NEW.tenant_id, pointer, value, NEW.device_id FROM ({_SQLITE_MEMBERS.format(row="NEW")});"""
_SQLITE_REMOVE = f"""
    DELETE FROM device_members WHERE tenant_id = OLD.tenant_id AND device_id = OLD.device_id
        AND (pointer, value) IN (SELECT pointer, value FROM ({_SQLITE_MEMBERS.format(row="OLD")}));"""
_SQLITE_RUN = """(
    SELECT max(first_id) FROM device_runs WHERE tenant_id = {row}.tenant_id AND first_id <= {row}.device_id)"""
_SQLITE_TRIGGERS = (
    f"CREATE TRIGGER device_members_added AFTER INSERT ON devices BEGIN {_SQLITE_ADD} END",
    "CREATE TRIGGER device_members_replaced AFTER UPDATE OF document ON devices "
    f"BEGIN {_SQLITE_REMOVE}{_SQLITE_ADD} END",
    f"CREATE TRIGGER device_members_removed AFTER DELETE ON devices BEGIN {_SQLITE_REMOVE} END",
    f"""
    CREATE TRIGGER device_runs_added AFTER INSERT ON devices BEGIN
        INSERT INTO device_runs (tenant_id, first_id, devices) SELECT NEW.tenant_id, '', 0
            WHERE NOT EXISTS (SELECT 1 FROM device_runs WHERE tenant_id = NEW.tenant_id AND first_id = '');
        UPDATE device_runs SET devices = devices + 1
            WHERE tenant_id = NEW.tenant_id AND first_id = {_SQLITE_RUN.format(row="NEW")};
    END""",
    f"""
    CREATE TRIGGER device_runs_removed AFTER DELETE ON devices BEGIN
        UPDATE device_runs SET devices = devices - 1
            WHERE tenant_id = OLD.tenant_id AND first_id = {_SQLITE_RUN.format(row="OLD")};
    END""",
    f"""
    CREATE TRIGGER device_runs_full AFTER UPDATE OF devices ON device_runs WHEN NEW.devices > {RUN_MAX} BEGIN
        INSERT INTO device_runs (tenant_id, first_id, devices)
            SELECT NEW.tenant_id, device_id, NEW.devices - {RUN_MAX // 2} FROM devices
            WHERE tenant_id = NEW.tenant_id AND device_id >= NEW.first_id
            ORDER BY device_id LIMIT 1 OFFSET {RUN_MAX // 2};
        UPDATE device_runs SET devices = {RUN_MAX // 2} WHERE tenant_id = NEW.tenant_id AND first_id = NEW.first_id;
    END""",
    """
    CREATE TRIGGER device_runs_empty AFTER UPDATE OF devices ON device_runs WHEN NEW.devices = 0 AND NEW.first_id <> ''
    BEGIN
        DELETE FROM device_runs WHERE tenant_id = NEW.tenant_id AND first_id = NEW.first_id;
    END""",
)
_SQLITE_STATISTICS = (
    "ANALYZE sqlite_schema",  # makes the table of statistics
    "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('credentials', 'credentials', '1000000 10000 5000 1'),"
    " ('credentials', 'credentials_device', '1000000 10000 2')",
)
"""Without these SQLite takes a tenant to have ten credentials, and reads all of them to find those of one device."""

_POSTGRESQL_VALUES = """
    SELECT '{pointer}' || key, CASE jsonb_typeof(value)
        WHEN 'string' THEN 's:' || left(value #>> '{{}}', 200)
        WHEN 'boolean' THEN CASE WHEN '{pointer}' || key <> '/enabled' OR value = 'false' THEN 'b:' || value::text END
        WHEN 'number' THEN CASE WHEN value::numeric % 1 = 0 AND abs(value::numeric) < 9223372036854775808
            THEN 'n:' || trunc(value::numeric) END
        END
    FROM jsonb_each({document}) WHERE key COLLATE "C" ~ '^[A-Za-z0-9_.-]{{1,64}}$'"""
_POSTGRESQL_FUNCTIONS = (
    f"""
    CREATE FUNCTION device_members_of(document jsonb) RETURNS TABLE (pointer text, value text)
    LANGUAGE sql IMMUTABLE AS $$
        SELECT * FROM (
            {_POSTGRESQL_VALUES.format(pointer="/", document="document")}
            UNION {_POSTGRESQL_VALUES.format(pointer="/ext/", document="coalesce(document -> 'ext', '{}')")}
            UNION SELECT 'via', * FROM jsonb_array_elements_text(coalesce(document -> 'via', '[]'))
            UNION SELECT 'memberOf', '' WHERE jsonb_array_length(document -> 'memberOf') > 0
        ) AS found (pointer, value) WHERE value IS NOT NULL
    $$""",
    """
    CREATE FUNCTION device_members_follow() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        member record;
    BEGIN
        IF TG_OP <> 'INSERT' THEN
            -- One by one, by the primary key: joined, they might be looked for among the members of all devices.
            FOR member IN SELECT * FROM device_members_of(OLD.document) LOOP
                DELETE FROM device_members WHERE tenant_id = OLD.tenant_id AND device_id = OLD.device_id
                AND pointer = member.pointer COLLATE "C" AND value = member.value COLLATE "C";
            END LOOP;
        END IF;
        IF TG_OP <> 'DELETE' THEN
            INSERT INTO device_members (tenant_id, pointer, value, device_id)
            SELECT NEW.tenant_id, pointer, value, NEW.device_id FROM device_members_of(NEW.document);
        END IF;
        RETURN NULL;
    END $$""",
    """
    CREATE FUNCTION device_runs_hold(tenant text, device text) RETURNS device_runs LANGUAGE plpgsql AS $$
    DECLARE
        run device_runs;
    BEGIN
        LOOP
            SELECT * INTO run FROM device_runs
            WHERE tenant_id = tenant COLLATE "C" AND first_id <= device COLLATE "C"
            ORDER BY first_id DESC LIMIT 1 FOR UPDATE;
            -- Whoever had to wait for the lock may find that the run has been cut meanwhile, or is gone.
            EXIT WHEN FOUND AND NOT EXISTS (
                SELECT FROM device_runs WHERE tenant_id = run.tenant_id
                AND first_id > run.first_id AND first_id <= device COLLATE "C");
            CONTINUE WHEN run.first_id IS NOT NULL;
            EXIT WHEN NOT EXISTS (SELECT FROM tenants WHERE tenant_id = tenant COLLATE "C");
            INSERT INTO device_runs (tenant_id, first_id, devices) VALUES (tenant, '', 0) ON CONFLICT DO NOTHING;
        END LOOP;
        RETURN run;
    END $$""",
    f"""
    CREATE FUNCTION device_runs_count(run device_runs, beyond text, change integer) RETURNS void
    LANGUAGE plpgsql AS $$
    DECLARE
        counted integer := run.devices + change;
    BEGIN
        IF counted > {RUN_MAX} THEN
            INSERT INTO device_runs (tenant_id, first_id, devices)
            SELECT run.tenant_id, min(device_id), count(*) FROM (
                SELECT device_id, (row_number() OVER (ORDER BY device_id) - 1) / {RUN_MAX // 2} AS part FROM devices
                WHERE tenant_id = run.tenant_id AND device_id >= run.first_id AND device_id < beyond COLLATE "C"
            ) AS cut WHERE part > 0 GROUP BY part;
            counted := {RUN_MAX // 2};
        END IF;
        IF counted = 0 AND run.first_id <> '' THEN
            DELETE FROM device_runs WHERE tenant_id = run.tenant_id AND first_id = run.first_id;
        ELSE
            UPDATE device_runs SET devices = counted WHERE tenant_id = run.tenant_id AND first_id = run.first_id;
        END IF;
    END $$""",
    """
    CREATE FUNCTION device_runs_follow() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        step integer := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
        device record;
        run device_runs;
        beyond text;
        change integer := 0;
    BEGIN
        -- In the order of ids, run by run, so that two who change many devices seldom wait for each other crosswise.
        FOR device IN SELECT tenant_id, device_id FROM changed ORDER BY tenant_id, device_id LOOP
            IF run.tenant_id = device.tenant_id AND device.device_id < beyond COLLATE "C" THEN
                change := change + step;
                CONTINUE;
            END IF;
            IF run.tenant_id IS NOT NULL THEN
                PERFORM device_runs_count(run, beyond, change);
            END IF;
            run := device_runs_hold(device.tenant_id, device.device_id);
            SELECT coalesce(min(first_id), chr(1114111)) INTO beyond FROM device_runs
            WHERE tenant_id = run.tenant_id AND first_id > run.first_id;
            change := step;
        END LOOP;
        IF run.tenant_id IS NOT NULL THEN
            PERFORM device_runs_count(run, beyond, change);
        END IF;
        RETURN NULL;
    END $$""",
)
_POSTGRESQL_TRIGGERS = (
    "CREATE TRIGGER device_members_follow AFTER INSERT OR UPDATE OF document OR DELETE ON devices "
    "FOR EACH ROW EXECUTE FUNCTION device_members_follow()",
    "CREATE TRIGGER device_runs_added AFTER INSERT ON devices REFERENCING NEW TABLE AS changed "
    "FOR EACH STATEMENT EXECUTE FUNCTION device_runs_follow()",
    "CREATE TRIGGER device_runs_removed AFTER DELETE ON devices REFERENCING OLD TABLE AS changed "
    "FOR EACH STATEMENT EXECUTE FUNCTION device_runs_follow()",
)
_FILL_RUNS = f"""
    INSERT INTO device_runs (tenant_id, first_id, devices)
    SELECT tenant_id, CASE WHEN part = 0 THEN '' ELSE min(device_id) END, count(*) FROM (
        SELECT tenant_id, device_id,
            (row_number() OVER (PARTITION BY tenant_id ORDER BY device_id) - 1) / {RUN_MAX // 2} AS part FROM devices
    ) AS cut GROUP BY tenant_id, part"""

_FILL_MEMBERS = """
    INSERT INTO device_members (tenant_id, pointer, value, device_id)
    SELECT tenant_id, pointer, value, device_id FROM devices, device_members_of(document)"""


def upgrade() -> None:
    """Change the columns, add what is derived, and fill it."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        _order_ids("C")
        for table in _DOCUMENTS:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN document TYPE jsonb USING document::jsonb")
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)
    _create_tables("C" if postgresql else None)
    for statement in _POSTGRESQL_FUNCTIONS if postgresql else ():
        op.execute(sa.text(statement.replace(":", "\\:")))
    for statement in _POSTGRESQL_TRIGGERS if postgresql else (*_SQLITE_TRIGGERS, *_SQLITE_STATISTICS):
        op.execute(sa.text(statement.replace(":", "\\:")))
    op.execute(_FILL_MEMBERS if postgresql else "UPDATE devices SET document = document")
    op.execute(_FILL_RUNS)


def downgrade() -> None:
    """Undo all of it."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        for trigger in ("members_follow", "runs_added", "runs_removed"):
            op.execute(f"DROP TRIGGER device_{trigger} ON devices")
        for function in ("members_follow()", "members_of(jsonb)", "runs_follow()", "runs_hold(text, text)"):
            op.execute(f"DROP FUNCTION device_{function}")
        op.execute("DROP FUNCTION device_runs_count(device_runs, text, integer)")
    else:
        for trigger in ("members_added", "members_replaced", "members_removed", "runs_added", "runs_removed"):
            op.execute(f"DROP TRIGGER device_{trigger}")
        op.execute("DELETE FROM sqlite_stat1 WHERE tbl = 'credentials'")
    op.drop_table("device_runs")
    op.drop_table("device_members")
    for name, table, _ in _INDEXES:
        op.drop_index(name, table)
    if postgresql:
        for table in _DOCUMENTS:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN document TYPE json USING document::json")
        _order_ids("default")


def _order_ids(collation: str) -> None:
    for table, columns in _IDS.items():
        changes = [f'ALTER COLUMN {column} TYPE varchar(256) COLLATE "{collation}"' for column in columns]
        op.execute(f"ALTER TABLE {table} {', '.join(changes)}")


def _create_tables(collation: str | None) -> None:
    identifier, text = sa.String(length=256, collation=collation), sa.Text(collation=collation)
    op.create_table(
        "device_members",
        sa.Column("tenant_id", identifier, nullable=False),
        sa.Column("pointer", text, nullable=False),
        sa.Column("value", text, nullable=False),
        sa.Column("device_id", identifier, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "pointer", "value", "device_id", name="device_members_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "device_runs",
        sa.Column("tenant_id", identifier, nullable=False),
        sa.Column("first_id", identifier, nullable=False),
        sa.Column("devices", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name="device_runs_tenant_id_of_tenants", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "first_id", name="device_runs_pk"),
        sqlite_with_rowid=False,
    )

"""Schema migrations, configured in code: no alembic.ini."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DatabaseError

from onboarding_api.domain.errors import DatabaseUnusableError, SchemaOutdatedError
from onboarding_api.storage.database import Connection, Database

_UPGRADING = int.from_bytes(b"onboard", "big")
"""The name of the advisory lock; 63 bits, and ours alone in a database that is ours."""


def upgrade(database: Database, revision: str = "head") -> str:
    """Bring the tables to the newest revision, or an older one, in one transaction; return the newest."""
    configuration = _configuration()
    try:
        with database.writing() as connection:
            if not database.is_sqlite:
                upgrading_alone(connection)
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, revision)
    except DatabaseError as error:
        raise DatabaseUnusableError(f"the database cannot be upgraded: {error.orig}") from error
    return _head(configuration)


def downgrade(database: Database, revision: str) -> None:
    """Bring the tables back to an older revision, in one transaction; what it cannot hold is lost."""
    configuration = _configuration()
    with database.writing() as connection:
        configuration.attributes["connection"] = connection
        command.downgrade(configuration, revision)


def upgrading_alone(connection: Connection) -> None:
    """Keep others from upgrading the same database until this transaction ends; wait for one who does, however long."""
    patience = connection.exec_driver_sql("SELECT current_setting('lock_timeout')").scalar_one()
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADING})")
    connection.exec_driver_sql("SELECT set_config('lock_timeout', %s, true)", (patience,))


def require_current(database: Database) -> None:
    """Refuse a database whose tables are not exactly what this program needs."""
    expected = _head(_configuration())
    try:
        with database.reading() as connection:
            present = MigrationContext.configure(connection).get_current_revision()
    except DatabaseError as error:
        raise DatabaseUnusableError(f"the database cannot be opened: {error.orig}") from error
    if present != expected:
        found = "has no tables yet" if present is None else f"has the tables of {present}, not {expected}"
        raise SchemaOutdatedError(f"the database {found}")


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    return configuration


def _head(configuration: Config) -> str:
    head = ScriptDirectory.from_config(configuration).get_current_head()
    if head is None:
        raise SchemaOutdatedError("this installation has no migrations")
    return head

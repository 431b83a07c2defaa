"""Alembic's entry point: migrations run on the connection they are given, in its transaction."""

from alembic import context
from sqlalchemy import Connection

from onboarding_api.storage.tables import metadata


def run(connection: Connection) -> None:
    """Run the migrations."""
    context.configure(connection=connection, target_metadata=metadata)
    context.run_migrations()


run(context.config.attributes["connection"])

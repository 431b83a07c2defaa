"""onboarding-api db: bring the database up to date."""

import os
from pathlib import Path

import click

from onboarding_api.app import wall_clock
from onboarding_api.cli.options import (
    database_option,
    json_option,
    key_file_option,
    open_database,
    opened_seal,
    tell,
)
from onboarding_api.domain.errors import KeyFileLostError
from onboarding_api.key_file import create_key_file, load_seal
from onboarding_api.services.signing_keys import ensure_signing_keys, has_signing_keys
from onboarding_api.storage.migrations import upgrade as upgrade_tables


@click.group()
def db() -> None:
    """Bring the database up to date."""


@db.command()
@database_option
@key_file_option
@json_option
def upgrade(database: str, key_file: Path, as_json: bool) -> None:
    """Create or upgrade the tables, and make the keys that do not exist yet. Safe to repeat."""
    opened = open_database(database)
    revision = upgrade_tables(opened)
    if has_signing_keys(opened):
        if not key_file.exists():
            raise KeyFileLostError(f"this database has keys, and their key file is not here: {key_file}")
        created, seal = False, opened_seal(opened, key_file)
    else:
        created, seal = create_key_file(key_file, os.urandom), load_seal(key_file)
    ensure_signing_keys(opened, seal, os.urandom, wall_clock())
    sentence = f"database at {revision}; key file {'created' if created else 'unchanged'}: {key_file}"
    tell(as_json, {"revision": revision, "key_file": str(key_file), "key_file_created": created}, sentence)

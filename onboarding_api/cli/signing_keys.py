"""onboarding-api signing-key: change the key that access tokens are signed with."""

import os
from pathlib import Path

import click

from onboarding_api.app import wall_clock
from onboarding_api.cli.options import (
    console,
    current_database,
    database_option,
    json_option,
    key_file_option,
    opened_seal,
    tell,
)
from onboarding_api.services.token_keys import RELOAD_S, rotate_token_keys


@click.group("signing-key")
def signing_key() -> None:
    """Change the key that access tokens are signed with."""


@signing_key.command()
@click.option("--revoke", is_flag=True, help="Refuse what the old key has signed: for a key that got out.")
@database_option
@key_file_option
@json_option
def rotate(revoke: bool, database: str, key_file: Path, as_json: bool) -> None:
    """Sign with the standby key from now on. Tokens of the old one hold until they expire, unless revoked."""
    opened = current_database(database)
    seal = opened_seal(opened, key_file)
    kid = rotate_token_keys(opened, seal, os.urandom, wall_clock(), console(), revoke=revoke)
    told = f"access tokens are signed by {kid} from now on; servers that run know within {RELOAD_S} seconds"
    tell(as_json, {"kid": kid, "revoked": revoke}, told)

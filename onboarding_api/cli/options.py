"""Options that several commands share, each with its ONBOARDING_… variable."""

import json
import os
import pwd
import socket
from collections.abc import Mapping
from pathlib import Path

import click

from onboarding_api.domain.audit import Actor, Origin
from onboarding_api.domain.certificates import AUTHORITY_LIFE_S, LEAF_LIFE_S
from onboarding_api.domain.sealing import Seal
from onboarding_api.key_file import load_seal
from onboarding_api.services.signing_keys import open_signing_keys
from onboarding_api.storage.database import Database
from onboarding_api.storage.migrations import require_current

database_option = click.option(
    "--database",
    envvar="ONBOARDING_DATABASE",
    default="sqlite:///onboarding.db",
    show_default=True,
    help="SQLAlchemy URL of the registry.",
)
key_file_option = click.option(
    "--key-file",
    envvar="ONBOARDING_KEY_FILE",
    default="onboarding.key",
    show_default=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Key-encryption key, mode 0600.",
)
certificate_life_option = click.option(
    "--certificate-seconds",
    envvar="ONBOARDING_CERTIFICATE_SECONDS",
    default=LEAF_LIFE_S,
    show_default=True,
    type=click.IntRange(10, AUTHORITY_LIFE_S),
    help="How long a device's certificate lives; it renews itself between 2/3 and 5/6 of that.",
)
json_option = click.option("--json", "as_json", is_flag=True, envvar="ONBOARDING_JSON", help="Answer in JSON.")
check_option = click.option(
    "--check-config", is_flag=True, help="Say everything that is wrong with these settings, and end: 0 if nothing is."
)


def console() -> Actor:
    """Return who types, as the audit trail names him: the system's user on this machine."""
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = str(os.geteuid())
    return Actor(None, name, "console", Origin(socket.gethostname()))


def current_database(url: str) -> Database:
    """Open the registry until the command ends; refuse one whose tables are not the newest."""
    database = open_database(url)
    require_current(database)
    return database


def open_database(url: str) -> Database:
    """Open a database until the command ends."""
    database = Database(url)
    click.get_current_context().call_on_close(database.close)
    return database


def opened_seal(database: Database, key_file: Path) -> Seal:
    """Read the key file; refuse one that is another registry's, before anything is sealed with it."""
    seal = load_seal(key_file)
    open_signing_keys(database, seal)
    return seal


def tell(as_json: bool, document: Mapping[str, object], sentence: str) -> None:
    """Answer a script with a JSON line, a person with a sentence."""
    click.echo(json.dumps(document) if as_json else sentence)

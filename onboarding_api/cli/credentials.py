"""onboarding-api credential: what devices prove who they are with.

The rule kept here: `add` and `remove` send the whole set back with its version, naming the stored secrets by their
ids, so what is confidential stays as it is and a change made meanwhile is not overwritten.
"""

import os
from pathlib import Path
from typing import BinaryIO

import click

from onboarding_api.app import wall_clock
from onboarding_api.cli.local import (
    confirm,
    document_argument,
    local_operator,
    read_json,
    show,
    table,
    version_option,
    yes_option,
)
from onboarding_api.cli.options import (
    current_database,
    database_option,
    json_option,
    key_file_option,
    opened_seal,
    tell,
)
from onboarding_api.domain.errors import CredentialUnknownError, DocumentRefusedError
from onboarding_api.domain.hono import Document
from onboarding_api.domain.management.credentials import Credential
from onboarding_api.domain.management.identifiers import read_device
from onboarding_api.domain.management.versions import Precondition
from onboarding_api.services.management.credentials import CredentialManagement


@click.group()
def credential() -> None:
    """List, set, add and remove the credentials of devices."""


@credential.command("list")
@click.argument("tenant")
@click.argument("device_id", metavar="DEVICE")
@database_option
@key_file_option
@json_option
def list_credentials(tenant: str, device_id: str, database: str, key_file: Path, as_json: bool) -> None:
    """List a device's credentials; passwords and pre-shared keys are never shown."""
    found, version = _credentials(database, key_file).read(local_operator(), read_device(tenant, device_id))
    if as_json:
        show(True, {"id": device_id, "version": version, "document": [each.document() for each in found]})
    elif found:
        click.echo(table(["TYPE", "AUTH-ID", "ENABLED", "SECRETS", "VALID UNTIL"], [_line(each) for each in found]))
    else:
        click.echo("no credentials", err=True)


@credential.command("set")
@click.argument("tenant")
@click.argument("device_id", metavar="DEVICE")
@document_argument
@version_option
@yes_option
@database_option
@key_file_option
@json_option
def set_credentials(
    tenant: str,
    device_id: str,
    document: BinaryIO,
    if_version: str | None,
    yes: bool,
    database: str,
    key_file: Path,
    as_json: bool,
) -> None:
    """Replace all credentials of a device by the array in FILE; - is standard input and needs --yes."""
    credentials, key = _credentials(database, key_file), read_device(tenant, device_id)
    stored, _ = credentials.read(local_operator(), key)
    wanted = read_json(document)
    if stored:
        confirm(yes, f"Replace the {len(stored)} credentials of {device_id}?")
    version = credentials.replace(local_operator(), key, wanted, Precondition.of(if_version), wall_clock())
    tell(as_json, {"id": device_id, "version": version}, f"credentials of {device_id} replaced")


@credential.command()
@click.argument("tenant")
@click.argument("device_id", metavar="DEVICE")
@document_argument
@database_option
@key_file_option
@json_option
def add(tenant: str, device_id: str, document: BinaryIO, database: str, key_file: Path, as_json: bool) -> None:
    """Add the credential in FILE, an object; - is standard input. Those that are there stay as they are."""
    credentials, key = _credentials(database, key_file), read_device(tenant, device_id)
    added = read_json(document)
    if not isinstance(added, dict):
        raise DocumentRefusedError("", "Expected `object`: one credential")
    stored, before = credentials.read(local_operator(), key)
    wanted = [*(each.document() for each in stored), added]
    version = credentials.replace(local_operator(), key, wanted, Precondition.of(before), wall_clock())
    tell(as_json, {"id": device_id, "version": version}, f"{added.get('type')} credentials added to {device_id}")


@credential.command()
@click.argument("tenant")
@click.argument("device_id", metavar="DEVICE")
@click.argument("kind", metavar="TYPE")
@click.argument("auth_id")
@yes_option
@database_option
@key_file_option
@json_option
def remove(
    tenant: str, device_id: str, kind: str, auth_id: str, yes: bool, database: str, key_file: Path, as_json: bool
) -> None:
    """Remove the credentials of one type and auth-id."""
    credentials, key = _credentials(database, key_file), read_device(tenant, device_id)
    stored, before = credentials.read(local_operator(), key)
    kept: list[Document] = [each.document() for each in stored if (each.type, each.auth_id) != (kind, auth_id)]
    if len(kept) == len(stored):
        raise CredentialUnknownError(f"{device_id} has no {kind} credentials of auth-id {auth_id}")
    confirm(yes, f"Remove the {kind} credentials {auth_id} of {device_id}?")
    version = credentials.replace(local_operator(), key, kept, Precondition.of(before), wall_clock())
    tell(as_json, {"id": device_id, "version": version}, f"{kind} credentials {auth_id} removed from {device_id}")


def _credentials(database: str, key_file: Path) -> CredentialManagement:
    opened = current_database(database)
    return CredentialManagement(opened, opened_seal(opened, key_file), os.urandom)


def _line(found: Credential) -> list[str]:
    ends = [str(secret["not-after"]) for secret in found.secrets if "not-after" in secret]
    enabled = "no" if found.body.get("enabled") is False else "yes"
    return [found.type, found.auth_id, enabled, str(len(found.secrets)), max(ends, default="")]

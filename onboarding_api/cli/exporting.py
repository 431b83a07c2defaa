"""onboarding-api device export: all devices of a tenant to a file (docs/bulk.md)."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from onboarding_api.cli.import_report import CLEAR
from onboarding_api.cli.local import local_operator
from onboarding_api.cli.options import current_database, database_option
from onboarding_api.domain.bulk.json_lines import write_json_line
from onboarding_api.domain.bulk.table import table_head, write_table_rows
from onboarding_api.domain.errors import FileNotWritableError
from onboarding_api.domain.management.identifiers import read_tenant
from onboarding_api.services.bulk.exports import DeviceExport, Exported

_TOLD_EVERY = 500


@click.command("export")
@click.argument("tenant")
@click.option("--format", "form", type=click.Choice(["csv", "ndjson"]), default="ndjson", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Where to; readable by its owner only.")
@click.option("--separator", type=click.Choice([",", ";"]), default=",", show_default=True, help="Of CSV.")
@click.option(
    "--with-secrets", is_flag=True, help="Password hashes, and pre-shared keys sealed for the same tenant and key file."
)
@database_option
def export_devices(
    tenant: str, form: str, output: Path | None, separator: str, with_secrets: bool, database: str
) -> None:
    """Export all devices of a tenant with their credentials, without what the API never shows."""
    identifier, principal = read_tenant(tenant), local_operator()
    export = DeviceExport(current_database(database))
    total = export.count(principal, identifier)
    moving = sys.stderr.isatty() and output is not None
    with _opened(output) as file:
        if form == "csv":
            file.write(table_head(separator))
        devices = export.devices(principal, identifier, with_secrets=with_secrets)
        for number, each in enumerate(devices, 1):
            file.write(_written(each, form, separator))
            if moving and number % _TOLD_EVERY == 0:
                click.echo(f"{CLEAR}{number:,} of {total:,}", err=True, nl=False)
    if moving:
        click.echo(CLEAR, err=True, nl=False)


def _written(each: Exported, form: str, separator: str) -> bytes:
    if form == "csv":
        return write_table_rows(each.device.id, each.device.body, each.credentials, separator)
    return write_json_line(each.device.id, each.device.document(), each.credentials)


@contextmanager
def _opened(output: Path | None) -> Iterator[BinaryIO]:
    """Lend the file to write to; one on disk appears when it is complete."""
    if output is None:
        yield sys.stdout.buffer
        return
    if output.exists() and not output.is_file():
        raise FileNotWritableError(f"not a file, so it cannot be replaced by one: {output}")
    new = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FileNotWritableError(f"cannot write {output}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        new.replace(output)
    except OSError as error:
        raise FileNotWritableError(f"cannot write {output}: {error.strerror}") from error
    finally:
        new.unlink(missing_ok=True)

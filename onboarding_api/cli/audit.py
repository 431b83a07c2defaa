"""onboarding-api audit: export the audit trail, and verify an export or the database."""

import json
import sys
from functools import partial
from pathlib import Path

import click

from onboarding_api.cli.options import current_database, database_option, json_option, tell
from onboarding_api.domain.audit import Chain, chain_of
from onboarding_api.domain.audit_proof import LINE_MAX, Kept, Proven, read_lines, verify
from onboarding_api.domain.errors import AuditUnknownError
from onboarding_api.domain.identifiers import parse_tenant_id
from onboarding_api.services.audit import AuditTrail


@click.group()
def audit() -> None:
    """Export the audit trail, and verify an export or the database."""


@audit.command()
@click.argument("tenant", metavar="[TENANT]", required=False)
@click.option("--since", default=0, type=click.IntRange(0), help="Only the entries after this one.")
@database_option
def export(tenant: str | None, since: int, database: str) -> None:
    """Print a tenant's chain, or the service's own, an entry a line: what `audit verify` reads."""
    out = sys.stdout.buffer
    chain = chain_of(None if tenant is None else parse_tenant_id(tenant))
    for entry in AuditTrail(current_database(database)).export(chain, since):
        out.write(entry.octets + b"\n")
    out.flush()


@audit.command()
@database_option
@json_option
def heads(database: str, as_json: bool) -> None:
    """Print where all chains end. Keep this elsewhere: `audit verify --head` then sees what was cut off."""
    found = AuditTrail(current_database(database)).heads()
    if as_json:
        click.echo(json.dumps([{"chain": each.chain, "head": str(each)} for each in found]))
    for each in [] if as_json else found:
        click.echo(f"{each.chain}  {each}")


@audit.command("verify")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--chain", help="Only this chain of the database: `service`, or `tenant:` and its id.")
@click.option("--head", help="SEQUENCE:HASH as printed before; it must still be part of the chain.")
@database_option
@json_option
def verify_chains(file: Path | None, chain: str | None, head: str | None, database: str, as_json: bool) -> None:
    """Verify an export, or without FILE the database: nothing altered, removed, moved or cut off. Prints the heads."""
    kept = None if head is None else Kept.of(head)
    if file is not None:
        return _tell(_verify_file(file, kept), as_json)
    if kept is not None and chain is None:
        raise click.UsageError("with --head, name the file or the --chain")
    trail = AuditTrail(current_database(database))
    for proven in trail.verify_all() if chain is None else [trail.verify(Chain(chain), kept)]:
        _tell(proven, as_json)
    return None


def _verify_file(path: Path, kept: Kept | None) -> Proven:
    try:
        with path.open("rb") as file:
            return verify(read_lines(iter(partial(file.readline, LINE_MAX), b"")), kept)
    except OSError as error:
        raise AuditUnknownError(f"cannot read {path}: {error.strerror}") from error


def _tell(proven: Proven, as_json: bool) -> None:
    head = proven.head
    document = {"chain": head.chain, "first": proven.first, "previous": proven.previous, "head": str(head)}
    begun = "" if proven.first == 1 else f", after {proven.first - 1}:{proven.previous}"
    tell(as_json, document, f"{head.chain}: entries {proven.first} to {head.sequence} are whole{begun}\nhead {head}")

"""onboarding-api tenant: create tenants, list them, and get what a broker must trust."""

import json
import os
from pathlib import Path
from typing import BinaryIO

import click

from onboarding_api.app import wall_clock
from onboarding_api.cli.options import console, current_database, database_option, json_option, key_file_option, tell
from onboarding_api.domain.hono import iso
from onboarding_api.domain.identifiers import parse_tenant_id
from onboarding_api.key_file import load_seal
from onboarding_api.services.tenants import TenantDirectory, Tenants


@click.group()
def tenant() -> None:
    """Create tenants, list them, and get what a broker must trust."""


@tenant.command()
@click.argument("tenant_id", metavar="TENANT")
@click.option("--endpoint", required=True, help="Where the tenant's devices connect: mqtts://HOST:PORT.")
@click.option("--endpoint-ca", type=click.File("rb"), help="PEM of the endpoint's private authority, a P-256 one.")
@database_option
@key_file_option
@json_option
def create(
    tenant_id: str, endpoint: str, endpoint_ca: BinaryIO | None, database: str, key_file: Path, as_json: bool
) -> None:
    """Create a tenant with its own certification authority."""
    tenants = Tenants(current_database(database), load_seal(key_file), os.urandom)
    pem = endpoint_ca.read() if endpoint_ca else None
    authority = tenants.create(parse_tenant_id(tenant_id), endpoint, pem, wall_clock(), console())
    subject = authority.certificate.subject.rfc4514_string()
    document = {"id": tenant_id, "endpoint": endpoint, "authority": subject}
    tell(as_json, document, f"tenant {tenant_id} created; its devices are certified by {subject}")


@tenant.command()
@click.argument("tenant_id", metavar="TENANT")
@click.option("--endpoint", required=True, help="Where the tenant's devices connect: mqtts://HOST:PORT.")
@click.option("--endpoint-ca", type=click.File("rb"), help="PEM of the endpoint's private authority, a P-256 one.")
@database_option
@key_file_option
@json_option
def endpoint(
    tenant_id: str, endpoint: str, endpoint_ca: BinaryIO | None, database: str, key_file: Path, as_json: bool
) -> None:
    """Say where a tenant's devices connect, also that of one which Hono's API created."""
    tenants = Tenants(current_database(database), load_seal(key_file), os.urandom)
    tenants.give_endpoint(
        parse_tenant_id(tenant_id), endpoint, endpoint_ca.read() if endpoint_ca else None, wall_clock(), console()
    )
    tell(as_json, {"id": tenant_id, "endpoint": endpoint}, f"devices of {tenant_id} connect to {endpoint} from now on")


@tenant.command("list")
@database_option
@json_option
def list_tenants(database: str, as_json: bool) -> None:
    """List all tenants."""
    records = TenantDirectory(current_database(database)).list()
    if as_json:
        rows = [{"id": r.id, "endpoint": r.endpoint_url, "created_at": iso(r.created_at)} for r in records]
        click.echo(json.dumps(rows))
    for record in [] if as_json else records:
        click.echo(f"{record.id}  {record.endpoint_url or 'no endpoint'}  since {iso(record.created_at)}")


@tenant.command("ca")
@click.argument("tenant_id", metavar="[TENANT]", required=False)
@click.option("--all", "everyone", is_flag=True, help="The authorities of all tenants, for a broker they share.")
@database_option
def authorities(tenant_id: str | None, everyone: bool, database: str) -> None:
    """Print the authorities of a tenant as PEM: what its broker must trust."""
    if (tenant_id is None) != everyone:
        raise click.UsageError("name a tenant, or give --all")
    directory = TenantDirectory(current_database(database))
    wanted = [record.id for record in directory.list()] if tenant_id is None else [parse_tenant_id(tenant_id)]
    for each in wanted:
        click.echo(directory.authority_pem(each), nl=False)

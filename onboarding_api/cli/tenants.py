"""onboarding-api tenant: create, list, show, update and delete tenants, and get what a broker must trust."""

import json
import os
from pathlib import Path
from typing import BinaryIO

import click

from onboarding_api.app import wall_clock
from onboarding_api.cli.local import (
    confirm,
    document_argument,
    document_option,
    local_operator,
    read_json,
    show,
    table,
    version_option,
    yes_option,
)
from onboarding_api.cli.options import (
    console,
    current_database,
    database_option,
    json_option,
    key_file_option,
    opened_seal,
    tell,
)
from onboarding_api.domain.errors import EndpointRefusedError
from onboarding_api.domain.hono import iso
from onboarding_api.domain.identifiers import parse_tenant_id
from onboarding_api.domain.management.documents import require_object
from onboarding_api.domain.management.identifiers import read_tenant
from onboarding_api.domain.management.versions import Precondition
from onboarding_api.services.bulk.exports import DeviceExport
from onboarding_api.services.management.tenants import TenantManagement
from onboarding_api.services.tenants import TenantDirectory, Tenants


@click.group()
def tenant() -> None:
    """Create, list, show, update and delete tenants, and get what a broker must trust."""


@tenant.command()
@click.argument("tenant_id", metavar="TENANT")
@click.option("--endpoint", help="Where the tenant's devices connect: mqtts://HOST:PORT.")
@click.option("--endpoint-ca", type=click.File("rb"), help="PEM of the endpoint's private authority, a P-256 one.")
@document_option
@database_option
@key_file_option
@json_option
def create(
    tenant_id: str,
    endpoint: str | None,
    endpoint_ca: BinaryIO | None,
    document: BinaryIO | None,
    database: str,
    key_file: Path,
    as_json: bool,
) -> None:
    """Create a tenant, with an endpoint and its own certification authority if its devices are to be onboarded."""
    identifier, opened = parse_tenant_id(tenant_id), current_database(database)
    tenants = Tenants(opened, opened_seal(opened, key_file), os.urandom)
    body = require_object(read_json(document)) if document else None
    if endpoint is None:
        if endpoint_ca is not None:
            raise EndpointRefusedError("there is an authority of the endpoint, but no endpoint")
        TenantManagement(opened, os.urandom).create(local_operator(), identifier, body or {}, wall_clock())
        tell(as_json, {"id": tenant_id, "endpoint": None}, f"tenant {tenant_id} created; it has no endpoint yet")
        return
    pem = endpoint_ca.read() if endpoint_ca else None
    tenants.create(identifier, endpoint, pem, wall_clock(), console(), body)
    subject = f"O={identifier}"
    created = {"id": tenant_id, "endpoint": endpoint, "authority": subject}
    tell(as_json, created, f"tenant {tenant_id} created; its devices are certified by {subject}")


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
    opened = current_database(database)
    tenants = Tenants(opened, opened_seal(opened, key_file), os.urandom)
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
        documents = [{"id": r.id, "endpoint": r.endpoint_url, "created_at": iso(r.created_at)} for r in records]
        click.echo(json.dumps(documents))
    elif records:
        rows = [[record.id, record.endpoint_url or "-", iso(record.created_at)] for record in records]
        click.echo(table(["TENANT", "ENDPOINT", "CREATED"], rows))
    else:
        click.echo("no tenants", err=True)


@tenant.command("show")
@click.argument("tenant_id", metavar="TENANT")
@database_option
@json_option
def show_tenant(tenant_id: str, database: str, as_json: bool) -> None:
    """Show a tenant's document, version and endpoint."""
    opened, identifier = current_database(database), read_tenant(tenant_id)
    found = TenantManagement(opened, os.urandom).read(local_operator(), identifier)
    endpoint = next((each.endpoint_url for each in TenantDirectory(opened).list() if each.id == identifier), None)
    show(as_json, {"id": tenant_id, "version": found.version, "endpoint": endpoint, "document": found.body})


@tenant.command()
@click.argument("tenant_id", metavar="TENANT")
@document_argument
@version_option
@database_option
@json_option
def update(tenant_id: str, document: BinaryIO, if_version: str | None, database: str, as_json: bool) -> None:
    """Replace a tenant's document by that in FILE; - is standard input. Its endpoint stays."""
    tenants, body = TenantManagement(current_database(database), os.urandom), read_json(document)
    precondition = Precondition.of(if_version)
    version = tenants.replace(local_operator(), read_tenant(tenant_id), body, precondition, wall_clock())
    tell(as_json, {"id": tenant_id, "version": version}, f"tenant {tenant_id} updated")


@tenant.command()
@click.argument("tenant_id", metavar="TENANT")
@version_option
@yes_option
@database_option
@json_option
def delete(tenant_id: str, if_version: str | None, yes: bool, database: str, as_json: bool) -> None:
    """Delete a tenant with its users, devices, credentials, certificates and onboardings."""
    opened, identifier = current_database(database), read_tenant(tenant_id)
    devices = DeviceExport(opened).count(local_operator(), identifier)
    confirm(yes, f"Delete tenant {tenant_id} with its users and {devices} devices?")
    TenantManagement(opened, os.urandom).delete(local_operator(), identifier, Precondition.of(if_version), wall_clock())
    tell(as_json, {"id": tenant_id, "deleted": True, "devices": devices}, f"tenant {tenant_id} deleted")


@tenant.command("ca")
@click.argument("tenant_id", metavar="[TENANT]", required=False)
@click.option("--all", "everyone", is_flag=True, help="The authorities of all tenants, for a broker they share.")
@database_option
@json_option
def authorities(tenant_id: str | None, everyone: bool, database: str, as_json: bool) -> None:
    """Print the authorities of a tenant as PEM: what its broker must trust."""
    if (tenant_id is None) != everyone:
        raise click.UsageError("name a tenant, or give --all")
    directory = TenantDirectory(current_database(database))
    if tenant_id is not None:
        wanted = [parse_tenant_id(tenant_id)]
    else:
        wanted = [record.id for record in directory.list() if record.endpoint_url is not None]
    found = [{"id": each, "pem": directory.authority_pem(each)} for each in wanted]
    if as_json:
        click.echo(json.dumps(found if everyone else found[0]))
    for told in [] if as_json else found:
        click.echo(told["pem"], nl=False)

"""onboarding-api device: create, list, show, update, delete, import, export."""

import os
from typing import BinaryIO

import click
import msgspec

from onboarding_api.app import wall_clock
from onboarding_api.cli.exporting import export_devices
from onboarding_api.cli.importing import import_devices
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
from onboarding_api.cli.options import current_database, database_option, json_option, tell
from onboarding_api.domain.errors import NothingFoundError
from onboarding_api.domain.hono import iso
from onboarding_api.domain.management.devices import DeviceRecord
from onboarding_api.domain.management.identifiers import read_device, read_tenant
from onboarding_api.domain.management.search import (
    PAGE_SIZE,
    PAGE_SIZE_MAX,
    Filter,
    Found,
    Order,
    Search,
    distinct_filters,
    distinct_orders,
    read_filter,
    read_pointer,
)
from onboarding_api.domain.management.versions import Precondition
from onboarding_api.services.management.devices import DeviceManagement


@click.group()
def device() -> None:
    """Create, list, show, update and delete devices; import and export many."""


for command in (import_devices, export_devices):
    device.add_command(command)


@device.command()
@click.argument("tenant")
@click.argument("device_id", metavar="[DEVICE]", required=False)
@document_option
@database_option
@json_option
def create(tenant: str, device_id: str | None, document: BinaryIO | None, database: str, as_json: bool) -> None:
    """Create a device without credentials, under an id of our own if none is given."""
    wanted = None if device_id is None else read_device(tenant, device_id).device
    body = read_json(document) if document else {}
    key, version = _devices(database).create(local_operator(), read_tenant(tenant), wanted, body, wall_clock())
    tell(as_json, {"id": key.device, "version": version}, f"device {key.device} created")


@device.command("list")
@click.argument("tenant")
@click.option("--filter", "filters", multiple=True, metavar="/POINTER=VALUE", help="* and ? in a text are wildcards.")
@click.option("--sort", "orders", multiple=True, metavar="/POINTER[:desc]")
@click.option("--gateways/--no-gateways", default=None, help="Gateways alone, or others alone.")
@click.option("--page-size", type=click.IntRange(1, PAGE_SIZE_MAX), default=PAGE_SIZE, show_default=True)
@click.option("--page", type=click.IntRange(min=0), default=0, show_default=True, help="Counted from 0.")
@database_option
@json_option
def list_devices(
    tenant: str,
    filters: tuple[str, ...],
    orders: tuple[str, ...],
    gateways: bool | None,
    page_size: int,
    page: int,
    database: str,
    as_json: bool,
) -> None:
    """List the devices of a tenant that match all filters, a page at a time."""
    wanted = distinct_filters(map(_filter, filters), "--filter")
    search = Search(wanted, distinct_orders(map(_order, orders), "--sort"), page_size, page, gateways)
    try:
        found = _devices(database).search(local_operator(), read_tenant(tenant), search)
    except NothingFoundError:
        found = Found(0, [])
    if as_json:
        show(True, {"total": found.total, "result": [{"id": each.id} | each.document() for each in found.page]})
        return
    if found.page:
        click.echo(table(["DEVICE", "ENABLED", "VIA", "CREATED", "UPDATED"], [_line(each) for each in found.page]))
    click.echo(f"{len(found.page)} of {found.total}", err=True)


@device.command("show")
@click.argument("tenant")
@click.argument("device_id", metavar="DEVICE")
@database_option
@json_option
def show_device(tenant: str, device_id: str, database: str, as_json: bool) -> None:
    """Show a device's document and version."""
    found = _devices(database).read(local_operator(), read_device(tenant, device_id))
    show(as_json, {"id": found.id, "version": found.version, "document": found.document()})


@device.command()
@click.argument("tenant")
@click.argument("device_id", metavar="DEVICE")
@document_argument
@version_option
@database_option
@json_option
def update(
    tenant: str, device_id: str, document: BinaryIO, if_version: str | None, database: str, as_json: bool
) -> None:
    """Replace a device's document by that in FILE; - is standard input."""
    key, body = read_device(tenant, device_id), read_json(document)
    version = _devices(database).replace(local_operator(), key, body, Precondition.of(if_version), wall_clock())
    tell(as_json, {"id": device_id, "version": version}, f"device {device_id} updated")


@device.command()
@click.argument("tenant")
@click.argument("device_id", metavar="DEVICE")
@version_option
@yes_option
@database_option
@json_option
def delete(tenant: str, device_id: str, if_version: str | None, yes: bool, database: str, as_json: bool) -> None:
    """Delete a device with its credentials, revoke its certificates and free its hardware."""
    devices, key = _devices(database), read_device(tenant, device_id)
    devices.read(local_operator(), key)
    confirm(yes, f"Delete device {device_id} of {tenant} with its credentials?")
    devices.delete(local_operator(), key, Precondition.of(if_version), wall_clock())
    tell(as_json, {"id": device_id, "deleted": True}, f"device {device_id} deleted")


def _devices(database: str) -> DeviceManagement:
    return DeviceManagement(current_database(database), os.urandom)


def _filter(text: str) -> Filter:
    """Read /pointer=value; true, false and numbers are what they look like, and "7" in quotation marks is a text."""
    pointer, separator, value = text.partition("=")
    if not separator or not _is_text(text):
        raise click.UsageError(f"not a filter such as /enabled=true: {text}")
    try:
        meant = msgspec.json.decode(value, type=bool | int | float | str)
    except msgspec.DecodeError:
        meant = value
    return read_filter(pointer, meant, "--filter")


def _is_text(argument: str) -> bool:
    """Tell whether an argument was UTF-8; octets that were not are half surrogate pairs in it."""
    return not any("\ud800" <= character <= "\udfff" for character in argument)


def _order(text: str) -> Order:
    pointer, _, direction = text.partition(":")
    if direction not in ("", "asc", "desc") or not _is_text(text):
        raise click.UsageError(f"not an order such as /status/created:desc: {text}")
    return Order(read_pointer(pointer, "--sort"), direction == "desc")


def _line(found: DeviceRecord) -> list[str]:
    via = found.body.get("via")
    updated = found.status.updated
    return [
        found.id,
        "no" if found.body.get("enabled") is False else "yes",
        ", ".join(map(str, via)) if isinstance(via, list) else "",
        iso(found.status.created),
        "" if updated is None else iso(updated),
    ]

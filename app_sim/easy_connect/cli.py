"""`app-sim easy-connect`: configure, be configured, or decode, with any standard peer."""

import json
import sys
import textwrap
import time
from collections.abc import Mapping

import click
from cryptography.hazmat.primitives.asymmetric import ec
from rich.console import Console

from app_sim import config
from app_sim.central import Central
from app_sim.easy_connect import tcp
from app_sim.easy_connect.configurator import Configured, Offer, configure
from app_sim.easy_connect.conversation import Conversation
from app_sim.easy_connect.decode import decode
from app_sim.easy_connect.enrollee import Enrolled, Enrollee, first_success
from app_sim.easy_connect.files import read_configurator_key, read_members, read_passphrase
from app_sim.easy_connect.options import (
    SECONDS,
    Commands,
    connect_option,
    json_option,
    members_option,
    option,
    read_address,
    read_name,
    read_ssid,
    run_in_time,
    secrets_option,
    timeout_option,
)
from app_sim.easy_connect.symbol import draw_symbol
from app_sim.easy_connect.tcp import LOOPBACK, PORT, Address, TcpLink
from app_sim.errors import AppError
from app_sim.label import read_label
from app_sim.link import Link
from app_sim.progress import JsonLines, Lines, Progress, StepName, write_json
from app_sim.text import shown
from onboarding_protocol.bootstrapping import BootstrappingKey, BootstrappingUri
from onboarding_protocol.dpp import Akm, Capability, Connection, EnrolleeRequest, Status

_AKMS = [akm.value for akm in Akm if akm is not Akm.DOT1X]
_JOININGS = {status.name.lower().replace("_", "-"): status for status in (Status.OK, Status.AUTH_FAILURE, Status.NO_AP)}


@click.group(name="easy-connect", cls=Commands)
def easy_connect() -> None:
    """Speak Wi-Fi Easy Connect with any standard peer."""


easy_connect.add_command(decode)


@easy_connect.command(name="configure")
@option("--uri", required=True, metavar="DPP_URI_OR_PICTURE", help="The enrollee's label.", variable="LABEL")
@click.option("--tcp", "address", callback=read_address, metavar="HOST[:PORT]", help="Where the enrollee listens.")
@click.option("--ble", is_flag=True, help="The enrollee offers our GATT service; it is found by its name.")
@option("--ssid", required=True, callback=read_ssid, metavar="SSID", help="The network to give.", variable="WIFI")
@click.option("--akm", type=click.Choice(_AKMS), default=Akm.PSK_SAE.value, show_default=True, help="How to join it.")
@option(
    "--password-file",
    variable="WIFI_PASSWORD_FILE",
    metavar="FILE",
    help="File with the network's password in its first line; - for standard input.",
)
@option("--configurator-key", metavar="FILE", help="PEM key that signs Connectors (--akm dpp…); made if missing.")
@members_option
@click.option("--status/--no-status", "wants_status", default=True, help="Ask how joining went.  [default: --status]")
@option("--scan-timeout", type=SECONDS, default=config.SCAN_S, show_default=True, help="To hear the enrollee, s.")
@connect_option
@timeout_option
@secrets_option
@json_option
def configure_command(
    uri: str,
    address: Address | None,
    ble: bool,
    ssid: bytes,
    akm: str,
    password_file: str | None,
    configurator_key: str | None,
    members: str | None,
    wants_status: bool,
    scan_timeout: float,
    connect_timeout: float,
    timeout: float | None,
    show_secrets: bool,
    as_json: bool,
) -> None:
    """Give an enrollee Wi-Fi, over TCP or Bluetooth, and say what it answers."""
    if ble == (address is not None):
        raise click.UsageError("give either --tcp or --ble")
    if "dpp" in akm.split("+") and configurator_key is None:
        raise click.UsageError(f"--akm {akm} needs --configurator-key")
    label = read_label(uri).key
    offer = Offer(
        ssid,
        Akm(akm),
        read_passphrase(password_file, ssid, Akm(akm)),
        read_members(members),
        None if configurator_key is None else read_configurator_key(configurator_key),
        wants_status,
    )
    progress = Progress(JsonLines(sys.stdout) if as_json else Lines(Console(highlight=False)), time.monotonic)
    radio = Central(scan_timeout, connect_timeout)
    work = _configure(label, address, radio, offer, progress, connect_timeout)
    _show_configured(run_in_time(work, timeout), as_json, show_secrets)


@easy_connect.command()
@option("--listen", callback=read_address, metavar="HOST:PORT", help=f"Wait here.  [default: {LOOPBACK}:{PORT}]")
@click.option(
    "--tcp", "address", callback=read_address, metavar="HOST[:PORT]", help="Ask the configurator that is here."
)
@click.option("--uri", metavar="DPP_URI_OR_PICTURE", help="With --tcp: the configurator's label.")
@click.option(
    "--peer", metavar="DPP_URI_OR_PICTURE", help="With --listen: the only configurator to take; it must prove it."
)
@click.option("--name", default="app-sim", callback=read_name, show_default=True, help="What to say of ourselves.")
@members_option
@click.option("--joining", type=click.Choice(list(_JOININGS)), default="no-ap", show_default=True, help="How it went.")
@connect_option
@timeout_option
@secrets_option
@json_option
def enroll(
    listen: Address | None,
    address: Address | None,
    uri: str | None,
    peer: str | None,
    name: str,
    members: str | None,
    joining: str,
    connect_timeout: float,
    timeout: float | None,
    show_secrets: bool,
    as_json: bool,
) -> None:
    """Be an enrollee with a new label, and show what a configurator gives. Nothing is stored, no network joined."""
    if (address is None) != (uri is None) or (address is not None and listen is not None):
        raise click.UsageError("give --listen, or --tcp with --uri")
    if peer is not None and address is not None:
        raise click.UsageError("--peer goes with --listen")
    request = EnrolleeRequest(name, members=read_members(members))
    wanted = None if peer is None else read_label(peer).key
    enrollee = Enrollee(request, _JOININGS[joining], int(time.time()), wanted)
    if address is not None and uri is not None:
        work = _ask(enrollee, read_label(uri).key, address, connect_timeout)
    else:
        work = _answer(enrollee, listen or Address(LOOPBACK, PORT), as_json)
    _show_enrolled(run_in_time(work, timeout), as_json, show_secrets)


async def _configure(
    label: BootstrappingKey,
    address: Address | None,
    radio: Central,
    offer: Offer,
    progress: Progress,
    connect_s: float,
) -> Configured:
    link: Link
    if address is None:
        with progress.step(StepName.SCAN, "enrollee heard") as step:
            sighting = await radio.find(label.name)
            step.facts |= {"address": sighting.address, "rssi": sighting.rssi}
        with progress.step(StepName.CONNECT, "connected"):
            link = await radio.connect(sighting)
    else:
        with progress.step(StepName.CONNECT, "connected") as step:
            step.facts["address"] = str(address)
            link = await tcp.connect(address, connect_s)
    try:
        connection = Connection.initiator(label, Capability.CONFIGURATOR)
        return await configure(Conversation(connection, link, time.monotonic), offer, progress)
    finally:
        await link.close()


async def _ask(enrollee: Enrollee, label: BootstrappingKey, address: Address, connect_s: float) -> Enrolled:
    link = await tcp.connect(address, connect_s)
    try:
        connection = Connection.initiator(label, Capability.ENROLLEE)
        return await enrollee.ask(Conversation(connection, link, time.monotonic))
    finally:
        await link.close()


async def _answer(enrollee: Enrollee, address: Address, as_json: bool) -> Enrolled:
    key = ec.generate_private_key(ec.SECP256R1())

    async def serve(link: TcpLink) -> Enrolled:
        connection = Connection.responder(key, Capability.ENROLLEE)
        return await enrollee.answer(Conversation(connection, link, time.monotonic))

    def refused(peer: str, error: AppError) -> None:
        if as_json:
            write_json({"refused": {"peer": peer, **error.to_json()}}, sys.stdout)
        else:
            click.echo(shown(f"{peer}: {error}"), err=True)

    async with tcp.listen(address) as listener:
        uri = str(BootstrappingUri(BootstrappingKey.from_public_key(key.public_key())))
        if as_json:
            write_json({"listening": {"address": str(listener.address), "uri": uri}}, sys.stdout)
        else:
            click.echo(
                f"{draw_symbol(uri)}\n{uri}\nListening at {listener.address} for a configurator that has read it."
            )
        return await first_success(listener, serve, refused)


def _show_configured(configured: Configured, as_json: bool, show_secrets: bool) -> None:
    result = configured.to_json(show_secrets=show_secrets)
    if as_json:
        write_json({"result": result}, sys.stdout)
        return
    click.echo(f"It says of itself: {_line(result['enrollee'])}")
    click.echo(f"Result: {result['result']}. Connection Status: {_line(result['connection_status'])}")


def _show_enrolled(enrolled: Enrolled, as_json: bool, show_secrets: bool) -> None:
    result = enrolled.to_json(show_secrets=show_secrets)
    if as_json:
        write_json({"result": result}, sys.stdout)
        return
    for number, given in enumerate(enrolled.documents(show_secrets=show_secrets), start=1):
        click.echo(f"Configuration {number}:\n{textwrap.indent(json.dumps(given, indent=2), '  ')}")
    click.echo(f"Configured; a Connection Status was {'sent' if enrolled.wants_status else 'not asked for'}.")


def _line(document: object) -> str:
    if not isinstance(document, Mapping):
        return "unknown"
    return ", ".join(f"{name} {json.dumps(value)}" for name, value in document.items())

"""`virtual-bluez`: run parties until told to stop.

Once everything is ready one line per party (or one JSON object) is printed; SIGTERM or SIGINT ends it with exit
code 0 and nothing left behind.
"""

import asyncio
import json
import signal
import sys
from pathlib import Path

import click

from virtual_bluez.message_bus import BusError
from virtual_bluez.world import DEFAULT_MTU, LARGEST_MTU, SMALLEST_MTU, VirtualBluez

__all__ = ["main"]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--party", "parties", multiple=True, required=True, metavar="NAME", help="A party; repeat for more.")
@click.option(
    "--mtu",
    type=click.IntRange(SMALLEST_MTU, LARGEST_MTU),
    default=DEFAULT_MTU,
    show_default=True,
    help="The ATT MTU both ends of every link agree on.",
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the bus sockets go: a private directory, made if need be. Default: a temporary one.",
)
@click.option(
    "--latency-ms", type=click.FloatRange(min=0), default=0.0, show_default=True, help="Time to a connection event."
)
@click.option(
    "--counters",
    type=click.Path(path_type=Path, dir_okay=False),
    help="At the end, write what each party has sent to this file (JSON).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as one JSON object.")
def main(
    parties: tuple[str, ...],
    mtu: int,
    directory: Path | None,
    latency_ms: float,
    counters: Path | None,
    *,
    as_json: bool,
) -> None:
    """Offer org.bluez on D-Bus without a radio, one private bus per party.

    A program joins as a party by its environment: DBUS_SYSTEM_BUS_ADDRESS as printed.
    """
    try:
        world = VirtualBluez(parties, mtu=mtu, latency_ms=latency_ms, directory=directory)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        asyncio.run(_run(world, as_json=as_json))
    except BusError as error:
        click.echo(f"virtual-bluez: {error}", err=True)
        sys.exit(1)
    if counters:
        sent = {party: world.counters(party).as_dict() for party in world.parties}
        counters.write_text(json.dumps({"parties": sent}) + "\n")


async def _run(world: VirtualBluez, *, as_json: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with world:
        click.echo(_ready(world, as_json=as_json))
        await stop.wait()


def _ready(world: VirtualBluez, *, as_json: bool) -> str:
    addresses = {party: world.bus_address(party) for party in world.parties}
    if as_json:
        return json.dumps({"parties": addresses})
    return "\n".join(f"{party} DBUS_SYSTEM_BUS_ADDRESS={address}" for party, address in addresses.items())

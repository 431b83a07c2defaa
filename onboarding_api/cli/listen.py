"""onboarding-api listen: take notice of devices at the broker, and renew their certificates."""

import asyncio
import os
import signal
from functools import partial
from pathlib import Path

import click

from onboarding_api.app import wall_clock
from onboarding_api.broker_session import BrokerAccess
from onboarding_api.cli.checking import Check, check_configuration
from onboarding_api.cli.options import (
    certificate_life_option,
    check_option,
    current_database,
    database_option,
    json_option,
    key_file_option,
    opened_seal,
    tell,
)
from onboarding_api.domain.errors import RegistryError
from onboarding_api.key_file import load_seal
from onboarding_api.listener import Ears
from onboarding_api.listener import listen as listen_forever
from onboarding_api.logs import configure_logging
from onboarding_api.services.contacts import Contacts
from onboarding_api.services.renewals import Renewals
from onboarding_api.services.tenants import Authorities

_PEM = click.Path(path_type=Path, dir_okay=False)
_AGAIN_S = 0.5


@click.command()
@click.option("--broker", envvar="ONBOARDING_BROKER", required=True, help="mqtts://HOST:PORT")
@click.option(
    "--broker-ca", envvar="ONBOARDING_BROKER_CA", required=True, type=_PEM, help="Who vouches for the broker."
)
@click.option("--certificate", envvar="ONBOARDING_CERTIFICATE", required=True, type=_PEM, help="Ours, for the broker.")
@click.option("--key", envvar="ONBOARDING_KEY", required=True, type=_PEM, help="The certificate's private key.")
@click.option(
    "--session",
    envvar="ONBOARDING_SESSION",
    default="onboarding-listener",
    show_default=True,
    help="The broker keeps what devices say for the listener of this name; a second listener needs another.",
)
@database_option
@key_file_option
@certificate_life_option
@check_option
@json_option
def listen(
    broker: str,
    broker_ca: Path,
    certificate: Path,
    key: Path,
    session: str,
    database: str,
    key_file: Path,
    certificate_seconds: int,
    check_config: bool,
    as_json: bool,
) -> None:
    """Mark devices connected and renew their certificates, until SIGTERM. Prints one line at each subscription."""
    access = partial(BrokerAccess.of, broker, broker_ca, certificate, key, session)
    checks = [
        Check("database", lambda: current_database(database)),
        Check("key-file", lambda: _require_keys(database, key_file)),
        Check("broker", access),
        Check("certificates", lambda: BrokerAccess("", 0, broker_ca, certificate, key, session).tls()),
    ]
    check_configuration(checks, only=check_config, as_json=as_json)
    configure_logging()
    registry = current_database(database)
    authorities = Authorities(registry, opened_seal(registry, key_file))
    renewals = Renewals(registry, authorities, os.urandom, certificate_seconds)
    ears = Ears(Contacts(registry), renewals, wall_clock)
    asyncio.run(_until_told(ears, access(), as_json, broker))


def _require_keys(url: str, key_file: Path) -> None:
    """Refuse a key file that cannot be read or, if the database can be asked, that is another database's."""
    load_seal(key_file)
    try:
        database = current_database(url)
    except RegistryError:
        return
    opened_seal(database, key_file)


async def _until_told(ears: Ears, access: BrokerAccess, as_json: bool, broker: str) -> None:
    def ready() -> None:
        tell(as_json, {"event": "listening", "broker": broker}, f"listening {broker}")

    listening = asyncio.create_task(listen_forever(ears, access, ready))
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    waiting = asyncio.create_task(told.wait())
    await asyncio.wait([listening, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    while not listening.done():  # until Python 3.12, wait_for may lose a cancellation that comes with its answer
        listening.cancel()
        await asyncio.wait([listening], timeout=_AGAIN_S)
    if not listening.cancelled():
        listening.result()

"""The command line: options and ONBOARDING_… variables in, lines or JSON out, one exit code.

Passwords come from files, standard input or the terminal, never from the command line. Exit codes: 0 done, 1 not
done and the error says why, 2 the command line is wrong.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click
from rich.console import Console

from app_sim import config
from app_sim.api_client import ApiClient
from app_sim.central import Central
from app_sim.config import Account, Patience
from app_sim.documents import OnboardingId, OnboardingView
from app_sim.easy_connect.cli import easy_connect
from app_sim.errors import AppError, DeviceNotFoundError, OverdueError
from app_sim.label import read_label
from app_sim.link import Sighting
from app_sim.onboard import onboard
from app_sim.outcome import Outcome
from app_sim.passwords import STDIN, read_passphrases, read_password
from app_sim.phone import Phone
from app_sim.progress import JsonLines, Lines, Progress, write_json
from app_sim.terminal import Terminal
from app_sim.text import shown
from app_sim.wifi import Wifi
from onboarding_protocol.dpp.objects import SSID_MAX_OCTETS

Done = TypeVar("Done")
Command = TypeVar("Command", bound=Callable[..., object])
_SECONDS = click.FloatRange(min=0, min_open=True)


class Program(click.Group):
    """The commands, and the one place where an error becomes a sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  # as click has it
        """Run the command; on an AppError say what happened and what to do next, and exit with 1."""
        try:
            return super().invoke(ctx)
        except AppError as error:
            if ctx.obj is _JSON:
                write_json({"error": error.to_json()}, sys.stdout)
            else:
                click.echo(f"Error: {shown(str(error))}\n{shown(error.remedy)}", err=True)
            ctx.exit(1)


_JSON = object()


def _remember_json(ctx: click.Context, _: click.Parameter, wanted: bool) -> bool:
    if wanted:
        ctx.find_root().obj = _JSON
    return wanted


def _ssid(_: click.Context, __: click.Parameter, name: str | None) -> bytes | None:
    if name is None:
        return None
    ssid = name.encode("utf-8", errors="surrogateescape")
    if not 0 < len(ssid) <= SSID_MAX_OCTETS:
        raise click.BadParameter(f"a network's name has 1 to {SSID_MAX_OCTETS} octets")
    return ssid


def _option(name: str, **settings: Any) -> Callable[[Command], Command]:  # noqa: ANN401  # handed on to click
    variable = "ONBOARDING_" + name.removeprefix("--").replace("-", "_").upper()
    return click.option(name, envvar=variable, show_envvar=True, **settings)


_json_option = click.option(
    "--json", "as_json", is_flag=True, is_eager=True, callback=_remember_json, help="One JSON object per line."
)


def _account_options(command: Command) -> Command:
    for option in (
        _option("--password-file", metavar="FILE", help="File with the password; - for standard input."),
        _option("--user", required=True, metavar="NAME", help="Account of the onboarding API."),
        _option("--api", required=True, metavar="URL", help="The onboarding API."),
    ):
        command = option(command)
    return command


_adapter_option = _option("--adapter", metavar="NAME", help="Bluetooth adapter, as hci1; else the system's choice.")


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Stand in for the phone: find a device by its label, register it, give it Wi-Fi."""


main.add_command(easy_connect)


@main.command()
@_option("--seconds", type=_SECONDS, default=10.0, show_default=True, help="How long to listen.")
@_option("--label", metavar="PICTURE_OR_DPP_URI", help="Mark the device with this label.")
@_adapter_option
@_json_option
def scan(seconds: float, label: str | None, adapter: str | None, as_json: bool) -> None:
    """Show the devices that offer to be onboarded."""
    wanted = None if label is None else read_label(label).key.name
    central = Central(scan_s=seconds, connect_s=config.CONNECT_S, adapter=adapter)
    asyncio.run(_scan(central, seconds, wanted, as_json))


@main.command(name="onboard")
@_option("--label", required=True, metavar="PICTURE_OR_DPP_URI", help="The device's label.")
@_account_options
@_option("--wifi", callback=_ssid, metavar="SSID", help="Network for the device; asked for on a terminal.")
@_option("--wifi-password-file", metavar="FILE", help="Passwords to try, one per line; - for standard input.")
@_option("--scan-timeout", type=_SECONDS, default=config.SCAN_S, show_default=True, help="To hear the device, s.")
@_option("--connect-timeout", type=_SECONDS, default=config.CONNECT_S, show_default=True, help="To connect, s.")
@_option("--request-timeout", type=_SECONDS, default=config.REQUEST_S, show_default=True, help="Per API request, s.")
@_option("--contact-timeout", type=_SECONDS, default=config.CONTACT_S, show_default=True, help="For first contact, s.")
@_option("--timeout", type=_SECONDS, help="For all of it, s; without it, each wait has its own limit only.")
@_adapter_option
@_json_option
def onboard_command(
    label: str,
    api: str,
    user: str,
    password_file: str | None,
    wifi: bytes | None,
    wifi_password_file: str | None,
    scan_timeout: float,
    connect_timeout: float,
    request_timeout: float,
    contact_timeout: float,
    timeout: float | None,
    adapter: str | None,
    as_json: bool,
) -> None:
    """Onboard the device with this label: register it, give it Wi-Fi, wait until it is connected."""
    if password_file == wifi_password_file == STDIN:
        raise click.UsageError("only one password can come from standard input")
    choice = Wifi(wifi, read_passphrases(wifi_password_file), _terminal())
    account = Account(api, user, read_password(password_file, user, ask=sys.stdin.isatty()))
    patience = Patience(scan_timeout, connect_timeout, request_timeout, contact_timeout)
    radio = Central(scan_timeout, connect_timeout, adapter)
    outcome = asyncio.run(_in_time(_onboard(label, radio, choice, account, patience, as_json), timeout))
    _show_outcome(outcome, as_json)


@main.command()
@click.argument("onboarding", metavar="ONBOARDING_ID")
@_account_options
@_option("--request-timeout", type=_SECONDS, default=config.REQUEST_S, show_default=True, help="Per API request, s.")
@_json_option
def status(
    onboarding: str, api: str, user: str, password_file: str | None, request_timeout: float, as_json: bool
) -> None:
    """Show how far an onboarding has come, in the API's view."""
    account = Account(api, user, read_password(password_file, user, ask=sys.stdin.isatty()))
    view = asyncio.run(_status(OnboardingId(onboarding), account, request_timeout))
    if as_json:
        write_json({"result": view.document}, sys.stdout)
    else:
        device = "no device yet" if view.device is None else f"device {view.device.id} of {view.device.tenant}"
        click.echo(shown(f"{view.id}: {view.state.value}, {device}"))


async def _onboard(
    label: str, radio: Central, choice: Wifi, account: Account, patience: Patience, as_json: bool
) -> Outcome:
    view = JsonLines(sys.stdout) if as_json else Lines(Console(highlight=False))
    async with (
        ApiClient(account.api, patience.request_s) as api,
        Phone(radio, api, choice, Progress(view, time.monotonic), account, patience) as phone,
    ):
        return await onboard(label, phone)


async def _status(onboarding: OnboardingId, account: Account, request_s: float) -> OnboardingView:
    async with ApiClient(account.api, request_s) as api:
        await api.sign_in(account.user, account.password)
        return await api.view(onboarding)


async def _scan(central: Central, seconds: float, wanted: str | None, as_json: bool) -> None:
    heard: dict[str, Sighting] = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), contextlib.aclosing(central.sightings()) as sightings:
            async for sighting in sightings:
                if sighting.address not in heard:
                    _show_sighting(sighting, sighting.name == wanted, as_json)
                heard[sighting.address] = sighting
    if wanted is not None and wanted not in {sighting.name for sighting in heard.values()}:
        raise DeviceNotFoundError(f"no device that fits the label (name {wanted}) was heard within {seconds:g} s")
    if as_json:
        write_json({"result": {"devices": [_describe(s, s.name == wanted) for s in heard.values()]}}, sys.stdout)
    elif not heard:
        click.echo("No device offers to be onboarded. Press a device's button to open its window.")


async def _in_time(work: Coroutine[None, None, Done], limit_s: float | None) -> Done:
    limit = asyncio.timeout(limit_s)
    try:
        async with limit:
            return await work
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise OverdueError(f"the onboarding was not finished within {limit_s:g} s") from error


def _terminal() -> Terminal | None:
    return Terminal(sys.stdin.fileno(), sys.stderr) if sys.stdin.isatty() and sys.stderr.isatty() else None


def _describe(sighting: Sighting, fits: bool) -> dict[str, object]:
    return {"name": sighting.name, "address": sighting.address, "rssi": sighting.rssi, "fits": fits}


def _show_sighting(sighting: Sighting, fits: bool, as_json: bool) -> None:
    if as_json:
        write_json({"device": _describe(sighting, fits)}, sys.stdout)
    else:
        mark = "  ← fits the label" if fits else ""
        click.echo(f"{shown(sighting.name):10} {sighting.address}  {sighting.rssi:4} dBm{mark}")


def _show_outcome(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        write_json({"result": outcome.to_json()}, sys.stdout)
        return
    device, ssid = outcome.device, shown(outcome.ssid)
    verb = "is registered and connected" if outcome.registered else "was yours already and is connected"
    click.echo(shown(f"Device {device.id} of {device.tenant} {verb}, in Wi-Fi “{ssid}”."))
    click.echo(
        shown(
            f"Onboarding {outcome.onboarding}; the device says: Wi-Fi {outcome.report.wifi}, "
            f"endpoint {outcome.report.endpoint}; the API says: {outcome.state.value}."
        )
    )

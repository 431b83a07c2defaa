"""Options that the commands share, and the one place where an error becomes a sentence and an exit code."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click

from app_sim.easy_connect.tcp import Address
from app_sim.errors import AppError, OverdueError
from app_sim.progress import write_json
from app_sim.text import shown
from onboarding_protocol.dpp.objects import SSID_MAX_OCTETS

Command = TypeVar("Command", bound=Callable[..., object])
Done = TypeVar("Done")
SECONDS = click.FloatRange(min=0, min_open=True)
_JSON = "app_sim.easy_connect.json"


class Commands(click.Group):
    """The commands; an AppError ends them with a sentence, a remedy and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  # as click has it
        """Run the command."""
        try:
            return super().invoke(ctx)
        except AppError as error:
            if ctx.meta.get(_JSON):
                write_json({"error": error.to_json()}, sys.stdout)
            else:
                click.echo(f"Error: {shown(str(error))}\n{shown(error.remedy)}", err=True)
            ctx.exit(1)


def option(name: str, *more: str, variable: str | None = None, **settings: Any) -> Callable[[Command], Command]:  # noqa: ANN401  # handed on to click
    """Return a click option that may also be given as an ONBOARDING_… variable."""
    variable = variable or name.removeprefix("--").split("/")[0].replace("-", "_").upper()
    return click.option(name, *more, envvar=f"ONBOARDING_{variable}", show_envvar=True, **settings)


def _remember_json(ctx: click.Context, _: click.Parameter, wanted: bool) -> bool:
    ctx.meta[_JSON] = wanted
    return wanted


json_option = click.option(
    "--json", "as_json", is_flag=True, is_eager=True, callback=_remember_json, help="One JSON object per line."
)
secrets_option = click.option("--show-secrets", is_flag=True, help="Show passwords, keys and proofs too.")
timeout_option = option("--timeout", type=SECONDS, help="For all of it, s; without it, each wait has its own limit.")
connect_option = option("--connect-timeout", type=SECONDS, default=20.0, show_default=True, help="To connect, s.")
members_option = click.option("--members", metavar="FILE", help="JSON object of third-party members to send along.")


def read_ssid(_: click.Context, __: click.Parameter, name: str) -> bytes:
    """Return the octets of a network's name."""
    ssid = name.encode("utf-8", errors="surrogateescape")
    if not 0 < len(ssid) <= SSID_MAX_OCTETS:
        raise click.BadParameter(f"a network's name has 1 to {SSID_MAX_OCTETS} octets")
    return ssid


def read_name(_: click.Context, __: click.Parameter, name: str) -> str:
    """Return what an enrollee calls itself."""
    if not name.isprintable():
        raise click.BadParameter("a name is printable")
    return name


def read_address(_: click.Context, __: click.Parameter, text: str | None) -> Address | None:
    """Return a TCP address."""
    try:
        return None if text is None else Address.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def run_in_time(work: Coroutine[None, None, Done], limit_s: float | None) -> Done:
    """Run the command's work; OverdueError when the limit for all of it has passed."""
    return asyncio.run(_in_time(work, limit_s))


async def _in_time(work: Coroutine[None, None, Done], limit_s: float | None) -> Done:
    limit = asyncio.timeout(limit_s)
    try:
        async with limit:
            return await work
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise OverdueError(f"it was not finished within {limit_s:g} s") from error

"""The `device-agent` command."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path

import click

from device_agent import control
from device_agent.config import DEFAULT_PATH, WINDOW_SECONDS_MAX, Config, config_files, read_config
from device_agent.errors import AgentError, ConfigurationFileError, NotRunningError, WifiError
from device_agent.journal import Journal, PriorityFormatter, systemd_journal, with_priority
from device_agent.store import Store, label_key, read_record
from device_agent.systemd import ServiceManager
from onboarding_protocol.bootstrapping import BootstrappingKey, BootstrappingUri

_PATH = "device_agent.path"
_as_json = click.option("--json", "as_json", is_flag=True, help="Write JSON, for scripts.")


@click.group(context_settings={"auto_envvar_prefix": "DEVICE_AGENT"})
@click.option("--config", "path", type=click.Path(path_type=Path), default=DEFAULT_PATH, show_default=True)
@click.pass_context
def program(context: click.Context, path: Path) -> None:
    """Take a factory-fresh device to owned, certified and connected."""
    context.obj = read_config(path)
    context.meta[_PATH] = path


@program.command()
@click.option("--open", "open_at_once", is_flag=True, help="Open the provisioning window at once.")
@click.option("--check-config", is_flag=True, help="Do not run: tell whether the configuration is good.")
@_as_json
@click.pass_context
def run(context: click.Context, open_at_once: bool, check_config: bool, as_json: bool) -> None:
    """Run the agent until it is told to stop."""
    from device_agent.agent import Agent  # Bluetooth and MQTT take most of the time that other commands would take
    from device_agent.companions import accompany

    if check_config:
        _check(context, as_json)
        return
    config: Config = context.obj
    stream = os.environ.get("JOURNAL_STREAM")
    _log_to_standard_error(systemd_journal(stream, sys.stderr.fileno()) is not None)
    journal = Journal(as_json, systemd_journal(stream, sys.stdout.fileno()))
    manager = ServiceManager.from_environment(os.environ)
    with contextlib.closing(Store(config.state, keys=config.keys)) as store:
        agent = Agent(config, store, journal)
        asyncio.run(_until_told(accompany(agent, open_at_once, config, journal, manager)))


@program.command(name="check-config")
@_as_json
@click.pass_context
def check_config(context: click.Context, as_json: bool) -> None:
    """Tell whether the configuration is good; if not, every problem with its file and what to do about it."""
    _check(context, as_json)


@program.command(name="open")
@click.option("--seconds", type=click.IntRange(1, WINDOW_SECONDS_MAX), help="How long; else as configured.")
@_as_json
@click.pass_obj
def open_window(config: Config, seconds: int | None, as_json: bool) -> None:
    """Press the button: open the provisioning window."""
    answer = control.ask(config.control_socket, {"command": "open", "seconds": seconds})
    _show(as_json, answer, "The provisioning window is open. Scan the label now.")


@program.command()
@click.option("--svg", type=click.Path(path_type=Path), help="Write the label as an SVG picture.")
@click.option("--png", type=click.Path(path_type=Path), help="Write the label as a PNG picture.")
@_as_json
@click.pass_obj
def label(config: Config, svg: Path | None, png: Path | None, as_json: bool) -> None:
    """Show the label, or write it as a picture."""
    from device_agent.label import Label  # pictures need libraries that nothing else needs

    with _owned_as_before(config.state):
        uri = BootstrappingUri(BootstrappingKey.from_public_key(label_key(config.state, config.keys).public_key()))
    made = Label(uri, config.serial)
    for path, content in ((svg, made.to_svg().encode), (png, made.to_png)):
        if path is not None:
            _write(path, content)
    facts = {"uri": str(uri), "code": made.code, "serial": config.serial, "name": uri.key.name}
    written = [str(path) for path in (svg, png) if path is not None]
    sentence = f"Wrote {' and '.join(written)}." if written else made.to_terminal()
    _show(as_json, facts, sentence)


@program.command()
@_as_json
@click.pass_obj
def status(config: Config, as_json: bool) -> None:
    """Say how far the device has come."""
    try:
        facts = control.ask(config.control_socket, {"command": "status"})
    except NotRunningError:
        record = read_record(config.state)
        owner = record.ownership
        facts = {"running": False, "state": record.state, "window": None}
        facts |= {} if owner is None else {"device": owner.device, "tenant": owner.tenant, "endpoint": owner.endpoint}
    known = (f"{name}: {value}" for name, value in facts.items() if value is not None)
    _show(as_json, facts, "\n".join(known))


@program.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@_as_json
@click.pass_obj
def reset(config: Config, yes: bool, as_json: bool) -> None:
    """Forget owner, Wi-Fi and identity. The label stays."""
    if not yes:
        click.confirm("Forget owner, Wi-Fi and identity of this device?", abort=True)
    try:
        answer = control.ask(config.control_socket, {"command": "reset"})
    except NotRunningError:
        with _owned_as_before(config.state):
            answer = _reset_at_rest(config)
    if answer.get("wifi_to_forget"):
        raise WifiError(
            "owner and identity are forgotten, the Wi-Fi network is not yet",
            "The agent goes on trying; what is in the way: journalctl -u device-agent.",
        )
    _show(as_json, answer, "The device is as it left the factory.")


@contextlib.contextmanager
def _owned_as_before(directory: Path) -> Iterator[None]:
    """Let the agent's user own what root makes in the agent's directory; else the agent could not read its own key."""
    try:
        yield
    finally:
        if os.geteuid() == 0 and directory.is_dir():
            owner = directory.stat()
            for path in directory.iterdir():
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _check(context: click.Context, as_json: bool) -> None:
    from device_agent.checks import missing

    path: Path = context.meta[_PATH]
    if problems := missing(path, context.obj):
        raise ConfigurationFileError.of(problems)
    files = [str(file) for file in config_files(path)]
    _show(as_json, {"good": True, "files": files}, f"The configuration is good: {', '.join(files)}")


def _log_to_standard_error(to_systemd: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    formatter = PriorityFormatter if to_systemd else logging.Formatter
    handler.setFormatter(formatter(f"{'' if to_systemd else '%(levelname)s '}%(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _reset_at_rest(config: Config) -> dict[str, object]:
    from device_agent.forgetting import forget_wifi
    from device_agent.wifi import open_wifi

    with contextlib.closing(Store(config.state, forgive=True, keys=config.keys)) as store:
        store.reset()
        asyncio.run(forget_wifi(store, open_wifi(config.wifi)))
        return {"reset": True, "resets": store.record.resets}


def _show(as_json: bool, facts: Mapping[str, object], sentence: str) -> None:
    click.echo(json.dumps(facts, default=str) if as_json else sentence)


def _write(path: Path, content: Callable[[], bytes]) -> None:
    try:
        path.write_bytes(content())
    except OSError as error:
        remedy = "Name a folder that you may write to."
        raise AgentError(f"{path} cannot be written: {error.strerror}", remedy) from error


async def _until_told(work: Coroutine[None, None, None]) -> None:
    task = asyncio.create_task(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def main() -> None:
    """Run the command line; errors say what happened and what to do next."""
    try:
        program()
    except AgentError as error:
        if "--json" in sys.argv:
            click.echo(json.dumps({"error": _facts(error)}))
        told = f"device-agent: {error}.\n{error.remedy}"
        if systemd_journal(os.environ.get("JOURNAL_STREAM"), sys.stderr.fileno()) is not None:
            told = with_priority(logging.ERROR, told)
        click.echo(told, err=True)
        sys.exit(1)


def _facts(error: AgentError) -> dict[str, object]:
    facts: dict[str, object] = {"type": type(error).__name__, "message": str(error), "remedy": error.remedy}
    if isinstance(error, ConfigurationFileError) and error.problems:
        facts["problems"] = [
            {"file": str(problem.file), "key": problem.key, "message": problem.what, "remedy": problem.remedy}
            for problem in error.problems
        ]
    return facts

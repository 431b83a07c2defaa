"""The command: what it prints, how it ends, what it leaves behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from dbus_fast.aio import MessageBus

from virtual_bluez import BusError, VirtualBluez

ROOT = Path(__file__).parents[2]


async def start(*arguments: str, **environment: str) -> Process:
    command = (sys.executable, "-m", "virtual_bluez", *arguments)
    variables = {**os.environ, **environment}
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=variables, stdout=PIPE, stderr=PIPE)


async def first_line(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(15):
        return (await process.stdout.readline()).decode().strip()


def daemons_of(parent: int) -> list[Path]:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [Path("/proc") / child for child in children]


async def test_it_prints_addresses_and_leaves_nothing_behind(tmp_path: Path) -> None:
    directory = tmp_path / "buses"
    process = await start("--party", "device", "--party", "phone", "--directory", str(directory))
    assert await first_line(process) == f"device DBUS_SYSTEM_BUS_ADDRESS=unix:path={directory}/device.bus"
    assert await first_line(process) == f"phone DBUS_SYSTEM_BUS_ADDRESS=unix:path={directory}/phone.bus"
    assert directory.stat().st_mode & 0o777 == 0o700
    daemons = daemons_of(process.pid)
    assert len(daemons) == 2
    process.send_signal(signal.SIGTERM)
    _, complaints = await process.communicate()
    assert (process.returncode, complaints) == (0, b"")
    assert not directory.exists()
    assert not any(daemon.exists() for daemon in daemons)


async def test_json_names_every_party_and_counters_are_written_at_the_end(tmp_path: Path) -> None:
    counters = tmp_path / "counters.json"
    process = await start("--party", "a", "--party", "b", "--json", "--mtu", "23", "--counters", str(counters))
    parties = json.loads(await first_line(process))["parties"]
    assert list(parties) == ["a", "b"]
    directory = Path(parties["a"].removeprefix("unix:path=")).parent
    bus = await MessageBus(bus_address=parties["b"]).connect()
    bus.disconnect()
    process.send_signal(signal.SIGINT)
    await process.communicate()
    assert process.returncode == 0
    assert not directory.exists()
    nothing = {"write_requests": 0, "write_commands": 0, "notifications": 0, "octets": 0}
    assert json.loads(counters.read_text()) == {"parties": {"a": nothing, "b": nothing}}


async def test_killed_hard_it_takes_its_buses_along(tmp_path: Path) -> None:
    process = await start("--party", "device", "--directory", str(tmp_path / "buses"))
    address = (await first_line(process)).partition("=")[2]
    bus = await MessageBus(bus_address=address).connect()
    process.kill()
    with pytest.raises(EOFError):
        async with asyncio.timeout(15):
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # dbus-fast annotates it half
    await process.communicate()
    again = await start("--party", "device", "--directory", str(tmp_path / "buses"))
    assert (await first_line(again)).endswith(address)
    again.terminate()
    await again.communicate()


async def test_a_missing_dbus_daemon_says_what_to_install(tmp_path: Path) -> None:
    process = await start("--party", "device", PATH=str(tmp_path))
    _, complaints = await process.communicate()
    assert process.returncode == 1
    assert complaints.decode().strip() == "virtual-bluez: dbus-daemon is missing: apt-get install dbus-daemon"


@pytest.mark.parametrize(
    "arguments", [("--party", "a/b"), ("--party", "a", "--party", "a"), ("--party", "a", "--mtu", "22")]
)
async def test_arguments_that_cannot_be_are_a_usage_error(arguments: tuple[str, ...]) -> None:
    process = await start(*arguments)
    _, complaints = await process.communicate()
    assert process.returncode == 2
    assert b"Error:" in complaints


async def test_a_directory_open_to_others_is_refused(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o755)  # noqa: PTH101 - pathlib blocks no less, but is reported in async functions
    with pytest.raises(BusError, match="chmod 700"):
        async with VirtualBluez(["device"], directory=tmp_path):
            pass


async def test_a_bus_that_cannot_start_takes_the_others_down(tmp_path: Path) -> None:
    directory = tmp_path / "buses"
    children = daemons_of(os.getpid())
    async with AsyncExitStack() as stack:
        with pytest.raises(BusError, match="too long"):
            await stack.enter_async_context(VirtualBluez(["a", "b" * 100], directory=directory))
    assert not directory.exists()
    assert daemons_of(os.getpid()) == children

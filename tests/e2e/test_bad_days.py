"""What goes wrong around an onboarding, what is said about it, and that the next try works."""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.e2e.outcome import error, result
from tests.world.process import Process
from tests.world.world import Device, World

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_api_that_is_down_is_told_and_the_next_try_works(world: World, device: Device) -> None:
    await device.run()
    await world.api.stop()
    refused = await world.onboard(device.label)
    await world.restart_api()
    assert "api" in str(error(refused)["type"])
    assert (await device.ask("status"))["state"] == "new"
    assert result(await world.onboard(device.label))["state"] == "connected"


async def test_an_api_that_dies_in_the_middle_leaves_no_half_device(world: World, device: Device) -> None:
    await device.run()
    app = await world.begin_onboarding(device.label)
    await app.wait_for(lambda event: event.get("step") == "challenge")
    world.api.kill_group(signal.SIGSTOP)
    await app.wait_for(lambda event: event.get("step") == "authenticate")
    world.api.kill_group(signal.SIGKILL)
    await world.api.finish()
    await world.restart_api()
    await app.finish()
    if app.returncode != 0:
        assert error(app)["type"]
        assert result(await world.onboard(device.label))["state"] == "connected"
    assert (await device.ask("status"))["state"] == "connected"


async def test_a_killed_server_takes_its_workers_along(world: World) -> None:
    world.api.kill(signal.SIGKILL)
    assert await world.api.finish(10) == -signal.SIGKILL
    await world.restart_api()


async def test_garbage_on_the_stream_harms_nobody(world: World, device: Device) -> None:
    agent = await device.run()
    name = str((await device.ask("label"))["name"])
    environment = {"DBUS_SYSTEM_BUS_ADDRESS": world.buses["phone2"]}
    command: list[str | Path] = [sys.executable, "-m", "tests.e2e.garbage", name]
    vandal = await Process.start("vandal", command, world.folder, environment)
    assert await vandal.finish() == 0, vandal.story
    assert result(await world.onboard(device.label))["state"] == "connected"
    assert agent.returncode is None


async def test_a_device_that_is_somebody_elses_stays_so_even_after_a_reset(world: World, device: Device) -> None:
    agent = await device.run()
    result(await world.onboard(device.label))
    thief = await world.add_user(f"thief-{device.folder.name.lower()}")
    await device.open()
    owned = error(await world.onboard(device.label, *thief))
    assert "owner" in str(owned["remedy"]) or "reset" in str(owned["remedy"])
    await device.ask("reset", "--yes")
    await agent.wait_for(lambda event: event.get("event") == "state" and event.get("state") == "new")
    await device.open()
    refused = error(await world.onboard(device.label, *thief))
    assert "device-owned-elsewhere" in str(refused["type"])
    assert "alice" not in str(refused)
    assert (await device.ask("status"))["state"] == "new"
    assert result(await world.onboard(device.label))["state"] == "connected"


async def test_an_owner_may_give_a_connected_device_another_network(world: World, device: Device) -> None:
    await device.run()
    first = result(await world.onboard(device.label))
    await device.open()
    second = result(await world.onboard(device.label, ssid="Neighbour", passphrases=("none of our business",)))
    assert first["device"] == second["device"]
    assert (await device.ask("status"))["contact"] == "connected"


async def test_the_smallest_att_mtu_is_enough(tmp_path: Path) -> None:
    async with World.start(tmp_path / "w", mtu=23) as world:
        device = await world.add_device("SN-23")
        await device.run()
        assert result(await world.onboard(device.label))["state"] == "connected"


async def test_the_demo_succeeds_and_leaves_nothing_behind(tmp_path: Path) -> None:
    demo = await start_demo(tmp_path, "--wrong-password")
    assert await demo.finish() == 0, demo.story
    assert any("Owned, certified, connected." in line for line in demo.text)
    assert processes_with(tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == {"demo", "demo.log", "temporary"}
    assert list((tmp_path / "temporary").iterdir()) == []


async def test_an_interrupted_demo_leaves_nothing_running(tmp_path: Path) -> None:
    demo = await start_demo(tmp_path)
    await demo.wait_line("The label on the device")
    demo.kill(signal.SIGINT)
    assert await demo.finish() == 130, demo.story
    assert processes_with(tmp_path) == []


async def start_demo(folder: Path, *arguments: str) -> Process:
    temporary = folder / "temporary"
    temporary.mkdir()
    command: list[str | Path] = [sys.executable, "-m", "tests.world.demo", "--folder", folder / "demo", *arguments]
    return await Process.start("demo", command, folder, {"TMPDIR": str(temporary)})


def processes_with(folder: Path) -> list[str]:
    """Return the command lines of this machine's processes that name the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(folder) in line:
                found.append(line)
    return found

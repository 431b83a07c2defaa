"""A device that was set up comes back by itself: no phone, no button, whatever was away meanwhile."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.outcome import result
from tests.world.process import Process
from tests.world.world import Device, World

pytestmark = pytest.mark.asyncio(loop_scope="session")
PATIENCE_S = 60.0


@pytest_asyncio.fixture(loop_scope="session")
async def agent(world: World, device: Device) -> AsyncIterator[Process]:
    agent = await device.run()
    result(await world.onboard(device.label))
    yield agent
    if world.broker.ended:
        await world.restart_broker()
    if world.api.ended:
        await world.restart_api()
    if world.listener.ended:
        await world.restart_listener()


async def contact(agent: Process, wanted: str, after: int) -> None:
    await agent.wait_for(lambda event: event.get("contact") == wanted, PATIENCE_S, after)


async def reboot(device: Device) -> Process:
    """Cut the power and give it back; nobody presses the button."""
    assert device.agent is not None
    device.agent.kill(signal.SIGKILL)
    await device.agent.finish()
    return await device.run(window=False)


async def test_after_a_power_cut_it_is_connected_again(device: Device, agent: Process) -> None:
    again = await reboot(device)
    assert again is not agent
    await contact(again, "connected", 0)


async def test_a_broker_that_was_away_is_found_again(world: World, agent: Process) -> None:
    said = len(agent.events)
    await world.broker.stop()
    await contact(agent, "unreachable", said)
    said = len(agent.events)
    await world.restart_broker()
    await contact(agent, "connected", said)


async def test_a_device_that_starts_before_its_broker_finds_it(world: World, device: Device, agent: Process) -> None:
    assert not agent.ended
    await world.broker.stop()
    again = await reboot(device)
    await again.wait_event("attempt", wifi="OK", endpoint="unreachable")
    said = len(again.events)
    await world.restart_broker()
    await contact(again, "connected", said)


async def test_a_network_that_was_away_when_the_link_broke_is_joined_again(
    world: World, device: Device, agent: Process
) -> None:
    networks = device.networks.read_text()
    said = len(agent.events)
    device.networks.write_text("")
    await world.broker.stop()
    await contact(agent, "unreachable", said)
    await world.restart_broker()
    await contact(agent, "untried", said)  # the broker is there, but no network leads to it
    said = len(agent.events)
    device.networks.write_text(networks)
    await contact(agent, "connected", said)


async def test_a_device_that_starts_before_its_network_joins_when_it_is_there(device: Device, agent: Process) -> None:
    assert not agent.ended
    networks = device.networks.read_text()
    device.networks.write_text("")
    again = await reboot(device)
    await again.wait_event("attempt", wifi="NO_AP", endpoint="untried")
    said = len(again.events)
    device.networks.write_text(networks)
    await contact(again, "connected", said)


async def test_a_device_that_starts_before_wifi_can_be_used_joins_when_it_can(device: Device, agent: Process) -> None:
    assert not agent.ended
    networks = device.networks.read_text()
    device.networks.unlink()  # as when the Wi-Fi program is not up yet
    again = await reboot(device)
    await again.wait_event("attempt", wifi="CONFIGURE_FAILURE", endpoint="untried")
    said = len(again.events)
    device.networks.write_text(networks)
    await contact(again, "connected", said)


async def test_the_registry_may_be_away(world: World, device: Device, agent: Process) -> None:
    assert not agent.ended
    await world.api.stop()
    await world.listener.stop()
    again = await reboot(device)
    await contact(again, "connected", 0)


async def test_a_clock_that_is_wrong_is_named_and_once_it_is_right_the_device_connects(
    device: Device, agent: Process, tmp_path: Path
) -> None:
    assert not agent.ended
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    offset = tmp_path / "clock"
    offset.write_text("-30y\n")
    device.environment |= {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DISABLE_SHM": "1",
    }
    again = await reboot(device)
    attempt = await again.wait_event("attempt")
    assert (attempt["endpoint"], attempt["reason"]) == ("untrusted", "clock-wrong")
    said = len(again.events)
    offset.write_text("+0\n")
    await contact(again, "connected", said)

"""A certificate of a short life: the device renews it by itself, again and again, whoever is away meanwhile."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509

from tests.e2e.outcome import result
from tests.world.hardware import as_toml, running_tpm
from tests.world.process import Process
from tests.world.world import BIN, TENANT, Device, World

pytestmark = pytest.mark.asyncio(loop_scope="session")
LIFE_S = 18
"""Begins as long before it was issued: renewal is due 6 to 12 seconds after."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("w", numbered=True) / "world"
    async with World.start(folder, certificate_seconds=LIFE_S) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="session")
async def agent(world: World, device: Device) -> Process:
    agent = await device.run()
    result(await world.onboard(device.label))
    return agent


def certificate(device: Device) -> x509.Certificate:
    return x509.load_pem_x509_certificate((device.folder / "state" / "certificate.pem").read_bytes())


async def renewals(agent: Process, number: int) -> None:
    await agent.wait_for(lambda _: [each["event"] for each in agent.events].count("renewed") >= number)


async def reconnected(agent: Process) -> None:
    """Wait until the newest thing that the agent said is that it is connected."""
    await agent.wait_for(lambda event: event is agent.events[-1] and event.get("contact") == "connected")


async def enable(world: World, device: Device, enabled: bool) -> None:
    name = str((await device.ask("status"))["device"])
    body = f'{{"enabled": {str(enabled).lower()}}}'.encode()
    command: list[str | Path] = [BIN / "onboarding-api", "device", "update", TENANT, name, "-"]
    await world.command([*command, *world.api_options], body)


async def test_a_device_outlives_its_first_certificate(world: World, device: Device, agent: Process) -> None:
    first = certificate(device)
    await renewals(agent, 1)
    await reconnected(agent)
    second = certificate(device)
    assert second.serial_number != first.serial_number
    assert second.public_key() == first.public_key()
    assert second.subject == first.subject
    await renewals(agent, 3)
    assert certificate(device).not_valid_after_utc > first.not_valid_after_utc
    name = (await device.ask("status"))["device"]
    assert world.broker.log.read_text().count(f"as {name}") >= 4
    log = world.listener.log.read_text()
    assert log.count("certificate.renewed") >= 3


async def test_the_broker_takes_the_new_certificate_after_a_reboot_and_no_phone_is_needed(
    device: Device, agent: Process
) -> None:
    await renewals(agent, 1)
    await agent.stop()
    again = await device.run(window=False)
    await again.wait_event("state", contact="connected")


async def test_a_certificate_is_renewed_for_a_key_that_lives_in_a_tpm(world: World, tmp_path: Path) -> None:
    with running_tpm(tmp_path / "tpm") as keys:
        device = await world.add_device("SN-TPM", more=as_toml(keys))
        agent = await device.run()
        result(await world.onboard(device.label))
        first = certificate(device)
        await renewals(agent, 1)
        await reconnected(agent)
        assert certificate(device).serial_number != first.serial_number
        assert certificate(device).public_key() == first.public_key()
        assert await agent.stop() == 0, agent.story


async def test_a_device_killed_as_soon_as_it_has_its_certificate_comes_back_with_it(
    device: Device, agent: Process
) -> None:
    first = certificate(device)
    await renewals(agent, 1)
    agent.kill(signal.SIGKILL)
    await agent.finish()
    again = await device.run(window=False)
    await again.wait_event("state", contact="connected")
    assert certificate(device).serial_number != first.serial_number


async def test_a_disabled_device_keeps_its_certificate_and_asks_again_until_it_is_allowed(
    world: World, device: Device, agent: Process
) -> None:
    await enable(world, device, False)
    first = certificate(device)
    await agent.wait_event("renewal-refused", reason="disabled")
    assert certificate(device) == first
    await enable(world, device, True)
    await renewals(agent, 1)
    await reconnected(agent)
    assert certificate(device) != first


async def test_a_listener_that_was_away_answers_when_it_is_back(world: World, device: Device, agent: Process) -> None:
    await world.listener.stop()
    first = certificate(device)
    await agent.wait_event("renewing")
    assert certificate(device) == first
    await world.restart_listener()
    await renewals(agent, 1)
    await reconnected(agent)

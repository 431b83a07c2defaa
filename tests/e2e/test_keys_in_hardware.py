"""Devices whose private keys are not on their disks, from label to connected."""

import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.outcome import result
from tests.world.hardware import Tokens, as_toml, running_tpm
from tests.world.world import Device, World

pytestmark = pytest.mark.asyncio(loop_scope="session")
_numbers = count(1)


@pytest_asyncio.fixture(loop_scope="session", params=["tpm", "token"])
async def guarded(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> AsyncIterator[Device]:
    """A device with a TPM, or with a PKCS#11 token."""
    with ExitStack() as hardware:
        environment = {}
        if request.param == "tpm":
            keys = hardware.enter_context(running_tpm(tmp_path / "tpm"))
        else:
            tokens = Tokens.in_folder(tmp_path / "hsm")
            keys, environment = tokens.add("device"), tokens.environment
        serial = f"HW-{next(_numbers):04}"
        device = await world.add_device(serial, more=as_toml(keys), environment=environment)
        yield device
        if device.agent is not None:
            assert await device.agent.stop() == 0, device.agent.story


async def test_a_device_with_its_keys_in_hardware_is_connected_and_comes_back_by_itself(
    world: World, guarded: Device
) -> None:
    agent = await guarded.run()
    assert result(await world.onboard(guarded.label))["state"] == "connected"
    agent.kill(signal.SIGKILL)
    await agent.finish()
    again = await guarded.run(window=False)
    await again.wait_event("state", contact="connected")
    kept = [path for path in (guarded.folder / "state").iterdir() if path.is_file()]
    assert kept
    assert not any(b"PRIVATE KEY" in path.read_bytes().replace(b"TSS2 PRIVATE KEY", b"") for path in kept)


async def test_a_device_with_its_keys_in_hardware_is_reset_and_onboarded_again(world: World, guarded: Device) -> None:
    await guarded.run()
    first = result(await world.onboard(guarded.label))
    await guarded.ask("reset", "--yes")
    await guarded.open()
    again = result(await world.onboard(guarded.label))
    assert again["state"] == "connected"
    assert again["device"] == first["device"]

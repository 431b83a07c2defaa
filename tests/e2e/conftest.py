"""One world for the whole session, a fresh device for each test."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from tests.world.world import Device, World

_serials = count(1)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("w", numbered=True) / "world"
    async with World.start(folder, ("device", "device2", "phone", "phone2")) as world:
        yield world


@pytest.fixture
def peripheral() -> str:
    """Which adapter offers the device's service; a test names another by parametrizing."""
    return "auto"


@pytest_asyncio.fixture(loop_scope="session")
async def device(world: World, peripheral: str) -> AsyncIterator[Device]:
    device = await world.add_device(f"SN-{next(_serials):04}", peripheral=peripheral)
    yield device
    if device.agent is not None:
        assert await device.agent.stop() == 0, device.agent.story


@pytest.fixture
def no_picture(tmp_path: Path) -> Path:
    path = tmp_path / "label.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\nnot a picture")
    return path

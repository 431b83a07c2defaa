"""One guest for the whole session."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.vm.bench import Bench, Device
from tests.vm.guest import Guest
from tests.vm.image import build
from tests.vm.recipe import SUITES, recipe


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--suite", choices=sorted(SUITES), default="bookworm", help="Debian release of the guest")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def guest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Guest]:
    image = build(recipe(request.config.getoption("--suite", "bookworm")))
    async with Guest.boot(image, tmp_path_factory.mktemp("guest")) as guest:
        yield guest


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bench(guest: Guest) -> Bench:
    return await Bench.start(guest)


@pytest_asyncio.fixture(loop_scope="session")
async def device(bench: Bench, request: pytest.FixtureRequest) -> AsyncIterator[Device]:
    """A factory-fresh device. Its parameter, if it has one, is who offers the service."""
    await bench.tidy()
    device = await bench.add_device(getattr(request, "param", "auto"))
    yield device
    if device.agent is not None:
        assert await device.agent.stop() == 0, device.agent.story

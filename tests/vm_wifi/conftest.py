"""A guest for each module: one with wpa_supplicant alone, one with NetworkManager. `make test-vm-wifi` runs them."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.vm.guest import Guest
from tests.vm.image import build
from tests.vm.recipe import SUITES, recipe
from tests.vm_wifi.lab import Lab


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--wifi-suite", choices=sorted(SUITES), help="Debian release of the guests; none: leave them out")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    # One guest at a time: the one that another folder's session keeps would be in the way of ours for ever.
    return None if config.getoption("--wifi-suite", None) else True


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    backend = request.module.BACKEND
    flavour = "network-manager" if backend == "nm" else "plain"
    image = build(recipe(request.config.getoption("--wifi-suite"), flavour))
    async with Guest.boot(image, tmp_path_factory.mktemp(backend)) as guest:
        yield await Lab.start(guest, backend)

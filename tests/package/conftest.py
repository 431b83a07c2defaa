"""A guest that boots with systemd, has Bluetooth, and the package at hand."""

import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from tests.package.system import System
from tests.vm.guest import Guest
from tests.vm.image import build
from tests.vm.recipe import MODULES, ROOT, recipe


@pytest.fixture(scope="module")
def package() -> Path:
    """Build the package as `make deb` does."""
    subprocess.run([sys.executable, ROOT / "packaging" / "build.py"], check=True, cwd=ROOT)
    (package,) = (ROOT / "build").glob("device-agent_*_amd64.deb")
    return package


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(package: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    wanted = replace(recipe(flavour="systemd").with_packages(("passwd",)), modules=(*MODULES, "evdev", "uinput"))
    async with Guest.boot(build(wanted), tmp_path_factory.mktemp("package")) as guest:
        yield await System.prepare(guest, package)

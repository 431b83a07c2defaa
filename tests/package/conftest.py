"""A guest that boots with systemd, has Bluetooth, and the package at hand."""

import re
import shutil
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


@pytest.fixture(scope="module")
def newer(package: Path, system: System) -> Path:
    """Return the package at hand in the guest as its next version: the same files, a higher number."""
    tree = package.parent / "device-agent-newer"
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: .*$", r"\g<0>.1", control.read_text()))
    newer = system.guest.folder / "newer.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, newer], check=True)
    return newer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(package: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    wanted = replace(recipe(flavour="systemd").with_packages(("passwd",)), modules=(*MODULES, "evdev", "uinput"))
    async with Guest.boot(build(wanted), tmp_path_factory.mktemp("package")) as guest:
        yield await System.prepare(guest, package)

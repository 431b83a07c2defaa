"""Radios without hardware, and `app-sim easy-connect` as somebody would start it."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.easy_connect.radio import Radio
from tests.protocol import samples

StartRadio = Callable[[int], Awaitable[Radio]]


@pytest.fixture
async def start_radio(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StartRadio]:
    """Start virtual Bluetooth with this ATT_MTU."""
    async with AsyncExitStack() as processes:

        async def start(mtu: int) -> Radio:
            folder = tmp_path_factory.mktemp("r", numbered=True)
            return await Radio.start(folder, mtu, processes)

        yield start


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ONBOARDING_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(samples.PASSPHRASE + "\n")
    return path

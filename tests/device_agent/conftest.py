"""A state directory and what stands in it, for tests of one device."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, closing
from pathlib import Path

import pytest

from device_agent.enrollee import Enrollee
from device_agent.statement import Particulars
from device_agent.store import Store
from tests.device_agent.operator import Operator
from tests.device_agent.phone import Phone, label
from tests.device_agent.scene import Scene
from virtual_bluez import VirtualBluez


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def open_store(folder: Path) -> Iterator[Callable[[], Store]]:
    """Open the state directory; an earlier holder leaves it, as a process that ends does."""
    with ExitStack() as held:

        def open_again() -> Store:
            held.close()
            return held.enter_context(closing(Store(folder)))

        yield open_again


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()


@pytest.fixture
def operator() -> Operator:
    return Operator()


@pytest.fixture
def enrollee(store: Store) -> Enrollee:
    return Enrollee(store, Particulars("SN-1", "sensor", "1.0"), lambda: ())


@pytest.fixture
def phone(store: Store, enrollee: Enrollee) -> Phone:
    return Phone(label(store), enrollee.receive)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def mtu() -> int:
    return 517


@pytest.fixture
async def scene(tmp_path: Path, stack: AsyncExitStack, mtu: int) -> Scene:
    world = await stack.enter_async_context(VirtualBluez(["device", "phone", "phone2"], mtu=mtu))
    return Scene(tmp_path, world, mtu, stack)

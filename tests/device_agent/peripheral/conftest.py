"""Both adapters of the peripheral, on a simulated radio, towards unmodified bleak centrals in other processes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from device_agent.config import PeripheralChoice
from onboarding_protocol.gatt import NOTIFY_CHARACTERISTIC_UUID
from tests.device_agent.peripheral.radio import NAME, Device, Link
from tests.virtual_bluez.conftest import Program
from virtual_bluez import VirtualBluez


@pytest.fixture
def choice() -> PeripheralChoice:
    return PeripheralChoice.BLUEZ


@pytest.fixture
def sockets() -> bool:
    return True


@pytest.fixture
async def world(stack: AsyncExitStack, sockets: bool, mtu: int) -> VirtualBluez:
    return await stack.enter_async_context(VirtualBluez(["device", "phone", "phone2"], sockets=sockets, mtu=mtu))


@pytest.fixture
async def device(
    world: VirtualBluez, choice: PeripheralChoice, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Device]:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", world.bus_address("device"))
    device = Device(choice)
    await device.peripheral.start(NAME)
    yield device
    await device.peripheral.stop()


@pytest.fixture
def link(world: VirtualBluez, stack: AsyncExitStack) -> Link:
    async def link(party: str = "phone", *, subscribe: bool = True) -> Program:
        central = await Program.start("bleak_central", world.bus_address(party))
        stack.push_async_callback(central.close)
        assert await central.ask("find", name=NAME) is not None
        await central.ask("connect", name=NAME)
        if subscribe:
            await central.ask("subscribe", uuid=NOTIFY_CHARACTERISTIC_UUID)
        return central

    return link

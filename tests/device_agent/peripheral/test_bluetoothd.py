"""The Bluetooth daemon and its adapter: left as they were found, and told of when they go."""

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from device_agent.config import PeripheralChoice
from device_agent.errors import PeripheralError
from device_agent.peripheral import (
    BluetoothGone,
    Written,
)
from device_agent.peripheral.bluez_bus import PATIENCE_S
from tests.device_agent.peripheral.radio import BOTH, NAME, PHONE, Device, Link, adapter, write
from tests.world.process import Process
from tests.world.world import BIN, Command
from virtual_bluez import VirtualBluez
from virtual_bluez.message_bus import PrivateBus


@pytest.mark.parametrize("choice", BOTH)
async def test_the_adapter_is_left_as_it_was_found(
    device: Device, world: VirtualBluez, choice: PeripheralChoice
) -> None:
    before = False, 0
    during = await adapter(world, "Discoverable")
    assert during is (choice is PeripheralChoice.BLESS)
    await device.peripheral.stop()
    assert (await adapter(world, "Discoverable"), await adapter(world, "DiscoverableTimeout")) == before


async def test_an_adapter_that_is_switched_off_is_told_once_and_can_be_used_again(
    device: Device, world: VirtualBluez, link: Link
) -> None:
    await adapter(world, "Powered", Variant("b", False))
    await device.event(BluetoothGone)
    with pytest.raises(PeripheralError, match="hci0 is switched off") as refused:
        await device.peripheral.start(NAME)
    assert "bluetoothctl power on" in refused.value.remedy
    await adapter(world, "Powered", Variant("b", True))
    await device.peripheral.start(NAME)
    await write(await link("phone"), b"1")
    assert (await device.event(Written)).octets == b"1"


@pytest.mark.parametrize("choice", BOTH)
async def test_a_bluetoothd_that_is_restarted_is_told_once_and_can_be_used_again(
    device: Device, world: VirtualBluez, link: Link
) -> None:
    phone = await link("phone")
    await write(phone, b"1")
    await world.restart("device")
    await phone.event("disconnected")
    await device.event(BluetoothGone)
    assert not device.told(BluetoothGone)
    await device.peripheral.start(NAME)
    await write(await link("phone2"), b"2")
    assert (await device.event(Written)).octets == b"2"


async def test_nobody_but_bluetoothd_is_believed(device: Device, world: VirtualBluez, link: Link) -> None:
    stranger = await MessageBus(bus_address=world.bus_address("device")).connect()
    bus, adapter_path = "org.freedesktop.DBus", "/org/bluez/hci0"
    inbox, characteristic = "/onboarding/service/inbox", "org.bluez.GattCharacteristic1"
    (names,) = (await stranger.call(Message(bus, f"/{bus.replace('.', '/')}", bus, "ListNames"))).body
    off: list[object] = ["org.bluez.Adapter1", {"Powered": Variant("b", False)}, []]
    signals: list[tuple[str, str, str, str, list[object]]] = [
        (adapter_path, f"{bus}.Properties", "PropertiesChanged", "sa{sv}as", off),
        ("/", f"{bus}.ObjectManager", "InterfacesRemoved", "oas", [adapter_path, ["org.bluez.Adapter1"]]),
        ("/org/freedesktop/DBus", bus, "NameOwnerChanged", "sss", ["org.bluez", ":1.1", ""]),
    ]
    for name in (name for name in names if name.startswith(":") and name != stranger.unique_name):
        for path, interface, member, signature, body in signals:
            forged = Message.new_signal(path, interface, member, signature, body)
            forged.destination = name
            await stranger.send(forged)
        wrote = [b"forged", {"device": Variant("o", PHONE)}]
        reply = await stranger.call(Message(name, inbox, characteristic, "WriteValue", signature="aya{sv}", body=wrote))
        assert reply.message_type is MessageType.ERROR
    stranger.disconnect()
    await write(await link("phone"), b"real")
    assert (await device.event(Written)).octets == b"real"
    assert not device.told(BluetoothGone)


async def test_a_bluetoothd_that_hangs_is_left_after_one_patience(
    stack: AsyncExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command: Command = [BIN / "virtual-bluez", "--party", "device", "--directory", tmp_path / "bus", "--json"]
    radio = await Process.start("radio", command, tmp_path)
    stack.push_async_callback(radio.stop)
    buses = (await radio.wait_for(lambda event: "parties" in event))["parties"]
    assert isinstance(buses, dict)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", buses["device"])
    device = Device(PeripheralChoice.BLUEZ)
    await device.peripheral.start(NAME)
    radio.kill(signal.SIGSTOP)
    async with asyncio.timeout(PATIENCE_S * 1.5):
        await device.peripheral.stop()
    radio.kill(signal.SIGCONT)


async def test_a_missing_adapter_is_named_with_those_there_are(
    world: VirtualBluez, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", world.bus_address("device"))
    for missing in ("hci7", "hci", "hci00", "../hci0"):
        with pytest.raises(PeripheralError, match=missing) as refused:
            await Device(PeripheralChoice.BLUEZ, missing).peripheral.start(NAME)
        assert "hci0" in refused.value.remedy


async def test_a_bus_without_bluetoothd_says_how_to_start_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with PrivateBus("empty", tmp_path) as bus:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        with pytest.raises(PeripheralError, match="bluetoothd does not run") as refused:
            await Device(PeripheralChoice.BLUEZ).peripheral.start(NAME)
    assert "systemctl start bluetooth" in refused.value.remedy


async def test_a_user_who_may_not_speak_to_bluetoothd_is_told_what_to_allow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    denial = '<deny send_destination="org.bluez"/></policy>'
    policy = "virtual_bluez.message_bus._CONFIGURATION"
    from virtual_bluez import message_bus

    monkeypatch.setattr(policy, message_bus._CONFIGURATION.replace("</policy>", denial))
    async with PrivateBus("closed", tmp_path) as bus:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        owner = await MessageBus(bus_address=bus.address).connect()
        await owner.request_name("org.bluez")
        with pytest.raises(PeripheralError, match="may not use Bluetooth") as refused:
            await Device(PeripheralChoice.BLUEZ).peripheral.start(NAME)
        owner.disconnect()
    assert "group bluetooth" in refused.value.remedy


async def test_a_second_advertiser_where_there_is_room_for_one_is_told(device: Device) -> None:
    other = Device(PeripheralChoice.BLUEZ)
    with pytest.raises(PeripheralError, match="no advertisement is left"):
        await other.peripheral.start(NAME)
    await device.peripheral.stop()
    await other.peripheral.start(NAME)
    await other.peripheral.stop()

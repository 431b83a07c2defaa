"""Both adapters of the peripheral, on a simulated radio, towards unmodified bleak centrals in other processes."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

import pytest
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from device_agent.config import Config, PeripheralChoice
from device_agent.errors import PeripheralError
from device_agent.peripheral import (
    BluetoothGone,
    PeerCame,
    PeerGone,
    Peripheral,
    PeripheralEvent,
    Written,
    open_peripheral,
)
from device_agent.peripheral.bluez_bus import PATIENCE_S
from onboarding_protocol.gatt import NOTIFY_CHARACTERISTIC_UUID, WRITE_CHARACTERISTIC_UUID
from tests.virtual_bluez.conftest import Program, ProgramError
from tests.world.process import Process
from tests.world.world import BIN, Command
from virtual_bluez import VirtualBluez
from virtual_bluez.message_bus import PrivateBus

NAME = "ABCDEFGH"
EVENT_PATIENCE_S = 20
PHONE, PHONE2 = (f"/org/bluez/hci0/dev_00_AA_01_00_00_{number:02}" for number in (2, 3))
BOTH = [PeripheralChoice.BLUEZ, PeripheralChoice.BLESS]
E = TypeVar("E", bound=PeripheralEvent)
Link = Callable[[str], Awaitable[Program]]


class Device:
    """A peripheral and what it tells."""

    def __init__(self, choice: PeripheralChoice, adapter: str = "hci0") -> None:
        self._events: asyncio.Queue[PeripheralEvent] = asyncio.Queue()
        config = Config(adapter=adapter, peripheral=choice)
        self.peripheral: Peripheral = open_peripheral(config, self._events.put_nowait)

    async def event(self, kind: type[E]) -> E:
        async with asyncio.timeout(EVENT_PATIENCE_S):
            while not isinstance(event := await self._events.get(), kind):
                pass
            return event

    def told(self, kind: type[PeripheralEvent]) -> bool:
        events = [self._events.get_nowait() for _ in range(self._events.qsize())]
        return any(isinstance(event, kind) for event in events)


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


async def write(central: Program, octets: bytes) -> None:
    await central.ask("write", uuid=WRITE_CHARACTERISTIC_UUID, values=[octets.hex()])


async def hear(central: Program, count: int) -> list[bytes]:
    return [bytes.fromhex((await central.event("notified"))["value"]) for _ in range(count)]


async def adapter(world: VirtualBluez, name: str, value: Variant | None = None) -> object:
    bus = await MessageBus(bus_address=world.bus_address("device")).connect()
    body: list[object] = ["org.bluez.Adapter1", name, *([] if value is None else [value])]
    member, signature = ("Get", "ss") if value is None else ("Set", "ssv")
    properties = "org.freedesktop.DBus.Properties"
    reply = await bus.call(Message("org.bluez", "/org/bluez/hci0", properties, member, signature=signature, body=body))
    bus.disconnect()
    return reply.body[0].value if value is None else None


@pytest.mark.parametrize("mtu", [23, 185, 517])
@pytest.mark.parametrize("choice", BOTH)
async def test_who_wrote_what_at_which_mtu_is_told_and_answers_arrive_in_order(
    device: Device, link: Link, mtu: int
) -> None:
    phone = await link("phone")
    await write(phone, b"hello")
    assert await device.event(Written) == Written(PHONE, mtu, b"hello")
    octets = bytes(range(256)) * 3
    await device.peripheral.notify(PHONE, octets, mtu)
    size = min(mtu - 5, 500)
    assert b"".join(await hear(phone, -(-len(octets) // size))) == octets
    await phone.ask("disconnect")
    assert await device.event(PeerGone) == PeerGone(PHONE)


@pytest.mark.parametrize("choice", BOTH)
async def test_two_phones_are_told_apart_and_one_can_be_sent_away(device: Device, link: Link) -> None:
    one, two = await link("phone"), await link("phone2")
    await write(one, b"1")
    await write(two, b"2")
    assert [(await device.event(Written)).peer for _ in range(2)] == [PHONE, PHONE2]
    await device.peripheral.disconnect(PHONE2)
    await two.event("disconnected")
    assert await device.event(PeerGone) == PeerGone(PHONE2)
    await device.peripheral.notify(PHONE2, b"to nobody", 517)
    await device.peripheral.notify(PHONE, b"to one", 517)
    assert await hear(one, 1) == [b"to one"]


@pytest.mark.parametrize("choice", BOTH)
async def test_the_adapter_is_left_as_it_was_found(
    device: Device, world: VirtualBluez, choice: PeripheralChoice
) -> None:
    before = False, 0
    during = await adapter(world, "Discoverable")
    assert during is (choice is PeripheralChoice.BLESS)
    await device.peripheral.stop()
    assert (await adapter(world, "Discoverable"), await adapter(world, "DiscoverableTimeout")) == before


@pytest.mark.parametrize("choice", BOTH)
async def test_a_concealed_service_keeps_its_links_and_a_stopped_one_ends_them(device: Device, link: Link) -> None:
    phone = await link("phone")
    await write(phone, b"1")
    await device.peripheral.conceal()
    with pytest.raises(ProgramError, match="Timeout"):
        await phone.ask("find", name=NAME, timeout=0.5)
    await write(phone, b"2")
    await device.peripheral.stop()
    await phone.event("disconnected")
    await device.peripheral.start(NAME)
    await (await link("phone2")).ask("disconnect")


@pytest.mark.parametrize("choice", BOTH)
async def test_a_burst_longer_than_any_buffer_loses_nothing(device: Device, link: Link) -> None:
    phone = await link("phone")
    await write(phone, b"1")
    await device.event(Written)
    octets = b"".join(number.to_bytes(500, "big") for number in range(1000))
    await device.peripheral.notify(PHONE, octets, 517)
    assert b"".join(await hear(phone, 1000)) == octets


@pytest.mark.parametrize("sockets", [False])
async def test_a_bluez_that_knows_no_sockets_gets_signals(device: Device, link: Link) -> None:
    phone = await link("phone")
    await write(phone, b"1")
    await device.event(Written)
    await device.peripheral.notify(PHONE, bytes(600), 517)
    assert [len(value) for value in await hear(phone, 2)] == [500, 100]


async def test_subscribing_again_after_everybody_left_works(device: Device, link: Link) -> None:
    for _ in range(3):
        phone = await link("phone")
        await write(phone, b"1")
        await device.event(Written)
        await device.peripheral.notify(PHONE, b"answer", 517)
        assert await hear(phone, 1) == [b"answer"]
        await phone.ask("disconnect")
        await device.event(PeerGone)


async def test_a_link_that_says_nothing_is_told_and_can_be_closed(
    device: Device, world: VirtualBluez, stack: AsyncExitStack
) -> None:
    silent = await Program.start("bleak_central", world.bus_address("phone"))
    stack.push_async_callback(silent.close)
    await silent.ask("find", name=NAME)
    await silent.ask("connect", name=NAME)
    assert await device.event(PeerCame) == PeerCame(PHONE)
    await device.peripheral.disconnect(PHONE)
    await silent.event("disconnected")
    assert await device.event(PeerGone) == PeerGone(PHONE)


async def test_a_link_a_program_here_has_made_is_not_closed(
    device: Device, world: VirtualBluez, stack: AsyncExitStack
) -> None:
    sensor = await Program.start("bless_peripheral", world.bus_address("phone2"), "SENSOR")
    gateway = await Program.start("bleak_central", world.bus_address("device"))
    for program in (sensor, gateway):
        stack.push_async_callback(program.close)
    await gateway.ask("find", name="SENSOR")
    await gateway.ask("connect", name="SENSOR")
    await device.peripheral.disconnect(PHONE2)
    assert await gateway.ask("read", uuid="a07498ca-ad5b-474e-940d-16f1fbe7e8c1") == b"hello".hex()
    assert not device.told(PeerCame)
    assert not gateway.saw("disconnected")


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

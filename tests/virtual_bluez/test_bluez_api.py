"""What BlueZ' D-Bus API promises beyond what bless uses: options, offsets, errors, budgets, signals."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from dbus_fast import MessageType, Variant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from dbus_fast import Message

    from tests.virtual_bluez.conftest import Program, Watcher
    from virtual_bluez import VirtualBluez

    Make = Callable[..., Awaitable[VirtualBluez]]
    Run = Callable[..., Awaitable[Program]]
    Watch = Callable[..., Awaitable[Watcher]]

SERVICE, LONG, ERRORS = (f"b07498ca-ad5b-474e-940d-16f1fbe7e8c{n}" for n in range(3))
LONG_VALUE = bytes(range(256)) + bytes(range(144))
ADAPTER = "/org/bluez/hci0"
DEVICE = f"{ADAPTER}/dev_00_AA_01_00_00_01"
PHONE = f"{ADAPTER}/dev_00_AA_01_00_00_02"


async def connected(world: VirtualBluez, run: Run) -> tuple[Program, Program]:
    device, phone = await asyncio.gather(
        run(world, "device", "dbus_peripheral", "AGENT", SERVICE), run(world, "phone", "bleak_central")
    )
    await device.ask("register")
    await device.ask("advertise")
    await phone.ask("find", name="AGENT")
    await phone.ask("connect", name="AGENT")
    return device, phone


async def get(watcher: Watcher, path: str, interface: str, name: str) -> Any:  # noqa: ANN401 - any property
    reply = await watcher.call(path, "org.freedesktop.DBus.Properties", "Get", "ss", interface, name)
    assert reply.message_type is MessageType.METHOD_RETURN, reply.body
    return reply.body[0].value


@pytest.mark.parametrize("mtu", [23, 185, 517])
async def test_a_long_read_asks_with_offsets_and_is_whole(make_world: Make, run: Run, mtu: int) -> None:
    device, phone = await connected(await make_world(mtu=mtu), run)
    assert await phone.ask("read", uuid=LONG) == LONG_VALUE.hex()
    for offset in range(0, len(LONG_VALUE), mtu - 1):
        asked = await device.event("read")
        assert asked == {"event": "read", "device": PHONE, "mtu": mtu, "link": "LE", "offset": offset}


async def test_a_write_tells_its_device_mtu_link_and_type(make_world: Make, run: Run) -> None:
    device, phone = await connected(await make_world(mtu=23), run)
    common = {"event": "write", "device": PHONE, "mtu": 23, "link": "LE", "offset": 0}
    await phone.ask("write", uuid=ERRORS, values=["01"], response=True)
    assert await device.event("write") == {**common, "value": "01", "type": "request"}
    await phone.ask("write", uuid=ERRORS, values=["02"], response=False)
    assert await device.event("write") == {**common, "value": "02", "type": "command"}
    await phone.ask("write", uuid=ERRORS, values=["03" * 100], response=True)
    assert await device.event("write") == {**common, "value": "03" * 100, "type": "reliable"}


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        ("org.bluez.Error.NotPermitted", "BleakGATTProtocolError", 0x03),
        ("org.bluez.Error.NotAuthorized", "BleakGATTProtocolError", 0x08),
        ("org.bluez.Error.InvalidOffset", "BleakGATTProtocolError", 0x07),
        ("org.bluez.Error.InvalidValueLength", "BleakGATTProtocolError", 0x0D),
        ("org.bluez.Error.Failed", "BleakGATTProtocolError", 0x80),
        ("org.bluez.Error.Failed 0x85", "BleakGATTProtocolError", 0x85),
        ("org.example.Mistake", "BleakGATTProtocolError", 0x0E),
    ],
)
async def test_an_applications_error_reaches_the_central(
    make_world: Make, run: Run, error: str, kind: str, code: int
) -> None:
    _, phone = await connected(await make_world(), run)
    with pytest.raises(Exception, match=kind) as raised:
        await phone.ask("write", uuid=ERRORS, values=[error.encode().hex()])
    assert getattr(raised.value, "code", None) == code


async def test_what_a_characteristic_does_not_offer_is_refused(make_world: Make, run: Run) -> None:
    device, phone = await connected(await make_world(), run)
    with pytest.raises(Exception, match="BleakGATTProtocolError") as raised:
        await phone.ask("read", uuid=ERRORS)
    assert getattr(raised.value, "code", None) == 0x02
    assert not device.saw("read")


async def test_a_command_longer_than_the_mtu_is_refused(make_world: Make, run: Run) -> None:
    device, phone = await connected(await make_world(mtu=23), run)
    with pytest.raises(Exception, match="Failed to initiate write"):
        await phone.ask("write", uuid=ERRORS, values=["00" * 21], response=False)
    assert not device.saw("write")


async def test_a_slow_application_holds_its_central_and_loses_nothing(make_world: Make, run: Run) -> None:
    world = await make_world()
    device, phone = await connected(world, run)
    await device.ask("hold")
    values = [f"{number:04d}".encode().hex() for number in range(200)]
    writing = asyncio.create_task(phone.ask("write", uuid=ERRORS, values=values, response=False))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await asyncio.shield(writing)
    assert world.counters("phone").write_commands < 50
    await device.ask("release")
    assert [(await device.event("write"))["value"] for _ in values] == values
    await writing


async def test_indications_are_subscribed_to_once_and_until_the_link_is_lost(make_world: Make, run: Run) -> None:
    world = await make_world()
    device, phone = await connected(world, run)
    await phone.ask("subscribe", uuid=ERRORS)
    await device.event("StartNotify")
    for value in ("01", "02"):
        await device.ask("indicate", value=value)
        assert (await phone.event("notified"))["value"] == value
    await world.drop_links("phone")
    await device.event("StopNotify")
    assert not device.saw("StartNotify")


async def test_an_advertisement_too_long_for_both_parts_is_refused(make_world: Make, run: Run) -> None:
    world = await make_world()
    device = await run(world, "device", "dbus_peripheral", "x" * 30, SERVICE)
    await device.ask("register")
    with pytest.raises(Exception, match="too long"):
        await device.ask("advertise")


async def test_the_discoverable_flag_follows_the_adapter(make_world: Make, run: Run, watch: Watch) -> None:
    world = await make_world()
    on_device, on_phone = await asyncio.gather(watch(world, "device"), watch(world, "phone"))
    device, phone = await asyncio.gather(
        run(world, "device", "dbus_peripheral", "AGENT", SERVICE), run(world, "phone", "bleak_central")
    )
    await device.ask("register")
    await device.ask("advertise")
    for discoverable, flags in ((False, b"\x04"), (True, b"\x06")):
        await on_device.set("org.bluez.Adapter1", "Discoverable", Variant("b", discoverable))
        assert await phone.ask("find", name="AGENT") == {"address": "00:AA:01:00:00:01", "uuids": [SERVICE]}
        assert await get(on_phone, DEVICE, "org.bluez.Device1", "AdvertisingFlags") == flags


async def test_only_one_advertisement_and_one_of_each_application(make_world: Make, run: Run, watch: Watch) -> None:
    world = await make_world()
    first, second = await asyncio.gather(
        run(world, "device", "dbus_peripheral", "ONE", SERVICE), run(world, "device", "dbus_peripheral", "TWO", SERVICE)
    )
    onlooker = await watch(world, "device")
    await first.ask("register")
    with pytest.raises(Exception, match="Already Exists"):
        await first.ask("register")
    await first.ask("advertise")
    with pytest.raises(Exception, match="Maximum advertisements reached"):
        await second.ask("advertise")
    manager = "org.bluez.LEAdvertisingManager1"
    assert await get(onlooker, ADAPTER, manager, "ActiveInstances") == 1
    await first.kill()
    await second.ask("advertise")
    assert await get(onlooker, ADAPTER, manager, "ActiveInstances") == 1


async def test_objects_are_announced_from_the_root_before_services_are_resolved(
    make_world: Make, run: Run, watch: Watch
) -> None:
    world = await make_world()
    onlooker = await watch(world, "phone")
    seen: list[tuple[str, str]] = []

    def note(message: Message) -> None:
        if message.member == "InterfacesAdded":
            seen.append((message.path or "", message.body[0]))
        elif message.member == "PropertiesChanged" and "ServicesResolved" in message.body[1]:
            seen.append((message.path or "", "resolved"))

    onlooker.bus.add_message_handler(note)
    await connected(world, run)
    assert await get(onlooker, DEVICE, "org.bluez.Device1", "ServicesResolved") is True
    assert seen[-1] == (DEVICE, "resolved")
    assert {path for path, _ in seen[:-1]} == {"/"}
    descriptors = [path for _, path in seen if "/desc" in path]
    uuids = [await get(onlooker, path, "org.bluez.GattDescriptor1", "UUID") for path in descriptors]
    assert "00002902-0000-1000-8000-00805f9b34fb" in uuids


async def test_an_adapter_switched_off_loses_its_links_and_advertises_again_when_on(
    make_world: Make, run: Run, watch: Watch
) -> None:
    world = await make_world()
    _, phone = await connected(world, run)
    on_device = await watch(world, "device")
    await on_device.set("org.bluez.Adapter1", "Powered", Variant("b", False))
    await phone.event("disconnected")
    await on_device.set("org.bluez.Adapter1", "Powered", Variant("b", True))
    await phone.ask("find", name="AGENT")
    assert LONG in await phone.ask("connect", name="AGENT")


async def test_a_removed_device_is_disconnected_and_can_be_found_again(
    make_world: Make, run: Run, watch: Watch
) -> None:
    world = await make_world()
    _, phone = await connected(world, run)
    on_phone = await watch(world, "phone")
    await on_phone.call(ADAPTER, "org.bluez.Adapter1", "RemoveDevice", "o", DEVICE)
    await phone.event("disconnected")
    again = await on_phone.call(ADAPTER, "org.bluez.Adapter1", "RemoveDevice", "o", DEVICE)
    assert again.error_name == "org.bluez.Error.DoesNotExist"
    await phone.ask("find", name="AGENT")
    assert LONG in await phone.ask("connect", name="AGENT")


async def test_a_peripheral_can_end_the_link(make_world: Make, run: Run, watch: Watch) -> None:
    world = await make_world()
    _, phone = await connected(world, run)
    on_device = await watch(world, "device")
    await on_device.call(PHONE, "org.bluez.Device1", "Disconnect")
    await phone.event("disconnected")
    again = await on_device.call(PHONE, "org.bluez.Device1", "Disconnect")
    assert again.error_name == "org.bluez.Error.NotConnected"


async def test_errors_on_the_bus_have_their_usual_names(make_world: Make, watch: Watch) -> None:
    onlooker = await watch(await make_world(), "phone")
    adapter = "org.bluez.Adapter1"
    for expected, path, interface, member in (
        ("org.freedesktop.DBus.Error.UnknownObject", f"{ADAPTER}/dev_X", "org.bluez.Device1", "Connect"),
        ("org.freedesktop.DBus.Error.UnknownInterface", ADAPTER, "org.bluez.Device1", "Connect"),
        ("org.freedesktop.DBus.Error.UnknownMethod", ADAPTER, adapter, "Explode"),
        ("org.bluez.Error.Failed", ADAPTER, adapter, "StopDiscovery"),
    ):
        reply = await onlooker.call(path, interface, member)
        assert reply.error_name == expected
    assert (await onlooker.set(adapter, "Address", Variant("s", ""))).error_name == (
        "org.freedesktop.DBus.Error.PropertyReadOnly"
    )

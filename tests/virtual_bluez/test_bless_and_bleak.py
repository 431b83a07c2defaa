"""Unmodified bless and unmodified bleak, each in a process of its own, through two buses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.virtual_bluez.conftest import Program, Watcher
    from virtual_bluez import VirtualBluez

    Make = Callable[..., Awaitable[VirtualBluez]]
    Run = Callable[..., Awaitable[Program]]
    Watch = Callable[..., Awaitable[Watcher]]

SERVICE, RX, TX = (f"a07498ca-ad5b-474e-940d-16f1fbe7e8c{n}" for n in range(3))
PHONE = "/org/bluez/hci0/dev_00_AA_01_00_00_02"


async def both(world: VirtualBluez, run: Run, name: str = "AGENT") -> tuple[Program, Program]:
    device, phone = await asyncio.gather(
        run(world, "device", "bless_peripheral", name), run(world, "phone", "bleak_central")
    )
    return device, phone


async def connected(world: VirtualBluez, run: Run) -> tuple[Program, Program]:
    device, phone = await both(world, run)
    await phone.ask("find", name="AGENT")
    await phone.ask("connect", name="AGENT")
    return device, phone


async def test_a_central_finds_connects_reads_writes_is_notified_and_comes_again(make_world: Make, run: Run) -> None:
    device, phone = await both(await make_world(), run)
    found = await phone.ask("find", name="AGENT")
    assert found == {"address": "00:AA:01:00:00:01", "uuids": [SERVICE]}
    for value in (b"first", b"second"):
        assert {RX, TX} <= set(await phone.ask("connect", name="AGENT"))
        await phone.ask("subscribe", uuid=TX)
        await phone.ask("write", uuid=RX, values=[value.hex()])
        assert (await device.event("written"))["value"] == value.hex()
        assert await phone.ask("read", uuid=RX) == value.hex()
        await device.ask("notify", values=[b"thanks".hex()])
        assert (await phone.event("notified"))["value"] == b"thanks".hex()
        await phone.ask("disconnect")
        await phone.event("disconnected")


async def test_a_long_name_is_seen_by_its_scan_response(make_world: Make, run: Run) -> None:
    _, phone = await both(await make_world(), run, "an agent with a name of 29 oc")
    found = await phone.ask("find", name="an agent with a name of 29 oc")
    assert found["uuids"] == [SERVICE]


@pytest.mark.parametrize("mtu", [23, 185, 517])
async def test_the_mtu_is_what_was_asked_for_and_carries_500_octets(make_world: Make, run: Run, mtu: int) -> None:
    device, phone = await connected(await make_world(mtu=mtu), run)
    assert await phone.ask("size", uuid=RX) == mtu - 3
    value = bytes(range(250)) * 2
    await phone.ask("write", uuid=RX, values=[value.hex()])
    assert (await device.event("written"))["value"] == value.hex()
    await phone.ask("subscribe", uuid=TX)
    await device.ask("notify", values=[value.hex()])
    assert (await phone.event("notified"))["value"] == value[: mtu - 3].hex()


async def test_writes_without_response_keep_their_order(make_world: Make, run: Run) -> None:
    world = await make_world(mtu=23)
    device, phone = await connected(world, run)
    values = [f"{number:04d}".encode().hex() for number in range(200)]
    await phone.ask("write", uuid=RX, values=values, response=False)
    assert [(await device.event("written"))["value"] for _ in values] == values
    assert world.counters("phone").write_commands == 200
    assert world.counters("phone").octets == 800


async def test_notifications_keep_their_order(make_world: Make, run: Run) -> None:
    world = await make_world(mtu=23)
    device, phone = await connected(world, run)
    await phone.ask("subscribe", uuid=TX)
    # Fifty at a time: dbus-next takes a full socket for a broken one, so bless falls silent beyond some 160.
    for start in range(0, 200, 50):
        values = [f"{number:04d}".encode().hex() for number in range(start, start + 50)]
        await device.ask("notify", values=values)
        assert [(await phone.event("notified"))["value"] for _ in values] == values
    assert world.counters("device").notifications == 200


async def test_a_killed_peripheral_is_a_lost_link(make_world: Make, run: Run, watch: Watch) -> None:
    world = await make_world()
    device, phone = await connected(world, run)
    on_device = await watch(world, "device")
    await device.kill()
    await phone.event("disconnected")
    assert await on_device.connected() is False
    with pytest.raises(Exception, match="TimeoutError"):
        await phone.ask("find", name="AGENT", timeout=0.5)


async def test_a_killed_central_is_a_lost_link_and_another_may_come(make_world: Make, run: Run, watch: Watch) -> None:
    world = await make_world()
    on_device = await watch(world, "device")
    _, phone = await connected(world, run)
    assert await on_device.changes.get() == (PHONE, True)
    await phone.kill()
    assert await on_device.changes.get() == (PHONE, False)
    again = await run(world, "phone", "bleak_central")
    await again.ask("find", name="AGENT")
    await again.ask("connect", name="AGENT")
    assert await again.ask("read", uuid=RX) == b"hello".hex()


async def test_a_peripheral_that_starts_again_serves_again(make_world: Make, run: Run) -> None:
    world = await make_world()
    device, phone = await connected(world, run)
    await device.kill()
    await phone.event("disconnected")
    await run(world, "device", "bless_peripheral", "AGENT")
    await phone.ask("find", name="AGENT")
    await phone.ask("connect", name="AGENT")
    assert await phone.ask("read", uuid=RX) == b"hello".hex()


async def test_going_out_of_range_is_seen_at_both_ends(make_world: Make, run: Run, watch: Watch) -> None:
    world = await make_world()
    on_device = await watch(world, "device")
    _, phone = await connected(world, run)
    await world.drop_links("device")
    await phone.event("disconnected")
    assert [await on_device.connected(), await on_device.connected()] == [True, False]
    await phone.ask("connect", name="AGENT")
    assert await phone.ask("read", uuid=RX) == b"hello".hex()


async def test_two_centrals_use_one_peripheral_at_once(make_world: Make, run: Run) -> None:
    world = await make_world("device", "phone", "tablet")
    (device, phone), tablet = await asyncio.gather(connected(world, run), run(world, "tablet", "bleak_central"))
    await tablet.ask("find", name="AGENT")
    await tablet.ask("connect", name="AGENT")
    for central in (phone, tablet):
        await central.ask("subscribe", uuid=TX)
        await central.ask("write", uuid=RX, values=[b"both".hex()])
        await device.event("written")
    await device.ask("notify", values=[b"all".hex()])
    assert (await phone.event("notified"))["value"] == b"all".hex()
    assert (await tablet.event("notified"))["value"] == b"all".hex()
    await phone.ask("disconnect")
    assert await tablet.ask("read", uuid=RX) == b"both".hex()


async def test_two_peripherals_are_told_apart(make_world: Make, run: Run) -> None:
    world = await make_world("one", "other", "phone")
    one, other, phone = await asyncio.gather(
        run(world, "one", "bless_peripheral", "ONE"),
        run(world, "other", "bless_peripheral", "OTHER"),
        run(world, "phone", "bleak_central"),
    )
    assert (await phone.ask("find", name="ONE"))["address"] != (await phone.ask("find", name="OTHER"))["address"]
    await phone.ask("connect", name="OTHER")
    await phone.ask("write", uuid=RX, values=[b"for you".hex()])
    assert (await other.event("written"))["value"] == b"for you".hex()
    assert not one.saw("written")


async def test_an_absent_device_times_out_and_the_next_attempt_succeeds(make_world: Make, run: Run) -> None:
    device, phone = await both(await make_world(), run)
    await phone.ask("find", name="AGENT")
    await device.ask("stop")
    with pytest.raises(Exception, match="TimeoutError"):
        await phone.ask("connect", name="AGENT", timeout=0.5)
    with pytest.raises(Exception, match="BleakDeviceNotFoundError"):
        await phone.ask("connect", name="00:00:00:00:00:99", timeout=0.5)
    await device.ask("start")
    assert RX in await phone.ask("connect", name="AGENT")


async def test_a_stopped_advertisement_is_gone(make_world: Make, run: Run) -> None:
    device, phone = await both(await make_world(), run)
    await phone.ask("find", name="AGENT")
    await device.ask("stop")
    with pytest.raises(Exception, match="TimeoutError"):
        await phone.ask("find", name="AGENT", timeout=0.5)


async def test_an_exception_in_a_write_callback_is_an_unlikely_error(make_world: Make, run: Run) -> None:
    _, phone = await connected(await make_world(), run)
    with pytest.raises(Exception, match="BleakGATTProtocolError") as raised:
        await phone.ask("write", uuid=RX, values=[b"raise".hex()])
    assert getattr(raised.value, "code", None) == 0x0E
    assert await phone.ask("read", uuid=RX) == b"hello".hex()


async def test_latency_is_felt_by_each_direction(make_world: Make, run: Run) -> None:
    _, phone = await connected(await make_world(latency_ms=30), run)
    loop = asyncio.get_running_loop()
    before = loop.time()
    await phone.ask("write", uuid=RX, values=["00"])
    assert loop.time() - before >= 0.06

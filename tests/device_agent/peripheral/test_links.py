"""Phones that link, write and hear."""

from contextlib import AsyncExitStack

import pytest

from device_agent.peripheral import (
    PeerCame,
    PeerGone,
    Written,
)
from tests.device_agent.peripheral.radio import BOTH, NAME, PHONE, PHONE2, Device, Link, hear, write
from tests.virtual_bluez.conftest import Program, ProgramError
from virtual_bluez import VirtualBluez


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

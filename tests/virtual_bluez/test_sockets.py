"""Sockets an application hands over for its values: one each, whatever the number of links (as bluetoothd 5.66)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.virtual_bluez.conftest import Program
    from virtual_bluez import VirtualBluez

    Make = Callable[..., Awaitable[VirtualBluez]]
    Run = Callable[..., Awaitable[Program]]

SERVICE, _, _, PACKETS = (f"b07498ca-ad5b-474e-940d-16f1fbe7e8c{n}" for n in range(4))
PHONE = "/org/bluez/hci0/dev_00_AA_01_00_00_02"


async def all_linked(world: VirtualBluez, run: Run) -> tuple[Program, ...]:
    device = await run(world, "device", "dbus_peripheral", "AGENT", SERVICE)
    await device.ask("register")
    await device.ask("advertise")
    phones = await asyncio.gather(*(run(world, party, "bleak_central") for party in world.parties[1:]))
    for phone in phones:
        await phone.ask("find", name="AGENT")
        await phone.ask("connect", name="AGENT")
    return device, *phones


async def test_a_subscription_asks_for_a_socket_with_its_device_and_mtu(make_world: Make, run: Run) -> None:
    device, phone = await all_linked(await make_world(mtu=185), run)
    await phone.ask("subscribe", uuid=PACKETS)
    asked = await device.event("AcquireNotify")
    assert asked == {"event": "AcquireNotify", "device": PHONE, "mtu": 185, "link": "LE"}
    values = [f"{number:04x}" for number in range(300)]
    await device.ask("send", values=values)
    assert [(await phone.event("notified"))["value"] for _ in values] == values


async def test_a_second_subscriber_shares_the_socket_and_hears_what_the_first_does(make_world: Make, run: Run) -> None:
    device, one, two = await all_linked(await make_world("device", "phone", "phone2"), run)
    for phone in (one, two):
        await phone.ask("subscribe", uuid=PACKETS)
    await device.ask("send", values=["01"])
    for phone in (one, two):
        assert (await phone.event("notified"))["value"] == "01"
    await device.event("AcquireNotify")
    assert not device.saw("AcquireNotify")
    await two.ask("unsubscribe", uuid=PACKETS)
    await device.ask("send", values=["02"])
    assert (await one.event("notified"))["value"] == "02"
    assert not two.saw("notified")


async def test_the_socket_ends_with_the_last_subscriber_and_the_next_gets_another(make_world: Make, run: Run) -> None:
    world = await make_world()
    device, phone = await all_linked(world, run)
    await phone.ask("subscribe", uuid=PACKETS)
    await world.drop_links("phone")
    assert await device.event("packet") == {"event": "packet", "of": "AcquireNotify", "value": ""}
    await phone.ask("find", name="AGENT")
    await phone.ask("connect", name="AGENT")
    await phone.ask("subscribe", uuid=PACKETS)
    await device.ask("send", values=["03"])
    assert (await phone.event("notified"))["value"] == "03"


@pytest.mark.parametrize(
    ("error", "starts"),
    [("org.bluez.Error.NotSupported", True), ("org.example.Mistake", True), ("org.bluez.Error.Failed", False)],
)
async def test_a_refused_socket_is_followed_by_start_notify_unless_it_failed(
    make_world: Make, run: Run, error: str, starts: bool
) -> None:
    device, phone = await all_linked(await make_world(), run)
    await device.ask("refuse", error=error)
    await phone.ask("subscribe", uuid=PACKETS)
    await device.event("AcquireNotify")
    assert device.saw("StartNotify") is starts


async def test_acquired_writes_no_longer_tell_who_wrote(make_world: Make, run: Run) -> None:
    device, one, two = await all_linked(await make_world("device", "phone", "phone2"), run)
    await one.ask("write", uuid=PACKETS, values=["01"])
    await two.ask("write", uuid=PACKETS, values=["02"])
    for value in ("01", "02"):
        assert await device.event("packet") == {"event": "packet", "of": "AcquireWrite", "value": value}
    assert (await device.event("AcquireWrite"))["device"] == PHONE
    assert not device.saw("AcquireWrite")
    assert not device.saw("write")


async def test_a_refused_write_socket_is_the_writers_error(make_world: Make, run: Run) -> None:
    device, phone = await all_linked(await make_world(), run)
    await device.ask("refuse", error="org.bluez.Error.NotAuthorized")
    with pytest.raises(Exception, match="BleakGATTProtocolError") as raised:
        await phone.ask("write", uuid=PACKETS, values=["01"])
    assert getattr(raised.value, "code", None) == 0x08

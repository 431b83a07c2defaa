import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from device_agent.config import WifiConfig
from device_agent.errors import WifiError
from device_agent.record import WifiProfile
from device_agent.wifi import JoinResult, open_wifi
from device_agent.wifi.chosen import ChosenWifi
from device_agent.wifi.network_manager import SERVICE, NetworkManagerWifi
from device_agent.wifi.wpa_supplicant import Patience
from onboarding_protocol.dpp import Akm, Status
from tests.device_agent.wifi.manager import ACTIVATED, Manager
from tests.device_agent.wifi.supplicant import Supplicant
from virtual_bluez.message_bus import PrivateBus

PASSPHRASE = "correct horse battery"
HOME = WifiProfile(ssid=b"Home", akm=Akm.PSK, passphrase=PASSPHRASE)


@pytest.fixture
async def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    async with PrivateBus("nm", tmp_path) as bus:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        yield bus.address


@pytest.fixture
async def manager(bus: str) -> AsyncIterator[Manager]:
    async with Manager(bus) as manager:
        manager.hear(b"Home")
        yield manager


@pytest.fixture
def wifi() -> NetworkManagerWifi:
    return NetworkManagerWifi(None, Patience(join=2.0, address=1.0))


def theirs(name: str) -> dict[str, dict[str, Variant]]:
    return {"connection": {"id": Variant("s", name)}}


async def test_a_network_that_takes_us_is_written_down_only_then(manager: Manager, wifi: NetworkManagerWifi) -> None:
    kept = manager.add(theirs("Theirs"))
    assert await wifi.join(HOME) == JoinResult(Status.OK)
    (ours,) = set(manager.connections) - {kept}
    assert manager.persisted[ours] == "disk"
    assert manager.connections[ours]["802-11-wireless"]["ssid"].value == b"Home"
    assert "hidden" not in manager.connections[ours]["802-11-wireless"]
    assert await wifi.join(HOME) == JoinResult(Status.OK)
    assert manager.activated == [ours]  # the second time nothing was touched


async def test_a_later_network_replaces_ours_and_nobody_elses(manager: Manager, wifi: NetworkManagerWifi) -> None:
    kept = manager.add(theirs("Theirs"))
    await wifi.join(HOME)
    assert (await wifi.join(WifiProfile(ssid=b"Home", akm=Akm.SAE, passphrase=PASSPHRASE))).status is Status.OK
    assert len(manager.connections) == 2
    assert kept in manager.connections


@pytest.mark.parametrize(
    ("reason", "result"),
    [
        (7, JoinResult(Status.AUTH_FAILURE, "81/1")),
        (53, JoinResult(Status.NO_AP, "81/1")),
        (5, JoinResult(Status.CONFIGURE_FAILURE, "81/1", "no-address")),
        (17, JoinResult(Status.CONFIGURE_FAILURE, "81/1", "no-address")),
        (11, JoinResult(Status.CONFIGURE_FAILURE, "81/1", "timed-out")),
        (99, JoinResult(Status.CONFIGURE_FAILURE, "81/1", "refused")),
    ],
)
async def test_a_failure_is_named_and_what_was_active_is_active_again(
    manager: Manager, wifi: NetworkManagerWifi, reason: int, result: JoinResult
) -> None:
    before = manager.add(theirs("Theirs"), active=True)
    manager.reasons = [reason]
    assert await wifi.join(HOME) == result
    assert list(manager.connections) == [before]
    assert manager.activated[-1] == before


async def cancelled(joining: asyncio.Task[JoinResult]) -> bool:
    joining.cancel()
    await asyncio.wait([joining])
    return joining.cancelled()


async def test_an_attempt_that_is_cancelled_leaves_what_was_active_and_nothing_of_ours(
    manager: Manager, wifi: NetworkManagerWifi
) -> None:
    before = manager.add(theirs("Theirs"), active=True)
    manager.undecided = True
    joining = asyncio.create_task(wifi.join(HOME))
    await manager.watched.wait()
    assert await cancelled(joining)
    assert list(manager.connections) == [before]
    assert manager.activated[-1] == before


async def test_an_attempt_that_is_cancelled_while_its_connection_is_made_leaves_none(
    manager: Manager, wifi: NetworkManagerWifi
) -> None:
    before = manager.add(theirs("Theirs"), active=True)
    manager.silent = {"AddAndActivateConnection2"}
    joining = asyncio.create_task(wifi.join(HOME))
    await manager.begun.wait()
    joining.cancel()
    asyncio.get_running_loop().call_soon(manager.speak)
    await asyncio.wait([joining])
    assert joining.cancelled()
    assert list(manager.connections) == [before]
    assert manager.activated[-1] == before


async def test_a_cancelled_attempt_ends_also_where_the_bus_has_gone(
    wifi: NetworkManagerWifi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with PrivateBus("short-lived", tmp_path) as bus, Manager(bus.address) as manager:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        manager.hear(b"Home")
        manager.undecided = True
        joining = asyncio.create_task(wifi.join(HOME))
        await manager.watched.wait()
        assert await wifi.manages()  # by now the state has been read, too
        await bus.__aexit__(None, None, None)
        assert await cancelled(joining)


async def test_a_strangers_word_is_not_networkmanagers(manager: Manager, bus: str) -> None:
    wifi = NetworkManagerWifi(None, Patience(join=0.5, address=0.5))
    manager.undecided = True
    joining = asyncio.create_task(wifi.join(HOME))
    await manager.watched.wait()
    stranger = await MessageBus(bus_address=bus).connect()
    forged = Message(
        message_type=MessageType.SIGNAL, destination=manager.client, path=manager.active, member="StateChanged",
        interface=f"{SERVICE}.Connection.Active", signature="uu", body=[ACTIVATED, 0],
    )  # fmt: skip
    await stranger.send(forged)
    assert (await joining).reason == "timed-out"
    stranger.disconnect()


async def test_on_a_disk_that_cannot_be_written_a_network_that_took_us_is_kept_in_memory(
    manager: Manager, wifi: NetworkManagerWifi
) -> None:
    manager.read_only = True
    assert await wifi.join(HOME) == JoinResult(Status.OK)
    assert list(manager.persisted.values()) == ["memory"]
    assert await wifi.join(HOME) == JoinResult(Status.OK)
    assert len(manager.activated) == 1


async def test_a_wrong_sae_password_is_told_from_a_network_out_of_reach(
    manager: Manager, wifi: NetworkManagerWifi
) -> None:
    manager.reasons = [53]
    profile = WifiProfile(ssid=b"Home", akm=Akm.SAE, passphrase=PASSPHRASE)
    assert (await wifi.join(profile)).status is Status.AUTH_FAILURE


async def test_a_network_that_is_not_heard_is_looked_for_by_name_and_not_tried(
    manager: Manager, wifi: NetworkManagerWifi
) -> None:
    before = manager.add(theirs("Theirs"), active=True)
    assert await wifi.join(WifiProfile(ssid=b"Gone", akm=Akm.PSK, passphrase=PASSPHRASE)) == JoinResult(Status.NO_AP)
    assert manager.scans[-1]["ssids"].value == [b"Gone"]
    assert (manager.activated, list(manager.connections)) == ([], [before])


@pytest.mark.parametrize("ssid", [b"", b"\0\0\0", b"x" * 33])
async def test_a_name_that_is_none_is_not_heard(manager: Manager, wifi: NetworkManagerWifi, ssid: bytes) -> None:
    manager.hear(ssid)
    manager.hear(b"Odd", Strength=Variant("s", "strong"))
    assert [network.ssid for network in await wifi.scan()] == [b"Home"]


@pytest.mark.parametrize("member", ["AddAndActivateConnection2", "ListConnections"])
async def test_a_refusal_names_the_call_and_no_secret(manager: Manager, wifi: NetworkManagerWifi, member: str) -> None:
    manager.refused = {member}
    with pytest.raises(WifiError, match=member) as refused:
        await wifi.join(HOME)
    assert PASSPHRASE not in str(refused.value)
    assert refused.value.remedy


async def test_without_the_service_the_remedy_says_where_to_look(bus: str, wifi: NetworkManagerWifi) -> None:
    assert bus
    assert not await wifi.manages()
    with pytest.raises(WifiError, match="does not manage") as missing:
        await wifi.scan()
    assert "nmcli" in missing.value.remedy


@pytest.mark.parametrize("address", ["unix:path=/nowhere/at/all", "garbage", "unix:", ""])
async def test_without_a_bus_there_is_an_error_and_not_a_traceback(
    wifi: NetworkManagerWifi, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    with pytest.raises(WifiError, match="bus"):
        await wifi.scan()


async def test_auto_takes_networkmanager_where_it_manages_and_else_wpa_supplicant(
    manager: Manager, tmp_path: Path
) -> None:
    control = tmp_path / "control"
    control.mkdir()
    async with Supplicant(control, "wlan0") as supplicant:
        config = WifiConfig(control=control)
        assert [network.ssid for network in await open_wifi(config).scan()] == [b"Home"]
        manager.managed = False
        assert await open_wifi(config).scan() == ()
        assert "SCAN" in supplicant.commands


async def test_auto_chooses_again_after_a_backend_has_failed(manager: Manager, tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    chosen = ChosenWifi(WifiConfig(control=tmp_path / "control"))
    manager.managed = False
    with pytest.raises(WifiError, match="serves no interface"):
        await chosen.scan()
    manager.managed = True
    assert [network.ssid for network in await chosen.scan()] == [b"Home"]

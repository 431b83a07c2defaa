"""Somebody else's network works, and the one that a phone gave does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from dbus_fast import Variant

from device_agent.store import Store
from device_agent.wifi import ELSEWHERE, JoinResult
from device_agent.wifi.network_manager import NetworkManagerWifi
from device_agent.wifi.wpa_control import WpaControl
from device_agent.wifi.wpa_networks import mark_of
from device_agent.wifi.wpa_supplicant import Patience, WpaSupplicantWifi
from onboarding_protocol.dpp import Akm, Status
from onboarding_protocol.members import EndpointResult, EndpointStatus
from tests.device_agent.place import HOME, WRONG, Place
from tests.device_agent.wifi.manager import Manager
from tests.device_agent.wifi.station import WRONG_KEY, found
from tests.device_agent.wifi.supplicant import Supplicant
from virtual_bluez.message_bus import PrivateBus

LEFT_ALONE = JoinResult(Status.CONFIGURE_FAILURE, reason=ELSEWHERE)


class Neighbourhood(Supplicant):
    """Lets us into the operator's network and into no other."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.operators = self.add("Operator's", current=True)
        self.on_select = self._select
        self.answers["STATUS"] = self._status
        self.asked = asyncio.Event()

    def _select(self, number: int) -> list[str]:
        joined = f"CTRL-EVENT-CONNECTED - completed [id={number} id_str=]"
        return [joined if number == self.operators else WRONG_KEY % number]

    def _status(self, _: str) -> str:
        self.asked.set()
        return f"wpa_state={'COMPLETED' if self.current == self.operators else 'SCANNING'}\nid={self.current}\n"

    @property
    def interruptions(self) -> int:
        return sum(verb == "SELECT_NETWORK" and number != str(self.operators) for verb, number in self._orders())

    def _orders(self) -> list[tuple[str, str]]:
        return [(verb, rest) for verb, _, rest in (command.partition(" ") for command in self.commands)]


@pytest.fixture
async def supplicant(tmp_path: Path) -> AsyncIterator[Neighbourhood]:
    async with Neighbourhood(tmp_path) as supplicant:
        yield supplicant


@pytest.fixture
def wifi(supplicant: Supplicant) -> WpaSupplicantWifi:
    return WpaSupplicantWifi(WpaControl(supplicant.path), Patience(join=2.0), found, lambda: True)


@pytest.fixture
async def place(tmp_path: Path, wifi: WpaSupplicantWifi) -> AsyncIterator[Place]:
    with closing(Store(tmp_path / "state")) as store:
        yield Place(tmp_path, store, wifi)


async def test_a_refused_network_is_tried_once_and_the_endpoint_over_the_one_that_works(
    place: Place, supplicant: Neighbourhood
) -> None:
    place.configure(WRONG)
    async with place.running():
        assert await place.told() == (Status.AUTH_FAILURE, EndpointStatus(EndpointResult.UNTRIED))
        await place.contact(EndpointResult.UNREACHABLE)
        await place.contact(EndpointResult.UNREACHABLE)  # a second attempt, and no interruption for it
        async with place.broker():
            await place.contact(EndpointResult.CONNECTED)
    assert supplicant.interruptions == 1
    assert supplicant.current == supplicant.operators


async def test_a_network_that_was_configured_anew_is_tried_again(place: Place, supplicant: Neighbourhood) -> None:
    place.configure(WRONG, owned=False)
    for _ in range(2):
        place.first = asyncio.get_running_loop().create_future()
        async with place.running():
            await place.told()
    assert supplicant.interruptions == 2


async def test_a_network_that_is_about_to_be_joined_is_waited_for(
    supplicant: Neighbourhood, wifi: WpaSupplicantWifi
) -> None:
    supplicant.current = None
    joining = asyncio.create_task(wifi.join(HOME, gently=True))
    await supplicant.asked.wait()
    supplicant.current = supplicant.operators
    supplicant.emit(f"CTRL-EVENT-CONNECTED - completed [id={supplicant.operators} id_str=]")
    assert await joining == LEFT_ALONE
    assert supplicant.interruptions == 0


async def test_where_no_other_network_is_heard_nothing_is_waited_for(
    supplicant: Neighbourhood, wifi: WpaSupplicantWifi
) -> None:
    supplicant.current = None
    joining = asyncio.create_task(wifi.join(HOME, gently=True))
    await supplicant.asked.wait()
    supplicant.emit("CTRL-EVENT-NETWORK-NOT-FOUND ")
    assert (await joining).status is Status.AUTH_FAILURE
    assert supplicant.interruptions == 1


async def test_a_network_of_ours_that_has_come_back_by_itself_is_not_somebody_elses(
    supplicant: Neighbourhood, wifi: WpaSupplicantWifi
) -> None:
    supplicant.networks[supplicant.operators]["id_str"] = f'"{mark_of(HOME)}"'
    assert await wifi.join(HOME, gently=True) == JoinResult(Status.OK)


@pytest.fixture
async def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Manager]:
    async with PrivateBus("nm", tmp_path) as bus:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        async with Manager(bus.address) as manager:
            manager.hear(b"Home")
            yield manager


async def test_networkmanager_leaves_a_network_that_works_alone(manager: Manager) -> None:
    wifi = NetworkManagerWifi(None, Patience(join=2.0, address=1.0))
    manager.add({"connection": {"id": Variant("s", "Theirs")}}, active=True)
    assert await wifi.join(HOME, gently=True) == LEFT_ALONE
    assert manager.activated == []
    assert (await wifi.join(HOME)).status is Status.OK
    assert (await wifi.join(HOME, gently=True)).status is Status.OK
    assert await wifi.join(replace(HOME, akm=Akm.SAE), gently=True) == LEFT_ALONE


async def test_networkmanager_without_a_network_tries_at_once(manager: Manager) -> None:
    wifi = NetworkManagerWifi(None, Patience(join=2.0, address=1.0))
    assert (await wifi.join(HOME, gently=True)).status is Status.OK
    assert len(manager.activated) == 1

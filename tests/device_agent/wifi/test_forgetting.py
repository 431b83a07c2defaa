"""A factory reset, as far as it concerns the program that does Wi-Fi."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
from dbus_fast import Variant

from device_agent import forgetting
from device_agent.agent import Agent
from device_agent.commands import commands_of
from device_agent.config import Config, WifiConfig
from device_agent.control import serve
from device_agent.errors import WifiError
from device_agent.journal import Journal
from device_agent.record import Record
from device_agent.store import Store, read_record
from device_agent.wifi.network_manager import NetworkManagerWifi
from device_agent.wifi.wpa_control import WpaControl
from device_agent.wifi.wpa_networks import MARK, mark_of
from device_agent.wifi.wpa_supplicant import Patience, WpaSupplicantWifi
from tests.device_agent.wifi.manager import Manager
from tests.device_agent.wifi.station import HOME
from tests.device_agent.wifi.station import supplicant as supplicant
from tests.device_agent.wifi.supplicant import Supplicant
from tests.world.world import BIN, Command
from virtual_bluez.message_bus import PrivateBus

PATIENCE_S = 20
Events = asyncio.Queue[tuple[str, Mapping[str, object]]]


@pytest.fixture
def wifi(supplicant: Supplicant) -> WpaSupplicantWifi:
    return WpaSupplicantWifi(WpaControl(supplicant.path, reply_seconds=0.2), Patience())


class Device:
    """A device that is on HOME by wpa_supplicant, with another network beside it."""

    def __init__(self, folder: Path, supplicant: Supplicant) -> None:
        self.folder = folder
        self.supplicant = supplicant
        self.theirs = supplicant.add("Theirs")
        ours = supplicant.add("Home", current=True, mark=mark_of(HOME))
        supplicant.answers["STATUS"] = f"wpa_state=COMPLETED\nid={ours}\n"
        wifi = WifiConfig(backend="wpa_supplicant", control=folder, interface=supplicant.path.name, on_air=False)
        self.config = Config(state=folder / "state", wifi=wifi)
        with closing(Store(self.config.state)) as store:
            store.save(Record(wifi=(HOME,)))

    @property
    def record(self) -> Record:
        return read_record(self.config.state)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[tuple[Agent, Events]]:
        events: Events = asyncio.Queue()
        journal = Journal(listeners=[lambda name, facts: events.put_nowait((name, facts))])
        with closing(Store(self.config.state)) as store:
            agent = Agent(self.config, store, journal)
            async with serve(self.config.control_socket, commands_of(agent, self.config.window_seconds)):
                task = asyncio.create_task(agent.run())
                try:
                    await self.event(events, "ready")
                    yield agent, events
                finally:
                    task.cancel()
                    await asyncio.wait([task])

    async def event(self, events: Events, wanted: str) -> Mapping[str, object]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                name, facts = await events.get()
                if name == wanted:
                    return facts

    async def reset(self) -> tuple[int | None, str]:
        config = self.folder / "agent.toml"
        config.write_text(
            f'state = "state"\n[wifi]\nbackend = "wpa_supplicant"\n'
            f'control = "{self.folder}"\ninterface = "{self.supplicant.path.name}"\n'
        )
        command: Command = [BIN / "device-agent", "--config", config, "reset", "--yes", "--json"]
        program = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        output, _ = await program.communicate()
        return program.returncode, output.decode()


@pytest.fixture
def device(tmp_path: Path, supplicant: Supplicant) -> Device:
    return Device(tmp_path, supplicant)


async def test_a_reset_takes_the_owners_network_from_wpa_supplicant_and_no_other(device: Device) -> None:
    async with device.running() as (agent, _):
        assert await agent.reset() == Record(resets=1)
    assert list(device.supplicant.networks) == [device.theirs]
    assert device.supplicant.saved == 1
    assert device.supplicant.commands[-2:] == ["REASSOCIATE", "SAVE_CONFIG"]
    assert device.record == Record(resets=1)


async def test_a_reset_without_an_agent_takes_the_owners_network_away_too(device: Device) -> None:
    code, output = await device.reset()
    assert (code, json.loads(output)) == (0, {"reset": True, "resets": 1})
    assert list(device.supplicant.networks) == [device.theirs]
    assert device.record == Record(resets=1)


async def test_a_network_that_is_not_forgotten_is_told_and_forgotten_at_the_next_start(device: Device) -> None:
    device.supplicant.answers["SAVE_CONFIG"] = "FAIL\n"
    async with device.running() as (agent, events):
        assert await agent.reset() == Record(resets=1, wifi_to_forget=True)
        trouble = await device.event(events, "trouble")
        assert "could not write" in str(trouble["what"])
        assert trouble["remedy"]
    assert device.record == Record(resets=1, wifi_to_forget=True)
    del device.supplicant.answers["SAVE_CONFIG"]
    async with device.running():
        async with asyncio.timeout(PATIENCE_S):
            while device.record.wifi_to_forget:  # noqa: ASYNC110 - it is on a disk
                await asyncio.sleep(0.01)
    assert device.supplicant.saved == 1


async def test_a_reset_without_an_agent_says_what_is_not_forgotten(device: Device) -> None:
    device.supplicant.answers["REMOVE_NETWORK"] = "FAIL\n"
    code, output = await device.reset()
    assert code == 1
    assert "REMOVE_NETWORK" in json.loads(output)["error"]["message"]
    assert device.record == Record(resets=1, wifi_to_forget=True)


async def test_whoever_asks_a_running_agent_hears_what_is_not_forgotten(device: Device) -> None:
    device.supplicant.answers["SAVE_CONFIG"] = "FAIL\n"
    async with device.running():
        code, output = await device.reset()
    told = json.loads(output)["error"]
    assert (code, told["type"]) == (1, "WifiError")
    assert "journalctl" in told["remedy"]
    assert device.record.resets == 1


async def test_a_new_owners_network_does_not_wait_for_the_old_ones_end(device: Device) -> None:
    with closing(Store(device.config.state)) as store:
        store.save(Record(wifi=(HOME,)))
        store.reset()
        store.update(lambda record: replace(record, wifi=(replace(HOME, ssid=b"New"),)))
    device.supplicant.answers["REMOVE_NETWORK"] = "FAIL\n"
    selected = asyncio.Event()

    def select(_: int) -> list[str]:
        selected.set()
        return []

    device.supplicant.on_select = select
    async with device.running() as (_, events):
        assert "REMOVE_NETWORK" in str((await device.event(events, "trouble"))["what"])
        async with asyncio.timeout(PATIENCE_S):
            await selected.wait()


async def test_a_device_that_never_had_wifi_leaves_wpa_supplicant_alone_at_a_reset(device: Device) -> None:
    with closing(Store(device.config.state)) as store:
        store.save(Record())
    async with device.running() as (agent, _):
        await agent.reset()
    assert device.supplicant.commands == []


@pytest.mark.parametrize(("verb", "answer"), [("LIST_NETWORKS", None), ("REMOVE_NETWORK", "FAIL\n")])
async def test_what_wpa_supplicant_does_not_forget_is_an_error(
    supplicant: Supplicant, wifi: WpaSupplicantWifi, verb: str, answer: str | None
) -> None:
    supplicant.add("Home", mark=f"{MARK}x-y")
    supplicant.answers[verb] = answer
    with pytest.raises(WifiError, match=verb) as refused:
        await wifi.forget()
    assert refused.value.remedy


async def test_a_program_that_hangs_is_not_waited_for(
    supplicant: Supplicant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "FORGET_S", 0.05)
    supplicant.answers["LIST_NETWORKS"] = None
    with closing(Store(tmp_path / "state")) as store:
        store.save(Record(wifi_to_forget=True))
        with pytest.raises(WifiError, match="not forgotten yet: no answer") as refused:
            await forgetting.forget_wifi(store, WpaSupplicantWifi(WpaControl(supplicant.path), Patience()))
        assert store.record.wifi_to_forget
    assert "Restart" in refused.value.remedy


async def test_a_wpa_supplicant_that_keeps_no_file_has_nothing_to_forget_on_disk(
    supplicant: Supplicant, wifi: WpaSupplicantWifi
) -> None:
    supplicant.add("Home", mark=f"{MARK}x-y")
    supplicant.globals["update_config"] = "0"
    supplicant.answers["SAVE_CONFIG"] = "FAIL\n"
    await wifi.forget()
    assert supplicant.networks == {}


@pytest.fixture
async def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Manager]:
    async with PrivateBus("nm", tmp_path) as bus:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        async with Manager(bus.address) as manager:
            manager.hear(b"Home")
            yield manager


async def test_networkmanager_forgets_ours_and_keeps_theirs(manager: Manager) -> None:
    theirs = manager.add({"connection": {"id": Variant("s", "Theirs")}})
    wifi = NetworkManagerWifi(None, Patience(join=2.0, address=1.0))
    await wifi.join(HOME)
    await wifi.forget()
    assert list(manager.connections) == [theirs]


async def test_what_networkmanager_does_not_forget_is_an_error(manager: Manager) -> None:
    wifi = NetworkManagerWifi(None, Patience(join=2.0, address=1.0))
    await wifi.join(HOME)
    manager.refused = {"Delete"}
    with pytest.raises(WifiError, match="still holds") as refused:
        await wifi.forget()
    assert "nmcli" in refused.value.remedy


async def test_without_networkmanager_nothing_is_called_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with PrivateBus("nm", tmp_path) as bus:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        with pytest.raises(WifiError, match="does not run"):
            await NetworkManagerWifi(None, Patience()).forget()

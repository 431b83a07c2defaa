"""The agent as a process, on a simulated radio, towards an unmodified bleak central in another one."""

import asyncio
import json
import stat
from contextlib import closing

import pytest

from device_agent.air import LOOK_S
from device_agent.record import Record, WifiEnterprise, WifiProfile
from device_agent.store import Store, read_record
from onboarding_protocol.dpp import (
    Akm,
    AuthenticationConfirm,
    AuthenticationRequest,
    Capability,
    ConfigurationRequest,
    ConfigurationResponse,
    Connection,
    ConnectionStatusResult,
    Status,
)
from onboarding_protocol.gatt import WRITE_CHARACTERISTIC_UUID
from onboarding_protocol.hint import Hint, encode_hint
from onboarding_protocol.members import DeviceStatement
from tests.device_agent.certificates import Authority, unreadable
from tests.device_agent.operator import new_key
from tests.device_agent.phone import PASSPHRASE, network
from tests.device_agent.scene import NETWORKS, Scene
from tests.virtual_bluez.conftest import ProgramError
from tests.world.process import Process
from tests.world.world import BIN, Command, run

MTUS = (23, 517)


@pytest.mark.parametrize("mtu", MTUS)
async def test_after_any_garbage_a_clean_exchange_works(scene: Scene) -> None:
    agent = await scene.open_agent()
    phone = await scene.phone()
    await phone.connect()
    for octets in (b"\xff", b"\0" * 20, b"\x00\x00\x1f\x41" + b"\x09" * 16, bytes(range(256)), b"\0\0\0\1\1" * 100):
        await phone.write(octets)
    await phone.central.ask("disconnect")
    await phone.connect()
    assert await phone.give_wifi() is Status.OK
    await agent.wait_event("window", open=False, why="the device is set up")
    assert read_record(scene.folder / "state").wifi[0].ssid == b"Home"
    assert "Traceback" not in scene.log


async def test_two_requests_and_garbage_in_one_write_do_not_end_the_agent(scene: Scene) -> None:
    agent = await scene.open_agent()
    phone = await scene.phone()
    await phone.connect()
    request = Connection.initiator(scene.key, Capability.CONFIGURATOR).send(AuthenticationRequest(), 0.0)
    await phone.write(request + b"\0\0\0\1\1" * 7)
    await phone.write(request + phone.connection.send(AuthenticationRequest(), 0.0))
    await phone.hear()
    await phone.tell(AuthenticationConfirm())
    assert (await scene.ask("status"))["running"] is True
    assert not agent.ended


async def test_a_phone_that_says_nothing_is_in_nobodys_way(scene: Scene) -> None:
    await scene.open_agent()
    silent, other = await scene.phone(), await scene.phone("phone2")
    await silent.connect()
    await other.connect()
    assert await other.give_wifi() is Status.OK


async def test_a_phone_that_stays_linked_after_success_is_sent_away(scene: Scene) -> None:
    await scene.open_agent()
    phone = await scene.phone()
    await phone.connect()
    assert await phone.give_wifi() is Status.OK
    await phone.central.event("disconnected")
    with pytest.raises(ProgramError):
        await phone.write(b"\0")


async def test_a_window_that_closes_lets_an_authenticated_phone_finish_and_nobody_else_begin(scene: Scene) -> None:
    agent = await scene.agent()
    await scene.ask("open", seconds=2)
    phone, late = await scene.phone(), await scene.phone("phone2")
    await phone.connect()
    await late.connect()
    await phone.authenticate()
    await agent.wait_event("window", open=False, why="it was open long enough")
    await late.write(late.connection.send(AuthenticationRequest(), 0.0))
    await late.overhear(Hint.WINDOW_CLOSED)
    await phone.tell(ConfigurationResponse(objects=(network(),)))
    status = await phone.hear()
    assert isinstance(status, ConnectionStatusResult)
    await phone.central.event("disconnected")


async def test_a_window_after_one_failure_still_says_that_its_time_was_over(scene: Scene) -> None:
    agent = await scene.agent()
    await scene.ask("open", seconds=2)
    phone = await scene.phone()
    await phone.connect()
    await phone.tell(AuthenticationRequest())
    await phone.write(b"\0\0\0\1\1" * 7)
    await agent.wait_event("exchange-failed")
    assert (await agent.wait_event("window", open=False))["why"] == "it was open long enough"


async def test_a_press_advertises_at_once_and_does_not_wait_for_the_scan(scene: Scene) -> None:
    (scene.folder / "networks.toml").write_text("scan_seconds = 3600\n")
    agent = await scene.agent()
    asking = asyncio.create_task(scene.ask("open"))
    async with asyncio.timeout(LOOK_S * 0.9):
        await agent.wait_event("window", open=True)
        await asking


async def test_a_phone_that_is_faster_than_the_scan_hears_its_networks(scene: Scene) -> None:
    (scene.folder / "networks.toml").write_text(f"scan_seconds = 3\n{NETWORKS}")
    await scene.agent()
    phone = await scene.phone()
    await scene.ask("open")
    await phone.connect()
    await phone.tell(AuthenticationRequest())
    asked = await phone.tell(AuthenticationConfirm())
    assert isinstance(asked, ConfigurationRequest)
    statement = DeviceStatement.from_members(asked.request.members)
    assert statement is not None
    assert [network.ssid for network in statement.networks] == [b"Home"]


async def test_five_failures_close_the_window_and_the_sixth_try_does_not_begin(scene: Scene) -> None:
    agent = await scene.open_agent()
    phone = await scene.phone()
    await phone.connect()
    for _ in range(5):
        await phone.write(phone.connection.send(AuthenticationRequest(), 0.0) + b"\0\0\0\1\1" * 7)
        phone.connection = Connection.initiator(scene.key, Capability.CONFIGURATOR)
    await agent.wait_event("window", open=False, why="too many tries failed")
    assert await phone.central.ask("size", uuid=WRITE_CHARACTERISTIC_UUID) > 0
    await phone.write(phone.connection.send(AuthenticationRequest(), 0.0))
    await phone.central.event("disconnected")
    assert [event for event in agent.events if event["event"] == "exchange"] == []


async def test_a_full_disk_is_told_to_the_phone_and_the_agent_goes_on(scene: Scene) -> None:
    agent = await scene.open_agent()
    phone = await scene.phone()
    await phone.connect()
    await phone.tell(AuthenticationRequest())
    state, aside = scene.folder / "state", scene.folder / "aside"
    state.rename(aside)
    await phone.write(phone.connection.send(AuthenticationConfirm(), 0.0))
    hint = await phone.central.event("notified")
    aside.rename(state)
    assert bytes.fromhex(hint["value"]) == encode_hint(Hint.INTERNAL_ERROR)
    assert "cannot be written" in str((await agent.wait_event("exchange-failed"))["detail"])
    phone.connection = Connection.initiator(scene.key, Capability.CONFIGURATOR)
    assert await phone.give_wifi() is Status.OK


async def test_a_reset_in_the_middle_of_an_exchange_leaves_a_new_device(scene: Scene) -> None:
    agent = await scene.open_agent()
    phone = await scene.phone()
    await phone.connect()
    await phone.authenticate()
    answer = await scene.ask("reset")
    assert answer == {"reset": True, "resets": 1}
    await agent.wait_event("window", open=False, why="the device was reset")
    await phone.central.event("disconnected")
    record = read_record(scene.folder / "state")
    assert (record.resets, record.wifi, record.nonces, record.state) == (1, (), (), "new")


async def test_a_device_that_joins_by_itself_does_not_shut_a_window_somebody_opened(scene: Scene) -> None:
    agent = await scene.open_agent()
    phone = await scene.phone()
    await phone.connect()
    assert await phone.give_wifi() is Status.OK
    assert await agent.stop() == 0
    again = await scene.open_agent()
    await again.wait_event("attempt", wifi="OK")
    assert (await scene.ask("status"))["window"] is not None


async def test_only_one_agent_runs_with_a_state_directory(scene: Scene) -> None:
    first = await scene.agent()
    command: Command = [BIN / "device-agent", "--config", scene.folder / "agent.toml", "run", "--json"]
    second = await Process.start("second", command, scene.folder)
    assert await second.finish() == 1
    assert second.events[-1]["error"]
    assert not first.ended
    assert (await scene.ask("status"))["running"] is True


async def test_seconds_that_make_no_window_are_refused(scene: Scene) -> None:
    await scene.agent()
    wrong: tuple[object, ...] = (0, -1, 901, True, "60", 1.5, [], {})
    for seconds in wrong:
        with pytest.raises(Exception, match="1 to 900"):
            await scene.ask("open", seconds=seconds)
    assert (await scene.ask("status"))["window"] is None


async def test_no_secret_reaches_journal_log_or_socket_in_a_whole_run(scene: Scene) -> None:
    agent = await scene.open_agent()
    phone = await scene.phone()
    await phone.connect()
    assert await phone.give_wifi() is Status.OK
    status = json.dumps(await scene.ask("status"))
    said = "\n".join([*agent.text, scene.log, status])
    record = read_record(scene.folder / "state")
    secrets = [PASSPHRASE, "PRIVATE KEY", *(nonce.hex() for nonce in record.nonces)]
    assert record.nonces
    assert not [secret for secret in secrets if secret in said]
    files = [path for path in (scene.folder / "state").iterdir() if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


async def test_commands_run_to_their_end_beside_a_running_agent(scene: Scene) -> None:
    await scene.agent()
    command: Command = [BIN / "device-agent", "--config", scene.folder / "agent.toml"]
    printed = await run(scene.folder, [*command, "label", "--json"])
    assert json.loads(printed[-1])["name"] == scene.key.name
    told = await run(scene.folder, [*command, "status", "--json"])
    assert json.loads(told[-1])["running"] is True


async def test_an_agent_whose_record_cannot_be_used_starts_tells_it_and_is_reset(scene: Scene) -> None:
    """What a former version has stored: a certificate whose subject cannot be read."""
    leaf = unreadable(Authority().certify(new_key().public_key(), "aaaaaaaa"), "aaaaaaaa")
    enterprise = WifiEnterprise(certificates=(leaf,), key=b"")
    with closing(Store(scene.folder / "state")) as store:
        store.save(Record(wifi=(WifiProfile(ssid=b"Corp", akm=Akm.DOT1X, enterprise=enterprise),)))
    agent = await scene.agent()
    await agent.wait_event("attempt", wifi="CONFIGURE_FAILURE")
    assert await scene.ask("reset") == {"reset": True, "resets": 1}
    assert not agent.ended
    assert read_record(scene.folder / "state") == Record(resets=1)
    assert "Traceback" not in scene.log

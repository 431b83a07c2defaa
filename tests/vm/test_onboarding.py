"""From label to connected over BlueZ, hostapd, wpa_supplicant, DHCP and Mosquitto, on simulated radios in one guest."""

import signal

import pytest

from onboarding_protocol.gatt import ATT_MTU_MIN
from tests.e2e.outcome import error, result, steps
from tests.vm.bench import Bench, Device
from tests.vm.site import STATION
from tests.world.process import Process
from tests.world.world import PASSPHRASE, TENANT

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def assert_connected(bench: Bench, device: Device, app: Process) -> None:
    told = result(app)
    assert told["state"] == "connected"
    record = await device.record()
    ownership = record["ownership"]
    assert isinstance(ownership, dict)
    assert record["state"] == "connected"
    assert ownership["tenant"] == TENANT
    registered = told["device"]
    assert isinstance(registered, dict)
    assert (registered["id"], registered["state"]) == (ownership["device"], "connected")
    assert f"as {ownership['device']}" in bench.registry.broker.log.read_text()
    assert "wpa_state=COMPLETED" in await bench.guest.run("wpa_cli", "-i", STATION, "status")
    assert device.agent is not None
    await device.agent.wait_event("window", open=False)
    await bench.bluetooth.wait_until_silent()
    assert bench.bluetooth.pairings == []


async def test_a_device_joins_wpa2_and_is_connected(bench: Bench, device: Device) -> None:
    await device.run()
    app = await bench.onboard(device)
    await assert_connected(bench, device, app)


async def test_a_device_joins_wpa3_and_is_connected(bench: Bench, device: Device) -> None:
    await bench.site.close_network()
    await bench.site.open_network("Vault", "only by sae", "sae")
    await device.run()
    app = await bench.onboard(device, ssid="Vault", passphrases=("only by sae",))
    await assert_connected(bench, device, app)
    assert "key_mgmt=SAE" in await bench.guest.run("wpa_cli", "-i", STATION, "status")


@pytest.mark.parametrize("device", ["bless"], indirect=True)
async def test_a_device_that_offers_its_service_by_bless_is_connected_as_well(bench: Bench, device: Device) -> None:
    await device.run()
    app = await bench.onboard(device, passphrases=("not the password", PASSPHRASE))
    await assert_connected(bench, device, app)


async def test_a_wrong_password_is_told_and_the_next_one_works_on_the_same_link(bench: Bench, device: Device) -> None:
    await device.run()
    app = await bench.onboard(device, passphrases=("not the password", PASSPHRASE))
    await assert_connected(bench, device, app)
    assert steps(app).count("join") == 2
    assert steps(app).count("connect") == steps(app).count("register") == 1


async def test_a_network_out_of_reach_is_told_and_the_same_phone_tries_again(bench: Bench, device: Device) -> None:
    await bench.site.close_network()
    await device.run()
    refused = error(await bench.onboard(device))
    assert "Home" in str(refused["message"])
    await bench.site.open_home()
    await assert_connected(bench, device, await bench.onboard(device))


async def test_a_connected_device_whose_access_point_goes_and_comes_is_connected_again(
    bench: Bench, device: Device
) -> None:
    agent = await device.run()
    await assert_connected(bench, device, await bench.onboard(device))
    assert await agent.stop() == 0
    await bench.site.close_network()
    again = await device.run(window=False)
    away = await again.wait_event("attempt")
    assert away["wifi"] == "NO_AP"
    await bench.site.open_home()
    await again.wait_event("state", contact="connected")


async def test_a_closed_window_is_silent_and_opening_it_again_helps(bench: Bench, device: Device) -> None:
    agent = await device.run(window=False)
    await device.open(seconds=1)
    closed = await agent.wait_event("window", open=False)
    assert "long enough" in str(closed["why"])
    await bench.bluetooth.wait_until_silent()
    refused = error(await bench.onboard(device, "--scan-timeout", "2"))
    assert refused["type"] == "device-not-found"
    await device.open()
    await assert_connected(bench, device, await bench.onboard(device))


async def test_a_phone_that_leaves_in_the_middle_may_come_back(bench: Bench, device: Device) -> None:
    await device.run()
    app = await bench.begin_onboarding(device)
    await app.wait_for(lambda event: event.get("step") == "register")
    app.kill(signal.SIGKILL)
    await app.finish()
    await bench.bluetooth.close_link()
    await assert_connected(bench, device, await bench.onboard(device))


async def test_a_restarted_bluetoothd_ends_the_window_and_opening_it_again_helps(bench: Bench, device: Device) -> None:
    agent = await device.run()
    await bench.bluetooth.restart()
    await agent.wait_event("window", open=False)
    await device.open()
    await assert_connected(bench, device, await bench.onboard(device))


async def test_a_killed_agent_comes_back_as_the_same_device(bench: Bench, device: Device) -> None:
    agent = await device.run()
    app = await bench.begin_onboarding(device)
    registered = await app.wait_for(lambda event: event.get("step") == "register")
    agent.kill(signal.SIGKILL)
    await agent.finish()
    await app.finish()
    await device.run()
    await assert_connected(bench, device, await bench.onboard(device))
    facts = registered["facts"]
    assert isinstance(facts, dict)
    assert await device.identity() == facts["device"]


@pytest.mark.parametrize("mtu", [48, 185])  # with less than 48, L2CAP's least over BR/EDR, bluetoothd takes no adapter
async def test_any_att_mtu_will_do(bench: Bench, device: Device, mtu: int) -> None:
    await bench.bluetooth.restart(mtu)
    await device.run()
    await assert_connected(bench, device, await bench.onboard(device))


async def test_the_smallest_att_mtu_will_do_too(bench: Bench, device: Device) -> None:
    await device.run()
    app = await bench.onboard_by_smallest_phone(device)
    await assert_connected(bench, device, app)
    largest = (await app.wait_event("air"))["largest"]
    assert isinstance(largest, int)
    assert largest <= ATT_MTU_MIN

"""From label to connected, through real stacks and separate processes; and every way there again."""

import json
import signal
import stat
from pathlib import Path

import pytest
from cryptography import x509

from tests.e2e.outcome import error, result, steps
from tests.world.world import PASSPHRASE, TENANT, Device, World

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("peripheral", ["auto", "bless"])
async def test_a_factory_fresh_device_is_owned_certified_and_connected(world: World, device: Device) -> None:
    await device.run()
    app = await world.onboard(device.label)
    told = result(app)
    held = await device.ask("status")
    assert told["state"] == held["state"] == held["contact"] == "connected"
    assert held["tenant"] == TENANT
    state = device.folder / "state"
    certificate = x509.load_pem_x509_certificate((state / "certificate.pem").read_bytes())
    assert str(held["device"]) in certificate.subject.rfc4514_string()
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in state.iterdir() if file.is_file())
    log = world.broker.log.read_text()
    assert f"as {held['device']}" in log


async def test_nothing_is_advertised_once_the_device_is_set_up(world: World, device: Device) -> None:
    agent = await device.run()
    result(await world.onboard(device.label))
    await agent.wait_event("window", open=False)
    scan = await world.app("scan", "--seconds", "0.7", "--json")
    assert await scan.finish() == 0
    found = scan.events[-1]["result"]
    assert isinstance(found, dict)
    assert found["devices"] == []


async def test_the_adapter_that_is_named_is_the_one_that_is_used(world: World, device: Device) -> None:
    await device.run()
    assert result(await world.onboard(device.label, "--adapter", "hci0"))["state"] == "connected"
    elsewhere = await world.app("scan", "--seconds", "0.7", "--adapter", "hci9", "--json")
    await elsewhere.finish()
    assert "hci9" in str(error(elsewhere)["message"])


async def test_no_passphrase_key_or_token_reaches_a_log(world: World, device: Device) -> None:
    await device.run()
    app = await world.onboard(device.label)
    said = "\n".join(app.text) + "".join(path.read_text(errors="replace") for path in world.folder.glob("*.log"))
    assert PASSPHRASE not in said
    assert "PRIVATE KEY" not in said
    assert world.password_file.read_text() not in said


@pytest.mark.parametrize("peripheral", ["auto", "bless"])
async def test_a_wrong_wifi_password_is_told_and_the_next_one_tried_on_the_same_link(
    world: World, device: Device
) -> None:
    await device.run()
    app = await world.onboard(device.label, passphrases=("wrong password", PASSPHRASE))
    assert result(app)["state"] == "connected"
    assert steps(app).count("join") == 2
    assert steps(app).count("register") == 1
    assert steps(app).count("connect") == 1


async def test_after_a_wrong_wifi_password_another_try_needs_no_second_registration(
    world: World, device: Device
) -> None:
    await device.run()
    refused = error(await world.onboard(device.label, passphrases=("wrong password",)))
    assert "password" in str(refused["message"])
    before = await device.ask("status")
    assert before["state"] == "assigned"
    again = await world.onboard(device.label)
    assert result(again)["state"] == "connected"
    assert (await device.ask("status"))["device"] == before["device"]


async def test_a_network_that_is_not_there_has_its_own_message(world: World, device: Device) -> None:
    await device.run()
    refused = error(await world.onboard(device.label, ssid="Atlantis"))
    assert "Atlantis" in str(refused["message"])
    assert result(await world.onboard(device.label))["state"] == "connected"


async def test_a_label_of_another_device_finds_nothing(world: World, device: Device) -> None:
    await device.run()
    other = await world.add_device(f"{device.folder.name}-other")
    refused = await world.onboard(other.label, "--scan-timeout", "0.7")
    assert error(refused)["type"] == "device-not-found"
    assert (await device.ask("status"))["state"] == "new"


async def test_a_closed_window_is_told_and_opening_it_helps(world: World, device: Device) -> None:
    await device.run(window=False)
    refused = await world.onboard(device.label, "--scan-timeout", "0.7")
    assert error(refused)["type"] == "device-not-found"
    await device.open()
    assert result(await world.onboard(device.label))["state"] == "connected"


async def test_the_window_closes_by_itself(device: Device) -> None:
    agent = await device.run(window=False)
    await device.open(seconds=1)
    await agent.wait_event("window", open=True)
    closed = await agent.wait_event("window", open=False)
    assert "long enough" in str(closed["why"])
    assert (await device.ask("status"))["window"] is None


async def test_an_unreadable_picture_is_told_before_anything_starts(
    world: World, device: Device, no_picture: Path
) -> None:
    await device.run()
    refused = await world.onboard(no_picture)
    assert error(refused)["type"] != "internal"
    assert "sign-in" not in [event.get("step") for event in refused.events if event.get("ok")]
    assert (await device.ask("status"))["state"] == "new"


async def test_a_wrong_account_password_is_told(world: World, device: Device) -> None:
    await device.run()
    wrong = device.folder / "wrong"
    wrong.write_text("not it")
    app = await world.onboard(device.label, "--password-file", wrong)
    assert "sign" in json.dumps(error(app)).lower()
    assert (await device.ask("status"))["state"] == "new"


async def test_a_killed_app_leaves_nothing_half_done(world: World, device: Device) -> None:
    await device.run()
    app = await world.begin_onboarding(device.label)
    await app.wait_for(lambda event: event.get("step") == "authenticate")
    app.kill()
    await app.finish()
    assert result(await world.onboard(device.label))["state"] == "connected"


async def test_a_killed_agent_comes_back_with_the_same_identity(world: World, device: Device) -> None:
    agent = await device.run()
    app = await world.begin_onboarding(device.label)
    registered = await app.wait_for(lambda event: event.get("step") == "register")
    agent.kill(signal.SIGKILL)
    await agent.finish()
    await app.finish()
    await device.run()
    again = await world.onboard(device.label)
    assert result(again)["state"] == "connected"
    facts = registered["facts"]
    assert isinstance(facts, dict)
    assert (await device.ask("status"))["device"] == facts["device"]


async def test_a_restarted_device_connects_by_itself(world: World, device: Device) -> None:
    agent = await device.run()
    result(await world.onboard(device.label))
    assert await agent.stop() == 0
    again = await device.run(window=False)
    attempt = await again.wait_event("attempt")
    assert (attempt["wifi"], attempt["endpoint"]) == ("OK", "connected")


async def test_a_reset_device_is_the_same_device_with_a_new_identity(world: World, device: Device) -> None:
    agent = await device.run()
    result(await world.onboard(device.label))
    before = await device.ask("status")
    key = (device.folder / "state" / "operational-0.pem").read_bytes()
    assert (await device.ask("reset", "--yes"))["resets"] == 1
    await agent.wait_for(lambda event: event.get("event") == "state" and event.get("state") == "new")
    await device.open()
    assert result(await world.onboard(device.label))["state"] == "connected"
    after = await device.ask("status")
    assert after["device"] == before["device"]
    assert (device.folder / "state" / "operational-1.pem").read_bytes() != key
    assert not (device.folder / "state" / "operational-0.pem").exists()


async def test_two_phones_at_once_make_one_owner(world: World, device: Device) -> None:
    await device.run()
    one = await world.begin_onboarding(device.label)
    two = await world.begin_onboarding(device.label, party="phone2")
    codes = sorted([await one.finish(), await two.finish()])
    assert codes[0] == 0, one.story + two.story
    held = await device.ask("status")
    assert held["state"] == "connected"

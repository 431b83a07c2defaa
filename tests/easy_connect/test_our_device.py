"""A standard configurator gives our device Wi-Fi and nothing else: the device as it is sold, over GATT."""

import time
from pathlib import Path

import pytest

from tests.easy_connect.agent import PASSPHRASE, SSID, Agent
from tests.easy_connect.conftest import StartRadio
from tests.world.process import Process

STATUS_WITHIN_S = 15.0
"""What some configurators wait for a Connection Status at the most."""


@pytest.fixture
async def agent(start_radio: StartRadio) -> Agent:
    return await Agent.start(await start_radio(185))


async def configure(agent: Agent, *arguments: str | Path, passphrase: str = PASSPHRASE, ssid: str = SSID) -> Process:
    file = agent.folder / "wifi"
    file.write_text(passphrase + "\n")
    label = agent.folder / "label.png"
    what = ["--akm", "psk", "--password-file", str(file), "--ssid", ssid]
    return await agent.radio.app("configure", "--ble", "--uri", label, *what, *arguments)


def error(app: Process) -> tuple[object, object]:
    assert app.returncode == 1, app.story
    found = app.events[-1]["error"]
    assert isinstance(found, dict)
    assert found["remedy"]
    return found["type"], found.get("status")


async def test_our_device_joins_for_a_standard_configurator_and_says_so_in_time(agent: Agent) -> None:
    began = time.monotonic()
    app = await configure(agent)
    assert time.monotonic() - began < STATUS_WITHIN_S
    assert app.returncode == 0, app.story
    result = app.events[-1]["result"]
    assert isinstance(result, dict)
    assert (result["result"], result["status"]) == ("ok", "ok")
    said = result["enrollee"]["/onboarding"]
    assert said["state"] == "new"
    assert {said["csr"], said["proof"]} == {"(hidden)"}
    held = await agent.status()
    assert held["state"] == "new", "it has Wi-Fi and no owner"
    await agent.process.wait_event("attempt", wifi="OK", endpoint="untried")
    assert PASSPHRASE not in "\n".join([*app.text, *agent.process.text])


async def test_what_goes_wrong_is_told_apart_and_the_next_try_joins(agent: Agent) -> None:
    app = await configure(agent, passphrase="not the password")
    assert error(app) == ("wifi-not-joined", "auth-failure")
    assert "not the password" not in "\n".join(app.text)
    assert error(await configure(agent, ssid="Nowhere")) == ("wifi-not-joined", "no-ap")
    key = agent.folder / "configurator.pem"
    connector = await configure(agent, "--configurator-key", key, "--akm", "dpp")
    assert error(connector) == ("wifi-not-joined", "no-ap")
    assert (await configure(agent)).returncode == 0

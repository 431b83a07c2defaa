"""Stock wpa_supplicant behind our GATT service, configured by our app over a virtual radio."""

import json
import sys
from pathlib import Path

import pytest

from tests.easy_connect.conftest import StartRadio
from tests.easy_connect.radio import Radio
from tests.protocol import samples
from tests.world.process import Process
from tests.world.world import Command


async def start_bridge(radio: Radio) -> tuple[Process, str]:
    bridge = await radio.run("device", "bridge", sys.executable, "-m", "tests.easy_connect.bridge", radio.folder)
    ready = await bridge.wait_event("ready")
    return bridge, str(ready["uri"])


@pytest.mark.parametrize("mtu", [23, 185, 517])
@pytest.mark.parametrize("member", [False, True], ids=["plain", "with our member"])
async def test_our_app_configures_wpa_supplicant_over_gatt(
    start_radio: StartRadio, tmp_path: Path, password: Path, mtu: int, member: bool
) -> None:
    radio = await start_radio(mtu)
    bridge, uri = await start_bridge(radio)
    members = tmp_path / "members"
    members.write_text(json.dumps(samples.grant().to_members()))
    more: Command = ["--members", members] if member else []
    what: Command = ["--ssid", "Home", "--akm", "psk", "--password-file", password]
    app = await radio.app("configure", "--uri", uri, "--ble", *what, *more, "--timeout", "20")
    assert app.returncode == 0, app.story
    result = app.events[-1]["result"]
    assert isinstance(result, dict)
    assert result["result"] == "ok"
    assert result["status"] == "unknown", "wpa_supplicant 2.10 sends none"
    network = await bridge.wait_event("network")
    assert f'psk="{samples.PASSPHRASE}"' in str(network["block"])
    assert (await bridge.wait_event("connected"))["mtu"] == mtu
    assert samples.PASSPHRASE not in "\n".join(app.text)

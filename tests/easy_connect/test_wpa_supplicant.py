"""`app-sim easy-connect` and Debian's wpa_supplicant over TCP. Never skipped: without the program it fails."""

import json
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.easy_connect.wpa_scenarios import NAMESPACE, ROOT
from tests.interop import wpa
from tests.protocol import samples

MANAGEMENT = {
    "psk": "WPA-PSK FT-PSK WPA-PSK-SHA256",
    "sae": "SAE FT-SAE",
    "psk+sae": "WPA-PSK FT-PSK WPA-PSK-SHA256 SAE FT-SAE",
    "dpp": "DPP",
    "dpp+psk+sae": "WPA-PSK FT-PSK WPA-PSK-SHA256 SAE FT-SAE DPP",
}


class Seen:
    """What one scenario saw."""

    def __init__(self, document: Mapping[str, object]) -> None:
        self.code = document["code"]
        self.network = str(document.get("network")).split("\n\t")
        self.mode = document.get("mode")
        lines = document["lines"]
        assert isinstance(lines, list)
        self.steps = [line["step"] for line in lines if "step" in line]
        self.last: dict[str, object] = next(iter(lines[-1].values()))
        self.text = json.dumps([lines, document["errors"]])

    @property
    def given(self) -> dict[str, object]:
        """The first Configuration Object."""
        objects = self.last["objects"]
        assert isinstance(objects, list)
        found: dict[str, object] = objects[0]
        return found

    @property
    def credential(self) -> dict[str, object]:
        credential = self.given["cred"]
        assert isinstance(credential, dict)
        return credential


def play(scenario: str) -> Seen:
    if wpa.executable() is None:
        pytest.fail(f"wpa_supplicant is not installed: apt-get install {wpa.PACKAGE}")
    command = [*NAMESPACE, sys.executable, "-B", "-m", "tests.easy_connect.wpa_scenarios", scenario]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return Seen(json.loads(done.stdout))


@pytest.mark.parametrize("akm", ["psk", "sae", "psk+sae"])
def test_wpa_supplicant_takes_a_password_from_our_app(akm: str) -> None:
    seen = play(f"configure-{akm}")
    assert seen.code == 0
    assert seen.steps == ["connect", "authenticate", "configure", "join"]
    assert seen.last["enrollee"] == {"name": "Test", "wi-fi_tech": "infra", "netRole": "sta"}
    assert (seen.last["result"], seen.last["status"]) == ("ok", "unknown")
    assert f'psk="{samples.PASSPHRASE}"' in seen.network
    assert f"key_mgmt={MANAGEMENT[akm]}" in seen.network
    assert samples.PASSPHRASE not in seen.text


@pytest.mark.parametrize("akm", ["dpp", "dpp+psk+sae"])
def test_wpa_supplicant_takes_a_connector_from_our_app(akm: str) -> None:
    seen = play(f"configure-{akm}")
    assert seen.code == 0
    assert f"key_mgmt={MANAGEMENT[akm]}" in seen.network
    assert any(line.startswith("dpp_connector=") for line in seen.network)
    assert (f'psk="{samples.PASSPHRASE}"' in seen.network) == (akm != "dpp")
    assert seen.mode == 0o600, "the configurator's key was made for its owner's eyes"


def test_wpa_supplicant_is_not_disturbed_by_a_grant() -> None:
    seen = play("configure-with-member")
    assert seen.last["result"] == "ok"
    assert f'psk="{samples.PASSPHRASE}"' in seen.network


def test_two_configurators_part_with_the_standard_s_word() -> None:
    seen = play("configure-a-configurator")
    assert seen.code == 1
    assert seen.last["type"] == "peer-refused"
    assert seen.last["status"] == "not-compatible"


@pytest.mark.parametrize("akm", ["psk", "sae"])
def test_wpa_supplicant_gives_a_password_to_our_enrollee(akm: str) -> None:
    seen = play(f"enroll-{akm}")
    assert seen.code == 0
    assert seen.given["discovery"] == {"ssid": "Home"}
    assert seen.credential["akm"] == akm
    assert seen.credential["pass"] == "(hidden)"
    assert seen.last["wants_status"] is False
    assert samples.PASSPHRASE not in seen.text


def test_wpa_supplicant_gives_a_connector_that_our_enrollee_verifies() -> None:
    seen = play("enroll-dpp")
    assert seen.code == 0
    assert seen.credential["akm"] == "dpp"
    assert "signedConnector" in seen.credential


def test_wpa_supplicant_is_told_how_joining_went_if_it_asks() -> None:
    assert play("enroll-status").last["wants_status"] is True


def test_wpa_supplicant_proves_its_own_label_if_our_enrollee_wants_that() -> None:
    seen = play("enroll-mutually")
    assert seen.code == 0
    assert seen.credential["akm"] == "psk"


def test_a_configurator_with_another_label_than_the_wanted_one_is_not_taken() -> None:
    seen = play("enroll-somebody-else")
    assert seen.code == 1
    assert seen.last["type"] == "overdue", "our enrollee goes on listening for the right one"
    assert "another configurator" in seen.text


def test_wpa_supplicant_is_not_disturbed_by_a_statement() -> None:
    seen = play("enroll-with-member")
    assert seen.credential["pass"] == samples.PASSPHRASE, "shown, because it was asked for"


def test_our_enrollee_may_ask_a_listening_wpa_supplicant() -> None:
    seen = play("enroll-by-asking")
    assert seen.credential["akm"] == "sae"
    assert seen.credential["pass"] == samples.PASSPHRASE

"""Our wire against Debian's wpa_supplicant 2.10. Never skipped: without the program it fails and names the package."""

import json

import pytest

from onboarding_protocol.dpp.json_document import encode_json
from onboarding_protocol.errors import LocalProtocolError
from tests.interop.play import play
from tests.interop.scenarios import ODD_PASSPHRASE
from tests.interop.traps import TRAPS
from tests.protocol import samples


@pytest.mark.parametrize(
    ("variant", "akm"), [("", "psk"), ("-sae", "sae"), ("-psk-sae", "psk+sae"), ("-selectors", "psk+sae")]
)
def test_a_standard_configurator_gives_our_device_wifi(variant: str, akm: str) -> None:
    seen = play(f"wpa-configures-us{variant}")
    assert seen["ssid"] == samples.SSID.hex()
    assert seen["passphrase"] == samples.PASSPHRASE
    assert seen["akm"] == akm
    assert seen["wants_status"] is False
    assert seen["state"] == "COMPLETE"


def test_a_standard_configurator_that_asks_for_a_status_is_heard() -> None:
    seen = play("wpa-configures-us-status")
    assert seen["wants_status"] is True
    assert seen["state"] == "JOINING"


def test_a_standard_configurator_is_not_disturbed_by_our_statement() -> None:
    seen = play("wpa-configures-us-member")
    assert seen["ssid"] == samples.SSID.hex()
    assert isinstance(seen["request_octets"], int)
    assert seen["request_octets"] > 700


def test_a_passphrase_beyond_ascii_comes_from_a_standard_configurator_as_it_was_typed() -> None:
    seen = play("wpa-configures-us-odd-passphrase")
    assert seen["passphrase"] == ODD_PASSPHRASE
    assert seen["akm"] == "psk"


@pytest.mark.parametrize(
    ("akm", "management"),
    [
        ("psk", "WPA-PSK FT-PSK WPA-PSK-SHA256"),
        ("sae", "SAE FT-SAE"),
        ("psk-sae", "WPA-PSK FT-PSK WPA-PSK-SHA256 SAE FT-SAE"),
    ],
)
def test_a_standard_enrollee_takes_wifi_from_our_app(akm: str, management: str) -> None:
    seen = play(f"we-configure-wpa-{akm}")
    block = str(seen["network"]).split("\n\t")
    assert seen["result"] == "OK"
    assert seen["statement"] is None, "a standard enrollee says nothing of ours"
    assert f"ssid={samples.SSID.hex()}" in block
    assert f'psk="{samples.PASSPHRASE}"' in block
    assert f"key_mgmt={management}" in block


@pytest.mark.parametrize("trap", TRAPS)
def test_what_its_parser_breaks_on_our_writer_refuses_or_writes_otherwise(trap: str) -> None:
    text, read = TRAPS[trap]
    assert play("we-send-a-trap", trap=trap)["read"] is read
    try:
        ours = encode_json({"/x": json.loads(text)})
    except LocalProtocolError:
        assert not read
    else:
        assert read or ours != f'{{"/x":{text}}}'.encode()


@pytest.mark.parametrize(("scenario", "fewest"), [("grant", 1_400), ("large-grant", 3_300)])
def test_a_standard_enrollee_is_not_disturbed_by_our_grant(scenario: str, fewest: int) -> None:
    seen = play(f"we-configure-wpa-{scenario}")
    assert isinstance(seen["response_octets"], int)
    assert seen["response_octets"] > fewest
    assert f'psk="{samples.PASSPHRASE}"' in str(seen["network"])


def test_a_passphrase_beyond_ascii_reaches_a_standard_enrollee_as_it_was_typed() -> None:
    seen = play("we-configure-wpa-odd-passphrase")
    assert seen["result"] == "OK"
    assert f'psk="{ODD_PASSPHRASE}"' in str(seen["network"])


def test_a_standard_enrollee_waits_for_a_configuration_that_takes_its_time() -> None:
    seen = play("we-configure-wpa-late")
    assert seen["waited"] is True, "it neither repeats itself nor hangs up within three seconds"
    assert seen["result"] == "OK"


@pytest.mark.parametrize("scenario", ["we-ask-wpa", "we-ask-wpa-member"])
def test_our_device_may_begin_itself_with_a_listening_configurator(scenario: str) -> None:
    seen = play(scenario)
    assert seen["ssid"] == samples.SSID.hex()
    assert seen["passphrase"] == samples.PASSPHRASE
    assert seen["akm"] == "psk"


def test_a_request_made_with_another_label_is_named_as_such() -> None:
    seen = play("wpa-read-another-label")
    assert seen["reason"] == "NOT_MY_LABEL"
    assert seen["state"] == "READY"


def test_a_standard_enrollee_is_silent_to_whoever_read_another_label() -> None:
    seen = play("we-read-another-label")
    assert seen["answer"] == ""
    assert seen["state"] == "REQUESTED"


def test_two_configurators_part_with_not_compatible() -> None:
    seen = play("both-want-to-configure")
    assert seen["refused"] is True
    assert str(seen["verdict"]).startswith("DPP-NOT-COMPATIBLE")

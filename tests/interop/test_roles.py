"""Every role, direction and credential of Easy Connect against Debian's wpa_supplicant 2.10."""

import pytest

from tests.interop.play import play
from tests.interop.roles import EXPIRY, MUD_URL, SECOND_SSID, SERVER_NAME
from tests.protocol import samples

PROOFS = ["responder-only", "mutual", "pending"]
MANAGEMENT = {
    "dpp": "DPP",
    "dpp+sae": "SAE FT-SAE DPP",
    "dpp+psk+sae": "WPA-PSK FT-PSK WPA-PSK-SHA256 SAE FT-SAE DPP",
}


@pytest.mark.parametrize("we_begin", [True, False])
@pytest.mark.parametrize("proof", PROOFS)
def test_our_enrollee_is_configured_whoever_begins_and_whoever_proves(proof: str, we_begin: bool) -> None:
    seen = play("we-are-configured", proof=proof, we_begin=we_begin)
    mutual = proof != "responder-only"
    assert seen["ssids"] == [samples.SSID.hex()]
    assert seen["passphrase"] == samples.PASSPHRASE
    assert seen["groups"] == ["*"], "its Connector verified, and it is for our protocol key"
    assert seen["privacy"] is True
    assert seen["said"] == [f"DPP-MUD-URL {MUD_URL}", "DPP-BAND-SUPPORT 81,115"]
    assert seen["mutual"] is mutual
    assert we_begin or seen["direction"] == f"DPP-AUTH-DIRECTION mutual={mutual:d}"
    assert seen["state"] == "COMPLETE"


@pytest.mark.parametrize("we_begin", [True, False])
@pytest.mark.parametrize("proof", PROOFS)
def test_our_configurator_configures_whoever_begins_and_whoever_proves(proof: str, we_begin: bool) -> None:
    seen = play("we-configure", proof=proof, we_begin=we_begin)
    mutual = proof != "responder-only"
    assert seen["result"] == "OK"
    assert seen["mutual"] is mutual
    assert we_begin or seen["direction"] == f"DPP-AUTH-DIRECTION mutual={mutual:d}"
    assert "dpp_connector=" in str(seen["networks"]), "it took our Connector with the passphrase"
    assert seen["state"] == "JOINING"


@pytest.mark.parametrize("akm", MANAGEMENT)
def test_our_enrollee_takes_connectors(akm: str) -> None:
    seen = play("we-are-configured", akm=akm, second=True)
    assert seen["ssids"] == [samples.SSID.hex(), SECOND_SSID.hex()], "in the order they were given"
    assert seen["akm"] == akm
    assert seen["passphrase"] == (None if akm == "dpp" else samples.PASSPHRASE)
    assert seen["groups"] == ["*"]


@pytest.mark.parametrize("akm", MANAGEMENT)
def test_our_configurator_gives_connectors(akm: str) -> None:
    seen = play("we-configure", akm=akm, second=True)
    assert isinstance(seen["networks"], list)
    first, second = seen["networks"]
    assert f"key_mgmt={MANAGEMENT[akm]}\n" in first
    for member in ("dpp_connector=", "dpp_netaccesskey=", "dpp_csign=", "dpp_pp_key="):
        assert member in first
    assert str(seen["key"]).endswith(f" {EXPIRY}"), "it reads our expiry"
    assert SECOND_SSID.decode() in second
    assert "dpp_connector=" not in second


def test_two_networks_without_connectors_arrive_in_their_order() -> None:
    seen = play("we-configure", akm="psk+sae", second=True, connector=False)
    assert isinstance(seen["networks"], list)
    first, second = seen["networks"]
    assert samples.SSID.hex() in first
    assert "dpp_" not in first
    assert SECOND_SSID.decode() in second


def test_a_connector_for_another_key_is_not_taken_from_us() -> None:
    seen = play("we-give-a-connector-for-another-key")
    assert seen["verdict"] == "hung up"
    assert seen["state"] == "CONFIGURED"


@pytest.mark.parametrize("akm", ["psk", "dpp+psk+sae"])
def test_as_an_enrollee_of_version_1_we_get_one_plain_object_and_owe_no_result(akm: str) -> None:
    seen = play("we-are-configured", akm=akm, version=1)
    assert seen["akm"] == ("psk" if akm == "psk" else "dpp")
    assert seen["privacy"] is False
    assert seen["state"] == "COMPLETE"


@pytest.mark.parametrize("akm", ["psk", "dpp+psk+sae"])
def test_as_a_configurator_of_version_1_we_give_one_object_and_wait_for_no_result(akm: str) -> None:
    seen = play("we-configure", akm=akm, second=True, version=1)
    assert isinstance(seen["networks"], list)
    (network,) = seen["networks"]
    assert ("psk=" in network, "dpp_connector=" in network) == (akm == "psk", akm != "psk")
    assert seen["result"] is None
    assert seen["state"] == "COMPLETE"


@pytest.mark.parametrize("scenario", ["we-are-configured", "we-configure"])
def test_version_3_is_spoken_with_a_peer_of_version_2(scenario: str) -> None:
    seen = play(scenario, version=3, proof="mutual", we_begin=False)
    assert seen["mutual"] is True
    assert seen["state"] in ("COMPLETE", "JOINING")


@pytest.mark.parametrize("we_begin", [True, False])
def test_a_standard_enrollee_comes_back_as_often_as_it_is_asked(we_begin: bool) -> None:
    seen = play("we-configure", delays=3, we_begin=we_begin)
    assert seen["result"] == "OK"
    assert seen["networks"] != []


@pytest.mark.parametrize("we_begin", [True, False])
def test_an_end_that_can_be_either_becomes_the_enrollee_of_a_standard_configurator(we_begin: bool) -> None:
    seen = play("we-are-configured", either=True, we_begin=we_begin)
    assert seen["passphrase"] == samples.PASSPHRASE
    assert seen["state"] == "COMPLETE"


def test_a_standard_configurator_that_has_nothing_for_us_refuses() -> None:
    seen = play("we-are-refused")
    assert seen["status"] == "CONFIGURE_FAILURE"
    assert seen["state"] == "FAILED"


def test_a_standard_enrollee_understands_our_refusal() -> None:
    seen = play("we-refuse")
    assert seen["verdict"] == "DPP-FAIL Configurator rejected configuration"
    assert seen["state"] == "FAILED"


def test_a_standard_enrollee_gets_a_certificate_from_our_configurator() -> None:
    seen = play("we-give-a-certificate")
    (network,) = seen["networks"] if isinstance(seen["networks"], list) else []
    assert seen["asked_at_first"] is False
    assert seen["result"] == "OK"
    assert seen["server_name"] == f"DPP-SERVER-NAME {SERVER_NAME}"
    assert "key_mgmt=WPA-EAP WPA-EAP-SHA256" in network
    assert "eap=TLS" in network
    assert f'domain_suffix_match="{SERVER_NAME}"' in network
    assert "blob-base64-dpp-certs-0=" in network


@pytest.mark.parametrize("we_begin", [True, False])
def test_our_enrollee_gets_a_certificate_from_a_standard_configurator(we_begin: bool) -> None:
    seen = play("we-get-a-certificate", we_begin=we_begin)
    assert seen["demand"] == "CSR_NEEDED"
    assert seen["attributes"] == "300b06092a864886f70d010907"
    assert seen["delay"] == 500
    assert seen["subject"] == "CN=Gateway G2", "it took our signing request, so the challengePassword is right"
    assert seen["server_name"] == SERVER_NAME
    assert seen["authority"] is True
    assert seen["akm"] == "dot1x"


def test_the_examples_of_the_library_page_work_with_a_standard_peer() -> None:
    configured, enrolled = play("the-page-configures"), play("the-page-enrolls")
    assert configured["status"] == "OK"
    assert 'ssid="kitchen"' in str(configured["network"])
    assert enrolled == {"ssid": samples.SSID.hex(), "passphrase": samples.PASSPHRASE}

from dataclasses import replace

import msgspec
import pytest

from device_agent.record import WifiEnterprise, WifiProfile
from onboarding_protocol.bootstrapping import BootstrappingKey, BootstrappingUri
from onboarding_protocol.dpp import Akm, ConfiguratorKey
from tests.device_agent.certificates import Authority
from tests.vm_wifi.lab import CONTROL, ODD, PASSPHRASE, PHONE, STATION, Lab, der, join, new_key, personal

pytestmark = pytest.mark.asyncio(loop_scope="module")
BACKEND = "wpa"
HOME = personal(b"lab-psk")
OK = ["OK", None, None]
LEFT_ALONE = ["CONFIGURE_FAILURE", None, "elsewhere"]
EVERY_2G = "81/1,2,3,4,5,6,7,8,9,10,11,12,13,82/14,"


async def test_a_scan_hears_every_network_and_what_it_takes(lab: Lab) -> None:
    (heard,) = await lab.steps({"scan": True})
    assert sorted(heard) == sorted(  # type: ignore[call-overload]
        [ssid.hex(), akm]
        for ssid, akm in {
            b"lab-psk": "psk", b"lab-sae": "sae", ODD: "psk+sae", b"lab-eap": "dot1x", b"lab-dpp": "dpp"
        }.items()
    )  # fmt: skip


async def test_a_network_is_joined_and_stays_over_failures(lab: Lab) -> None:
    wrong = replace(HOME, passphrase="wrong horse battery")
    first, again, failed, back = await lab.steps(join(HOME), join(HOME), join(wrong), join(HOME))
    assert (first, again, back) == (OK, OK, OK)
    assert failed == ["AUTH_FAILURE", "81/1", None]
    assert "10.9.0." in await lab.address()


@pytest.mark.parametrize(
    ("profile", "result"),
    [
        (personal(b"lab-sae", Akm.SAE, "wrong horse battery"), ["AUTH_FAILURE", "81/6", None]),
        (personal(b"lab-sae", Akm.SAE), ["CONFIGURE_FAILURE", "81/6", "no-address"]),
        (personal(ODD, Akm.PSK_SAE, "wrong horse battery"), ["AUTH_FAILURE", "81/11", None]),
    ],
    ids=["wrong-sae-password", "no-dhcp", "wrong-password-of-either-kind"],
)
async def test_a_network_that_fails_says_why_and_the_old_one_is_back(
    lab: Lab, profile: WifiProfile, result: list[str | None]
) -> None:
    assert await lab.steps(join(HOME), join(profile), join(HOME)) == [OK, result, OK]
    assert "10.9.0." in await lab.address()


@pytest.mark.parametrize("how", ["reset", "purge"])
async def test_ours_is_forgotten_and_left_and_theirs_is_kept(lab: Lab, how: str) -> None:
    (number,) = await lab.wpa("add_network")
    await lab.wpa("set_network", number, "ssid", '"elsewhere"')
    await lab.wpa("set_network", number, "key_mgmt", "NONE")
    await lab.wpa("enable_network", number)
    assert await lab.steps(join(HOME)) == [OK]
    assert "device-agent-" in await lab.stored()
    await (lab.purge() if how == "purge" else lab.steps({"forget": True}))
    _, *left = await lab.wpa("list_networks")
    assert [line.split("\t")[1] for line in left] == ["elsewhere"]
    stored = await lab.stored()
    assert "elsewhere" in stored
    assert "device-agent-" not in stored
    assert "lab-psk" not in stored
    assert (await lab.wpa("get", "update_config")) == ["1"]
    await lab.until_linked()
    await lab.wpa("remove_network", number)
    assert await lab.steps(join(HOME)) == [OK]


async def test_an_operators_network_is_back_after_a_failure_and_a_kill_and_then_left_alone(lab: Lab) -> None:
    await lab.steps({"forget": True})
    (number,) = await lab.wpa("add_network")
    for name, value in (("ssid", '"lab-psk"'), ("psk", f'"{PASSPHRASE}"')):
        await lab.wpa("set_network", number, name, value)
    await lab.wpa("select_network", number)
    await lab.until_linked("lab-psk")
    wrong = personal(b"lab-sae", Akm.SAE, "wrong horse battery")
    refused, later = await lab.steps(join(wrong), join(wrong, gently=True))
    assert (refused, later) == (["AUTH_FAILURE", "81/6", None], LEFT_ALONE)
    agent = await lab.station(join(personal(b"lab-sae", Akm.SAE)))
    await lab.until_linked("lab-sae")  # which gives no address
    agent.kill()
    await agent.finish()
    assert await lab.steps(join(wrong)) == [refused]
    await lab.until_linked("lab-psk")
    _, *left = await lab.wpa("list_networks")
    assert left == [f"{number}\tlab-psk\tany\t[CURRENT]"]
    await lab.wpa("remove_network", number)


async def test_a_network_out_of_reach_is_absent(lab: Lab) -> None:
    await lab.close("wlan0")
    (absent,) = await lab.steps(join(HOME))
    await lab.open("wlan0", 1, "ssid=lab-psk", "wpa_key_mgmt=WPA-PSK", f"wpa_passphrase={PASSPHRASE}")
    assert isinstance(absent, list)
    assert (absent[0], absent[1][: len(EVERY_2G)], absent[2]) == ("NO_AP", EVERY_2G, None)


async def test_a_hidden_network_is_found_by_its_name(lab: Lab) -> None:
    await lab.close("wlan0")
    hidden = ("ssid=lab-hidden", "ignore_broadcast_ssid=1", "wpa_key_mgmt=WPA-PSK", f"wpa_passphrase={PASSPHRASE}")
    await lab.open("wlan0", 1, *hidden)
    joined = await lab.steps(join(personal(b"lab-hidden")))
    await lab.close("wlan0")
    await lab.open("wlan0", 1, "ssid=lab-psk", "wpa_key_mgmt=WPA-PSK", f"wpa_passphrase={PASSPHRASE}")
    assert joined == [OK]


async def test_a_name_with_a_quote_and_a_line_break_is_a_name(lab: Lab) -> None:
    assert await lab.steps(join(personal(ODD, Akm.PSK_SAE))) == [OK]
    assert "10.9.2." in await lab.address()


async def test_a_connector_opens_its_network_and_no_other(lab: Lab) -> None:
    good = WifiProfile(ssid=b"lab-dpp", akm=Akm.DPP, access=lab.access())
    forged = replace(good, access=lab.access(ConfiguratorKey.generate()))
    assert await lab.steps(join(good)) == [OK]
    (refused,) = await lab.steps(join(forged))
    assert refused == ["NO_MATCH", "81/6", None]


async def test_a_certificate_opens_an_enterprise_network(lab: Lab) -> None:
    corp = WifiProfile(ssid=b"lab-eap", akm=Akm.DOT1X, enterprise=WifiEnterprise(server_name="radius.lab"))
    impostor = replace(corp, enterprise=WifiEnterprise(server_name="other.lab"))
    good = lab.identity("good", lab.authority, lab.authority)
    stranger = lab.identity("stranger", Authority(), lab.authority)
    trusting = lab.identity("trusting", lab.authority, Authority())
    other = replace(corp, enterprise=WifiEnterprise())
    last = replace(other, psk=b"x" * 32)
    tries = [(corp, good), (impostor, good), (other, trusting), (last, stranger)]
    assert await lab.steps(*(join(profile, identity) for profile, identity in tries)) == [
        OK,
        ["AUTH_FAILURE", "81/1", "server-untrusted"],
        ["AUTH_FAILURE", "81/1", "server-untrusted"],
        ["AUTH_FAILURE", "81/1", "certificate-refused"],
    ]
    assert await lab.steps(join(corp, good)) == [OK]
    assert "10.9.3." in await lab.address()


@pytest.mark.parametrize(("kind", "akm"), [("sta-psk", Akm.PSK), ("sta-psk-sae-dpp", Akm.DPP_PSK_SAE)])
async def test_a_phones_own_settings_give_wifi_by_the_label(lab: Lab, kind: str, akm: Akm) -> None:
    key = new_key()
    uri = str(BootstrappingUri(BootstrappingKey.from_public_key(key.public_key())))
    phone = ["wpa_cli", "-p", "/run/phone", "-i", PHONE]
    (configurator,) = await lab.guest.run(*phone, "dpp_configurator_add")
    network = f"conf={kind} ssid={b'lab-psk'.hex()} pass={PASSPHRASE.encode().hex()}"
    await lab.guest.run(*phone, "set", "dpp_configurator_params", f" configurator={configurator} {network}")
    await lab.guest.run(*phone, "dpp_qr_code", uri)
    await lab.guest.run(*phone, "dpp_listen", "2437", "role=configurator")
    (given,) = await lab.steps({"receive": der(key).hex()})
    profile = msgspec.convert(given, WifiProfile)
    assert (profile.ssid, profile.akm, profile.passphrase) == (b"lab-psk", akm, PASSPHRASE)
    assert profile.access is not None
    assert await lab.steps(join(profile)) == [OK]
    left = await lab.guest.run("wpa_cli", "-p", CONTROL, "-i", STATION, "dpp_bootstrap_get_uri", "1")
    assert left == ["FAIL"]  # the key is forgotten

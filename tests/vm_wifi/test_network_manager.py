from dataclasses import replace

import pytest

from device_agent.record import WifiEnterprise, WifiProfile
from onboarding_protocol.dpp import Akm
from tests.device_agent.certificates import Authority
from tests.vm_wifi.lab import ODD, PASSPHRASE, Lab, join, personal

pytestmark = pytest.mark.asyncio(loop_scope="module")
BACKEND = "nm"
HOME = personal(b"lab-psk")
OK = ["OK", None, None]
LEFT_ALONE = ["CONFIGURE_FAILURE", None, "elsewhere"]


async def connections(lab: Lab) -> list[str]:
    return await lab.guest.run("nmcli", "-t", "-f", "NAME", "connection")


async def test_a_scan_hears_the_networks_that_can_be_joined(lab: Lab) -> None:
    (heard,) = await lab.steps({"scan": True})
    assert isinstance(heard, list)
    for ssid, akm in {b"lab-psk": "psk", b"lab-sae": "sae", ODD: "psk+sae", b"lab-eap": "dot1x"}.items():
        assert [ssid.hex(), akm] in heard


async def test_a_network_is_joined_and_kept_over_failures(lab: Lab) -> None:
    wrong = replace(HOME, passphrase="wrong horse battery")
    assert await lab.steps(join(HOME), join(HOME), join(wrong), join(HOME)) == [
        OK,
        OK,
        ["AUTH_FAILURE", "81/1", None],
        OK,
    ]
    assert "10.9.0." in await lab.address()
    assert await connections(lab) == ["lab-psk"]


async def test_a_network_out_of_reach_does_not_cost_the_one_that_works(lab: Lab) -> None:
    assert await lab.steps(join(HOME), join(personal(b"nowhere"))) == [OK, ["NO_AP", None, None]]
    assert "10.9.0." in await lab.address()


@pytest.mark.parametrize(
    ("profile", "result"),
    [
        (personal(b"lab-sae", Akm.SAE, "wrong horse battery"), ["AUTH_FAILURE", "81/6", None]),
        (personal(b"lab-sae", Akm.SAE), ["CONFIGURE_FAILURE", "81/6", "no-address"]),
    ],
    ids=["wrong-sae-password", "no-dhcp"],
)
async def test_a_network_that_fails_says_why_and_the_old_one_is_back(
    lab: Lab, profile: WifiProfile, result: list[str | None]
) -> None:
    assert await lab.steps(join(HOME), join(profile), join(HOME)) == [OK, result, OK]
    assert "10.9.0." in await lab.address()


@pytest.mark.parametrize("how", ["reset", "purge"])
async def test_ours_is_forgotten_and_left_and_theirs_is_kept(lab: Lab, how: str) -> None:
    await lab.guest.run("nmcli", "connection", "add", "type", "wifi", "con-name", "theirs", "ssid", "elsewhere")
    assert await lab.steps(join(HOME)) == [OK]
    await (lab.purge() if how == "purge" else lab.steps({"forget": True}))
    assert await connections(lab) == ["theirs"]
    stored = await lab.guest.run("ls", "/etc/NetworkManager/system-connections")
    assert stored == ["theirs.nmconnection"]
    await lab.until_linked()
    await lab.guest.run("nmcli", "connection", "delete", "theirs")
    assert await lab.steps(join(HOME)) == [OK]


async def test_an_operators_network_is_back_after_a_failure_and_then_left_alone(lab: Lab) -> None:
    await lab.steps({"forget": True})
    secret = ("wifi-sec.key-mgmt", "wpa-psk", "wifi-sec.psk", PASSPHRASE)
    facts = ("type", "wifi", "con-name", "theirs", "ssid", "lab-psk", *secret)
    await lab.guest.run("nmcli", "connection", "add", *facts)
    await lab.guest.run("nmcli", "connection", "up", "theirs")
    wrong = personal(b"lab-sae", Akm.SAE, "wrong horse battery")
    refused, later = await lab.steps(join(wrong), join(wrong, gently=True))
    assert (refused, later) == (["AUTH_FAILURE", "81/6", None], LEFT_ALONE)
    assert await connections(lab) == ["theirs"]
    assert "10.9.0." in await lab.address()
    await lab.guest.run("nmcli", "connection", "delete", "theirs")


async def test_a_name_with_a_quote_and_a_line_break_is_a_name(lab: Lab) -> None:
    assert await lab.steps(join(personal(ODD, Akm.PSK_SAE))) == [OK]
    assert "10.9.2." in await lab.address()
    assert await connections(lab) == ['a"b\N{REPLACEMENT CHARACTER}c']


async def test_a_connector_is_more_than_it_can_use(lab: Lab) -> None:
    (refused,) = await lab.steps(join(WifiProfile(ssid=b"lab-dpp", akm=Akm.DPP, access=lab.access())))
    assert refused == ["CONFIGURE_FAILURE", "81/6", "unsupported"]


async def test_a_certificate_opens_an_enterprise_network(lab: Lab) -> None:
    corp = WifiProfile(ssid=b"lab-eap", akm=Akm.DOT1X, enterprise=WifiEnterprise(server_name="radius.lab"))
    good = lab.identity("good", lab.authority, lab.authority)
    trusting = lab.identity("trusting", lab.authority, Authority())
    joined, refused = await lab.steps(join(corp, good), join(replace(corp, enterprise=WifiEnterprise()), trusting))
    assert joined == OK
    assert isinstance(refused, list)
    assert refused[0] in {"AUTH_FAILURE", "CONFIGURE_FAILURE"}

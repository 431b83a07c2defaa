from pathlib import Path

import pytest

from device_agent.errors import WifiError
from device_agent.record import WifiProfile
from device_agent.wifi import JoinResult
from device_agent.wifi.wpa_control import WpaControl
from device_agent.wifi.wpa_networks import MARK, is_mark_of, mark_of
from device_agent.wifi.wpa_supplicant import Patience, WpaSupplicantWifi, control_of
from onboarding_protocol.dpp import Akm, Status
from tests.device_agent.wifi.station import HOME, PASSPHRASE, WRONG_KEY
from tests.device_agent.wifi.station import supplicant as supplicant
from tests.device_agent.wifi.station import wifi as wifi
from tests.device_agent.wifi.supplicant import Supplicant

NO_ADDRESS = JoinResult(Status.CONFIGURE_FAILURE, "81/1,6", "no-address")
"""What the loopback interface, which has no address that others can reach, makes of a network that was joined."""


async def test_a_network_that_takes_us_is_kept_alone_among_ours(
    supplicant: Supplicant, wifi: WpaSupplicantWifi
) -> None:
    old = supplicant.add("Old", current=True, mark=f"{MARK}x-y")
    theirs, asleep = supplicant.add("Theirs"), supplicant.add("Asleep", enabled=False)
    assert await wifi.join(HOME) == JoinResult(Status.OK)
    assert old not in supplicant.networks
    (ours,) = set(supplicant.networks) - {theirs, asleep}
    assert supplicant.enabled == {theirs: True, asleep: False, ours: True}
    assert is_mark_of(supplicant.networks[ours]["id_str"].strip('"'), HOME)
    assert supplicant.saved == 1


async def test_a_network_that_refuses_us_leaves_everything_as_it_was(
    supplicant: Supplicant, wifi: WpaSupplicantWifi
) -> None:
    old, asleep = supplicant.add("Old", current=True), supplicant.add("Asleep", enabled=False)
    spare = supplicant.add("Spare")
    supplicant.on_select = lambda number: [WRONG_KEY % number]
    assert await wifi.join(HOME) == JoinResult(Status.AUTH_FAILURE, "81/1,6")
    assert supplicant.enabled == {old: True, asleep: False, spare: True}
    assert (supplicant.current, supplicant.saved) == (old, 0)


async def test_a_network_without_an_address_is_left_again(supplicant: Supplicant) -> None:
    wifi = WpaSupplicantWifi(WpaControl(supplicant.path), Patience(join=2.0, address=0.05))
    old = supplicant.add("Old", current=True)
    assert await wifi.join(HOME) == NO_ADDRESS
    assert (supplicant.current, list(supplicant.networks)) == (old, [old])


async def test_a_network_that_is_joined_is_not_touched(supplicant: Supplicant, wifi: WpaSupplicantWifi) -> None:
    number = supplicant.add("Home", current=True, mark=mark_of(HOME))
    supplicant.answers["STATUS"] = f"wpa_state=COMPLETED\nid={number}\n"
    assert await wifi.join(HOME) == JoinResult(Status.OK)
    assert not any(command.startswith(("SELECT", "SET", "ADD", "REMOVE")) for command in supplicant.commands)


async def test_the_same_name_with_another_password_is_another_network(
    supplicant: Supplicant, wifi: WpaSupplicantWifi
) -> None:
    before = supplicant.add("Home", current=True, mark=mark_of(HOME))
    other = WifiProfile(ssid=b"Home", akm=Akm.PSK, passphrase="another password")
    assert (await wifi.join(other)).status is Status.OK
    assert before not in supplicant.networks


@pytest.mark.parametrize("ssid", [b'a"b', b"a\nb", b"\0\xff\xfe", b"' --", "Ünï".encode()])
async def test_no_name_breaks_out_of_its_option(supplicant: Supplicant, wifi: WpaSupplicantWifi, ssid: bytes) -> None:
    profile = WifiProfile(ssid=ssid, akm=Akm.PSK_SAE, passphrase="quo\"te's and \\ more")
    assert (await wifi.join(profile)).status is Status.OK
    (options,) = supplicant.networks.values()
    assert bytes.fromhex(options["ssid"]) == ssid
    assert bytes.fromhex(options["sae_password"]).decode() == profile.passphrase
    assert len(bytes.fromhex(options["psk"])) == 32
    assert profile.passphrase not in "".join(supplicant.commands)


async def test_the_silence_of_wpa_supplicant_has_an_end(supplicant: Supplicant) -> None:
    supplicant.answers["LIST_NETWORKS"] = None
    with pytest.raises(WifiError, match="LIST_NETWORKS") as silent:
        await WpaSupplicantWifi(WpaControl(supplicant.path, reply_seconds=0.05), Patience()).join(HOME)
    assert "Restart" in silent.value.remedy


@pytest.mark.parametrize("refused", ["ssid", "psk", "key_mgmt"])
async def test_an_option_that_is_refused_is_named_without_its_value(
    supplicant: Supplicant, wifi: WpaSupplicantWifi, refused: str
) -> None:
    supplicant.answers["SET_NETWORK"] = lambda rest: "FAIL\n" if rest.split(" ")[1] == refused else "OK\n"
    with pytest.raises(WifiError, match=f"SET_NETWORK {refused} with FAIL") as error:
        await wifi.join(HOME)
    assert PASSPHRASE not in str(error.value)
    assert supplicant.networks == {}


@pytest.mark.parametrize(
    "answer", [b"\xff\xfe\0", "", "many\nlines\nof\tnothing\n", "1\tx\n\t\t\nNaN\tHome\tany\t[CURRENT]"]
)
async def test_garbage_instead_of_networks_is_no_network(
    supplicant: Supplicant, wifi: WpaSupplicantWifi, answer: str | bytes
) -> None:
    supplicant.answers["LIST_NETWORKS"] = answer
    assert (await wifi.join(HOME)).status is Status.OK


@pytest.mark.parametrize("number", ["FAIL\n", "-1\n", "1 2\n", "99999999999999\n", "\N{ARABIC-INDIC DIGIT ONE}\n", ""])
async def test_a_number_that_is_none_is_told(supplicant: Supplicant, wifi: WpaSupplicantWifi, number: str) -> None:
    supplicant.answers["ADD_NETWORK"] = number
    with pytest.raises(WifiError, match="ADD_NETWORK"):
        await wifi.join(HOME)


async def test_events_of_no_sense_are_passed_over(supplicant: Supplicant, wifi: WpaSupplicantWifi) -> None:
    junk: list[str | bytes] = [
        b"\xff" * 2000,
        b"<3>",
        b"<99999>X",
        b"",
        "CTRL-EVENT-CONNECTED - [id=77 id_str=]",
        "CTRL-EVENT-SSID-TEMP-DISABLED",
    ]

    def select(number: int) -> list[str]:
        supplicant.emit(*junk)
        return [f"CTRL-EVENT-CONNECTED - completed [id={number} id_str=]"]

    supplicant.on_select = select
    assert (await wifi.join(HOME)).status is Status.OK


async def test_a_wpa_supplicant_that_ends_is_told(supplicant: Supplicant, wifi: WpaSupplicantWifi) -> None:
    supplicant.on_select = lambda _: ["CTRL-EVENT-TERMINATING "]
    with pytest.raises(WifiError, match="ended"):
        await wifi.join(HOME)
    supplicant.vanish()
    with pytest.raises(WifiError, match="cannot be reached") as gone:
        await wifi.scan()
    assert gone.value.remedy


async def test_a_scan_pages_through_what_one_reply_does_not_hold(
    supplicant: Supplicant, wifi: WpaSupplicantWifi
) -> None:
    def page(rest: str) -> str:
        first = int(rest.removeprefix("RANGE=").partition("-")[0])
        numbers = range(first, min(first + 10, 35))
        return "====\n".join(f"id={n}\nfreq=2412\nlevel=-{40 + n}\nage=1\nflags=[ESS]\nssid=net{n}\n" for n in numbers)

    supplicant.answers["BSS"] = page
    heard = await wifi.scan()
    assert [network.ssid for network in heard] == [f"net{n}".encode() for n in range(35)]


async def test_a_page_that_repeats_itself_has_an_end(supplicant: Supplicant, wifi: WpaSupplicantWifi) -> None:
    supplicant.answers["BSS"] = "id=5\nfreq=2412\nlevel=-40\nage=1\nflags=[ESS]\nssid=again\n"
    assert len(await wifi.scan()) == 1


@pytest.mark.parametrize("answer", ["FAIL\n", "UNKNOWN COMMAND\n"])
async def test_a_radio_that_is_off_is_told(supplicant: Supplicant, wifi: WpaSupplicantWifi, answer: str) -> None:
    supplicant.answers["SCAN"] = answer
    with pytest.raises(WifiError, match="cannot scan") as off:
        await wifi.scan()
    assert "rfkill" in off.value.remedy


async def test_the_first_interface_is_found_and_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(WifiError, match="serves no interface"):
        control_of(tmp_path, None)
    with pytest.raises(WifiError, match="cannot be read") as missing:
        control_of(tmp_path / "none", None)
    assert "wifi.control" in missing.value.remedy
    async with Supplicant(tmp_path, "p2p-dev-wlan0"), Supplicant(tmp_path, "wlan0"):
        assert control_of(tmp_path, None).interface == "wlan0"
    assert control_of(tmp_path, "wlan9").path == tmp_path / "wlan9"

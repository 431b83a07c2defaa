import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.wifi.heard import (
    channel_list,
    channel_of,
    decode_flags,
    decode_ssid,
    read_stations,
    strongest_of_each,
)
from onboarding_protocol.members import HeardNetwork


def printed(ssid: bytes) -> str:
    """As hostap's printf_encode prints it."""
    names = {0x22: '\\"', 0x5C: "\\\\", 0x1B: "\\e", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}
    return "".join(names.get(o) or (chr(o) if 32 <= o <= 126 else f"\\x{o:02x}") for o in ssid)


@given(st.binary(min_size=1, max_size=32).filter(lambda ssid: ssid.strip(b"\0") != b""))
def test_every_name_comes_through(ssid: bytes) -> None:
    assert decode_ssid(printed(ssid)) == ssid


@pytest.mark.parametrize("text", ["", "\\x00\\x00", "x" * 33, "\\", "a\\", "\\q", "\\x0", "\\xzz"])
def test_what_is_no_name_is_none(text: str) -> None:
    assert decode_ssid(text) is None


@given(st.text(max_size=80))
def test_no_text_stops_the_reader(text: str) -> None:
    decode_ssid(text)
    decode_flags(text)
    read_stations(text)


@pytest.mark.parametrize(
    ("flags", "akm"),
    [
        ("[WPA2-PSK-CCMP][ESS]", "psk"),
        ("[WPA-PSK-TKIP][WPA2-PSK-CCMP+TKIP][WPS][ESS]", "psk"),
        ("[WPA2-SAE-CCMP][ESS]", "sae"),
        ("[WPA2-PSK+SAE-CCMP][ESS]", "psk+sae"),
        ("[WPA2-PSK+PSK-SHA256+FT/PSK-CCMP][ESS]", "psk"),
        ("[WPA2-DPP-CCMP][ESS]", "dpp"),
        ("[WPA2-DPP+PSK+SAE-CCMP][ESS]", "dpp+psk+sae"),
        ("[WPA2-EAP-CCMP][ESS]", "dot1x"),
        ("[WPA2-EAP+FT/EAP+EAP-SHA256-CCMP][ESS]", "dot1x"),
        ("[WPA2-OWE-CCMP][ESS]", "owe"),
        ("[WEP][ESS]", "wep"),
        ("[ESS]", "open"),
        ("", "open"),
        ("[WPA2-FUTURE-CCMP][ESS]", "unknown"),
    ],
)
def test_flags_say_what_it_takes(flags: str, akm: str) -> None:
    assert decode_flags(flags) == akm


@pytest.mark.parametrize(
    ("frequency", "channel"),
    [(2412, "81/1"), (2437, "81/6"), (2472, "81/13"), (2484, "82/14"), (5180, "115/36"), (5300, "118/60"),
     (5500, "121/100"), (5745, "125/149"), (5955, "131/1"), (2413, None), (900, None), (60480, None)],
)  # fmt: skip
def test_a_frequency_is_a_channel_of_a_class(frequency: int, channel: str | None) -> None:
    assert channel_of(frequency) == channel


def test_channels_of_one_class_stand_together() -> None:
    assert channel_list([2437, 2412, 5180, 5200, 2412, 1]) == "81/1,6,115/36,40"
    assert channel_list([]) is None


def station(ssid: str, level: object = -40, **more: object) -> str:
    facts = {"id": 0, "freq": 2412, "level": level, "age": 1, "flags": "[WPA2-PSK-CCMP][ESS]", "ssid": ssid} | more
    return "".join(f"{name}={value}\n" for name, value in facts.items())


def test_stations_that_cannot_be_read_are_left_out() -> None:
    page = "====\n".join(
        [
            station("Good", -50),
            station("\\x00\\x00\\x00"),
            station("Old", age=900),
            station("Odd", "strong"),
            "ssid=Half\n",
            station("=a=b=", -70),
            "####\n",
        ]
    )
    assert [(network.ssid, network.rssi) for network, _ in read_stations(page)] == [(b"Good", -50), (b"=a=b=", -70)]


def test_the_strongest_of_each_name_comes_first() -> None:
    heard = [HeardNetwork(b"a", -80, "psk"), HeardNetwork(b"b", -60, "psk"), HeardNetwork(b"a", -40, "psk")]
    assert strongest_of_each(heard) == (heard[2], heard[1])

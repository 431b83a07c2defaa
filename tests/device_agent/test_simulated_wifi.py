import hashlib
from pathlib import Path

import pytest

from device_agent.errors import WifiError
from device_agent.record import WifiProfile
from device_agent.wifi.simulated import SCANNED_CHANNELS, AccessPoint, SimulatedWifi
from onboarding_protocol.dpp import Akm, Status

NETWORKS = """\
[[network]]
ssid = "Far"
passphrase = "far far away"
rssi = -80

[[network]]
ssid = "Home"
passphrase = "correct horse battery"
rssi = -40
channel = "81/6"
"""


@pytest.fixture
def networks(tmp_path: Path) -> Path:
    path = tmp_path / "networks.toml"
    path.write_text(NETWORKS)
    return path


def profile(ssid: str, passphrase: str | None = None, psk: bytes | None = None) -> WifiProfile:
    return WifiProfile(ssid=ssid.encode(), akm=Akm.PSK, passphrase=passphrase, psk=psk)


async def test_a_scan_hears_the_strongest_first(networks: Path) -> None:
    heard = await SimulatedWifi(networks).scan()
    assert [(network.ssid, network.rssi, network.akm) for network in heard] == [
        (b"Home", -40, "psk"),
        (b"Far", -80, "psk"),
    ]


@pytest.mark.parametrize(
    ("wanted", "status", "channels"),
    [
        (profile("Home", "correct horse battery"), Status.OK, "81/6"),
        (profile("Home", "wrong horse battery"), Status.AUTH_FAILURE, "81/6"),
        (profile("Atlantis", "correct horse battery"), Status.NO_AP, SCANNED_CHANNELS),
        (profile("Home", psk=bytes(32)), Status.AUTH_FAILURE, "81/6"),
        (
            profile("Home", psk=hashlib.pbkdf2_hmac("sha1", b"correct horse battery", b"Home", 4096, 32)),
            Status.OK,
            "81/6",
        ),
    ],
)
async def test_joining_ends_as_with_a_real_station(
    networks: Path, wanted: WifiProfile, status: Status, channels: str
) -> None:
    joined = await SimulatedWifi(networks).join(wanted)
    assert (joined.status, joined.channels) == (status, channels)


async def test_an_access_point_may_come_and_go(networks: Path) -> None:
    wifi = SimulatedWifi(networks)
    networks.write_text("")
    assert await wifi.scan() == ()
    assert (await wifi.join(profile("Home", "correct horse battery"))).status is Status.NO_AP


@pytest.mark.parametrize("text", [None, b"[[network]]", b"network = 1", b"\xff", b'[[network]]\nssid="a"\nrssi="x"'])
async def test_a_broken_file_is_a_broken_backend(networks: Path, text: bytes | None) -> None:
    networks.unlink()
    if text is not None:
        networks.write_bytes(text)
    wifi = SimulatedWifi(networks)
    with pytest.raises(WifiError, match=str(networks)):
        await wifi.scan()
    with pytest.raises(WifiError):
        await wifi.join(profile("Home"))


def test_a_passphrase_does_not_show() -> None:
    assert "secret" not in repr(AccessPoint(ssid="Home", passphrase="secret"))

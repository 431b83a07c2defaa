"""A station that one wpa_supplicant of our own drives, and the network that it is given."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from device_agent.record import WifiProfile
from device_agent.wifi.wpa_control import WpaControl
from device_agent.wifi.wpa_supplicant import Patience, WpaSupplicantWifi
from onboarding_protocol.dpp import Akm
from tests.device_agent.wifi.supplicant import Supplicant

PASSPHRASE = "correct horse battery"
HOME = WifiProfile(ssid=b"Home", akm=Akm.PSK, passphrase=PASSPHRASE)
WRONG_KEY = 'CTRL-EVENT-SSID-TEMP-DISABLED id=%d ssid="Home" auth_failures=1 duration=10 reason=WRONG_KEY'


@pytest.fixture
async def supplicant(tmp_path: Path) -> AsyncIterator[Supplicant]:
    async with Supplicant(tmp_path) as supplicant:
        yield supplicant


async def found(*_: object) -> bool:
    return True


@pytest.fixture
def wifi(supplicant: Supplicant) -> WpaSupplicantWifi:
    """A station whose networks all give an address."""
    return WpaSupplicantWifi(WpaControl(supplicant.path), Patience(join=2.0), found)

"""From label to connected over BlueZ, hostapd, wpa_supplicant, DHCP and Mosquitto, on simulated radios in one guest."""

import pytest

from tests.e2e.outcome import result
from tests.vm.bench import Bench, Device

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_device_joins_wpa2_and_is_connected(bench: Bench, device: Device) -> None:
    await device.run()
    app = await bench.onboard(device)
    assert result(app)["state"] == "connected"

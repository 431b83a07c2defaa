"""What the package lets the agent do is what its code does, and no more."""

from pathlib import Path
from xml.etree import ElementTree

from device_agent.peripheral.bluez_bus import BLUEZ
from device_agent.wifi.network_manager import SERVICE as NETWORK_MANAGER

PACKAGING = Path(__file__).parents[2] / "packaging"


def test_on_the_bus_it_may_speak_to_whom_it_speaks_to() -> None:
    (policy,) = ElementTree.parse(PACKAGING / "dbus.conf").getroot()
    allowed = {rule.get("send_destination") for rule in policy.iter("allow")}
    assert policy.get("user") == "device-agent"
    assert allowed == {BLUEZ, NETWORK_MANAGER}
    assert [rule.attrib for rule in policy.iter("deny")] == [{"own": "*"}]


def test_its_service_reads_input_devices_and_is_in_the_groups_for_what_it_uses() -> None:
    unit = (PACKAGING / "device-agent.service").read_text().splitlines()
    assert [line for line in unit if line.startswith("Device")] == ["DevicePolicy=closed", "DeviceAllow=char-input r"]
    assert "for group in netdev input; do" in (PACKAGING / "scripts/postinst").read_text()

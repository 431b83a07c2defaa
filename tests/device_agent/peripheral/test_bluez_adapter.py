"""Why an adapter cannot be used: what bluetoothd shows of it, and what the kernel's rfkill says."""

from pathlib import Path

import pytest
from dbus_fast import Variant

from device_agent.errors import PeripheralError
from device_agent.peripheral.bluez_adapter import ADAPTER, ADVERTISING_MANAGER, GATT_MANAGER, Objects, check_adapter

MANAGERS = {GATT_MANAGER: {}, ADVERTISING_MANAGER: {}}  # type: ignore[var-annotated]


def shown(*, powered: bool) -> Objects:
    return {"/org/bluez/hci0": {ADAPTER: {"Powered": Variant("b", powered)}, **MANAGERS}}


def rfkill(sysfs: Path, *, hard: int, soft: int) -> None:
    switch = sysfs / "hci0" / "rfkill0"
    switch.mkdir(parents=True)
    (switch / "hard").write_text(f"{hard}\n")
    (switch / "soft").write_text(f"{soft}\n")


@pytest.mark.parametrize(
    ("hard", "soft", "what", "remedy"),
    [
        (1, 0, "a hardware switch keeps Bluetooth off", "Find the switch"),
        (1, 1, "a hardware switch keeps Bluetooth off", "Find the switch"),
        (0, 1, "rfkill keeps Bluetooth off", "rfkill unblock bluetooth"),
        (0, 0, "hci0 is switched off", "bluetoothctl power on"),
    ],
)
def test_an_adapter_that_is_off_is_told_with_who_keeps_it_off(
    tmp_path: Path, hard: int, soft: int, what: str, remedy: str
) -> None:
    rfkill(tmp_path, hard=hard, soft=soft)
    with pytest.raises(PeripheralError, match=what) as refused:
        check_adapter("hci0", shown(powered=False), tmp_path)
    assert remedy in refused.value.remedy


def test_without_rfkill_an_adapter_that_is_off_is_switched_off(tmp_path: Path) -> None:
    with pytest.raises(PeripheralError, match="hci0 is switched off"):
        check_adapter("hci0", shown(powered=False), tmp_path)


def test_a_switch_is_no_matter_where_the_adapter_is_on(tmp_path: Path) -> None:
    rfkill(tmp_path, hard=1, soft=1)
    check_adapter("hci0", shown(powered=True), tmp_path)


def test_an_adapter_that_cannot_advertise_is_told() -> None:
    objects: Objects = {"/org/bluez/hci0": {ADAPTER: {"Powered": Variant("b", True)}, GATT_MANAGER: {}}}
    with pytest.raises(PeripheralError, match="hci0 cannot advertise") as refused:
        check_adapter("hci0", objects)
    assert "another adapter" in refused.value.remedy

"""Whether an adapter of bluetoothd can do what is wanted of it, and what to do where it cannot."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from dbus_fast import Variant

from device_agent.errors import PeripheralError

ADAPTER = "org.bluez.Adapter1"
GATT_MANAGER = "org.bluez.GattManager1"
ADVERTISING_MANAGER = "org.bluez.LEAdvertisingManager1"
_SYSFS = Path("/sys/class/bluetooth")
Objects = Mapping[str, Mapping[str, Mapping[str, Variant]]]


def check_adapter(adapter: str, objects: Objects, sysfs: Path = _SYSFS) -> None:
    """Look among the objects bluetoothd shows; PeripheralError says why this adapter cannot be used."""
    interfaces = objects.get(f"/org/bluez/{adapter}", {})
    if ADAPTER not in interfaces:
        there = [path.rpartition("/")[2] for path, shown in objects.items() if ADAPTER in shown]
        remedy = f"There is {', '.join(there)}: set `adapter`." if there else "Plug one in, or load its driver."
        raise PeripheralError(f"there is no Bluetooth adapter {adapter}", f"{remedy} `bluetoothctl list` shows them.")
    if not {GATT_MANAGER, ADVERTISING_MANAGER} <= interfaces.keys():
        raise PeripheralError(f"the Bluetooth adapter {adapter} cannot advertise", "Use another adapter.")
    if not interfaces[ADAPTER]["Powered"].value:
        raise _blocked(sysfs / adapter) or PeripheralError(
            f"the Bluetooth adapter {adapter} is switched off",
            "Switch it on: `bluetoothctl power on`; `AutoEnable=true` in /etc/bluetooth/main.conf keeps it on.",
        )


def _blocked(directory: Path) -> PeripheralError | None:
    with suppress(OSError):
        for switch in directory.glob("rfkill*"):
            if "1" in (switch / "hard").read_text():
                return PeripheralError("a hardware switch keeps Bluetooth off", "Find the switch and turn it.")
            if "1" in (switch / "soft").read_text():
                return PeripheralError("rfkill keeps Bluetooth off", "Lift it: `rfkill unblock bluetooth`.")
    return None

"""What bluetoothd reads of us: one service with two characteristics, and one advertisement.

The notify characteristic has `NotifyAcquired`, so bluetoothd takes notifications from a socket and not from signals
on the bus. The write characteristic has no `WriteAcquired`: that socket is one for all peers, so who wrote would
be lost, and a write would be answered before we have it. Octets on the air: flags 3, UUID 18, a name of 8 takes 10.
"""

from dbus_fast import Variant

from onboarding_protocol.gatt import NOTIFY_CHARACTERISTIC_UUID, SERVICE_UUID, WRITE_CHARACTERISTIC_UUID

SERVICE = "org.bluez.GattService1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
ADVERTISEMENT = "org.bluez.LEAdvertisement1"

ROOT_PATH = "/onboarding"
SERVICE_PATH = f"{ROOT_PATH}/service"
INBOX_PATH = f"{SERVICE_PATH}/inbox"
OUTBOX_PATH = f"{SERVICE_PATH}/outbox"
ADVERTISEMENT_PATH = f"{ROOT_PATH}/advertisement"

INTERVAL_MIN_MS = 100
INTERVAL_MAX_MS = 150
"""A window is short and somebody is waiting; bluetoothd's own 1,280 ms would be half of what the app scans."""

Properties = dict[str, Variant]
OBJECTS: dict[str, dict[str, Properties]] = {
    SERVICE_PATH: {SERVICE: {"UUID": Variant("s", SERVICE_UUID), "Primary": Variant("b", True)}},
    INBOX_PATH: {
        CHARACTERISTIC: {
            "UUID": Variant("s", WRITE_CHARACTERISTIC_UUID),
            "Service": Variant("o", SERVICE_PATH),
            "Flags": Variant("as", ["write"]),
        }
    },
    OUTBOX_PATH: {
        CHARACTERISTIC: {
            "UUID": Variant("s", NOTIFY_CHARACTERISTIC_UUID),
            "Service": Variant("o", SERVICE_PATH),
            "Flags": Variant("as", ["notify"]),
            "NotifyAcquired": Variant("b", False),
        }
    },
}


def advertisement(name: str) -> Properties:
    """Return the advertisement; it is discoverable by itself, so that the adapter need not be made so."""
    return {
        "Type": Variant("s", "peripheral"),
        "ServiceUUIDs": Variant("as", [SERVICE_UUID]),
        "LocalName": Variant("s", name),
        "Discoverable": Variant("b", True),
        "MinInterval": Variant("u", INTERVAL_MIN_MS),
        "MaxInterval": Variant("u", INTERVAL_MAX_MS),
    }

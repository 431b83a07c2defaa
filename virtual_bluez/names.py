"""The D-Bus names of BlueZ's API (doc/org.bluez.*.rst) and of the bus itself, once."""

BLUEZ = "org.bluez"
ROOT_PATH = "/"
BLUEZ_PATH = "/org/bluez"
ADAPTER_PATH = "/org/bluez/hci0"

ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
GATT_MANAGER = "org.bluez.GattManager1"
GATT_SERVICE = "org.bluez.GattService1"
GATT_CHARACTERISTIC = "org.bluez.GattCharacteristic1"
GATT_DESCRIPTOR = "org.bluez.GattDescriptor1"
ADVERTISEMENT = "org.bluez.LEAdvertisement1"
ADVERTISING_MANAGER = "org.bluez.LEAdvertisingManager1"
AGENT_MANAGER = "org.bluez.AgentManager1"

BUS = "org.freedesktop.DBus"
BUS_PATH = "/org/freedesktop/DBus"
INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
PEER = "org.freedesktop.DBus.Peer"
PROPERTIES = "org.freedesktop.DBus.Properties"


def device_path(address: str) -> str:
    """Return the object path of the remote device with this address."""
    return f"{ADAPTER_PATH}/dev_{address.replace(':', '_')}"

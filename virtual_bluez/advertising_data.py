"""Advertising data, both ways: an advertisement's properties → octets on the air → a device's properties.

Budget (Core spec Vol 3, Part C, 11; legacy PDUs): 31 octets in the advertisement and as many in the scan response.
Flags come first, as the kernel puts them; what no longer fits moves to the scan response; what does not fit there
either makes the advertisement impossible. AD types: Assigned Numbers, 2.3.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bumble.core import UUID, AdvertisingData
from dbus_fast import Variant

from virtual_bluez.errors import BlueZError
from virtual_bluez.uuids import uuid_text

__all__ = ["build", "device_properties"]

BUDGET = 31
Structure = tuple[int, bytes]
AD = AdvertisingData.Type

_UUID_LISTS = {2: AD.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS, 16: AD.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS}
_SERVICE_DATA = {2: AD.SERVICE_DATA_16_BIT_UUID, 16: AD.SERVICE_DATA_128_BIT_UUID}
_UUID_LIST_WIDTHS = {
    AD.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS: 2,
    AD.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS: 2,
    AD.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS: 16,
    AD.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS: 16,
}
_SERVICE_DATA_WIDTHS = {kind: width for width, kind in _SERVICE_DATA.items()}


def build(properties: Mapping[str, Any], alias: str, *, discoverable: bool) -> tuple[bytes, bytes]:
    """Return advertisement and scan response for the properties of an `LEAdvertisement1`.

    Raises BlueZError (Failed) when both are full.
    """
    parts = bytearray(), bytearray()
    for kind, value in _structures(properties, alias, discoverable=discoverable):
        encoded = bytes((len(value) + 1, kind)) + value
        part = next((part for part in parts if len(part) + len(encoded) <= BUDGET), None)
        if part is None:
            raise BlueZError("Failed", "Advertising data too long or couldn't be generated")
        part += encoded
    return bytes(parts[0]), bytes(parts[1])


def device_properties(structures: Iterable[tuple[int, bytes]]) -> dict[str, Variant]:
    """Return the `Device1` properties an advertisement with its scan response tells."""
    uuids: list[str] = []
    properties: dict[str, Variant] = {}
    manufacturers: dict[int, Variant] = {}
    services: dict[str, Variant] = {}
    for kind, value in structures:
        if kind in (AD.COMPLETE_LOCAL_NAME, AD.SHORTENED_LOCAL_NAME):
            properties["Name"] = properties["Alias"] = Variant("s", value.decode(errors="replace"))
        elif width := _UUID_LIST_WIDTHS.get(AD(kind)):
            uuids.extend(_text(value[at : at + width]) for at in range(0, len(value), width))
        elif width := _SERVICE_DATA_WIDTHS.get(AD(kind)):
            services[_text(value[:width])] = Variant("ay", value[width:])
        elif kind == AD.MANUFACTURER_SPECIFIC_DATA:
            manufacturers[int.from_bytes(value[:2], "little")] = Variant("ay", value[2:])
        elif kind == AD.TX_POWER_LEVEL:
            properties["TxPower"] = Variant("n", struct.unpack("b", value)[0])
        elif kind == AD.FLAGS:
            properties["AdvertisingFlags"] = Variant("ay", value)
    if manufacturers:
        properties["ManufacturerData"] = Variant("a{qv}", manufacturers)
    if services:
        properties["ServiceData"] = Variant("a{sv}", services)
    return {**properties, "UUIDs": Variant("as", uuids)}


def _structures(properties: Mapping[str, Any], alias: str, *, discoverable: bool) -> Iterator[Structure]:
    flags = AdvertisingData.Flags.BR_EDR_NOT_SUPPORTED
    if properties.get("Discoverable", discoverable):
        flags |= AdvertisingData.Flags.LE_GENERAL_DISCOVERABLE_MODE
    yield AD.FLAGS, bytes((flags,))
    uuids = [UUID(text).to_bytes() for text in properties.get("ServiceUUIDs", [])]
    for width, kind in _UUID_LISTS.items():
        if listed := b"".join(each for each in uuids if len(each) == width):
            yield kind, listed
    for company, value in properties.get("ManufacturerData", {}).items():
        yield AD.MANUFACTURER_SPECIFIC_DATA, company.to_bytes(2, "little") + bytes(value.value)
    for text, value in properties.get("ServiceData", {}).items():
        octets = UUID(text).to_bytes()
        yield _SERVICE_DATA[len(octets)], octets + bytes(value.value)
    includes = properties.get("Includes", [])
    if "tx-power" in includes:
        yield AD.TX_POWER_LEVEL, struct.pack("b", properties.get("TxPower", 0))
    name = properties.get("LocalName") or (alias if "local-name" in includes else "")
    if name:
        yield AD.COMPLETE_LOCAL_NAME, name.encode()


def _text(octets: bytes) -> str:
    return uuid_text(UUID.from_bytes(octets))

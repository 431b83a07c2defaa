"""The 31 octets: what goes where, and what a scanner makes of it."""

import pytest
from bumble.core import AdvertisingData
from dbus_fast import Variant

from virtual_bluez.advertising_data import build, device_properties
from virtual_bluez.errors import BlueZError

SERVICE = "a07498ca-ad5b-474e-940d-16f1fbe7e8cd"


def heard(parts: tuple[bytes, bytes]) -> dict[str, Variant]:
    structures = AdvertisingData.from_bytes(b"".join(parts)).ad_structures
    return device_properties((int(kind), value) for kind, value in structures)


def test_flags_one_long_uuid_and_eight_characters_fill_the_advertisement() -> None:
    data, scan_response = build({"ServiceUUIDs": [SERVICE], "LocalName": "12345678"}, "alias", discoverable=True)
    assert len(data) == 31
    assert data.startswith(b"\x02\x01\x06\x11\x07")
    assert scan_response == b""


def test_a_ninth_character_moves_the_name_to_the_scan_response() -> None:
    data, scan_response = build({"ServiceUUIDs": [SERVICE], "LocalName": "123456789"}, "alias", discoverable=False)
    assert len(data) == 21
    assert scan_response == b"\x0a\x09123456789"


def test_what_fits_neither_part_is_refused() -> None:
    with pytest.raises(BlueZError, match="too long") as raised:
        build({"LocalName": "x" * 30}, "alias", discoverable=False)
    assert raised.value.name == "org.bluez.Error.Failed"


def test_a_scanner_reads_what_was_advertised() -> None:
    properties = {
        "ServiceUUIDs": ["180f", SERVICE],
        "ManufacturerData": {0x02E5: Variant("ay", b"\x01\x02")},
        "Includes": ["local-name", "tx-power"],
        "TxPower": -4,
    }
    seen = heard(build(properties, "the alias", discoverable=False))
    assert seen["UUIDs"].value == ["0000180f-0000-1000-8000-00805f9b34fb", SERVICE]
    assert seen["ManufacturerData"].value == {0x02E5: Variant("ay", b"\x01\x02")}
    assert seen["Name"].value == "the alias"
    assert seen["TxPower"].value == -4
    assert seen["AdvertisingFlags"].value == b"\x04"


def test_service_data_keep_their_uuid() -> None:
    data = heard(build({"ServiceData": {"fe2c": Variant("ay", b"\x07")}}, "", discoverable=False))
    assert data["ServiceData"].value == {"0000fe2c-0000-1000-8000-00805f9b34fb": Variant("ay", b"\x07")}

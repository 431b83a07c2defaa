"""The provisioning GATT service, for both ends: one write characteristic in, one notify characteristic out.

The octets are Easy Connect's stream framing cut into chunks, so the service has no framing of its own. It is made
for the weakest stack: write with response, notify, no reads, no ATT error codes, and it works at ATT_MTU 23.
"""

from collections.abc import Iterator

SERVICE_UUID = "57adda7f-26a7-45b7-8956-cab392e16936"
WRITE_CHARACTERISTIC_UUID = "57adda80-26a7-45b7-8956-cab392e16936"
NOTIFY_CHARACTERISTIC_UUID = "57adda81-26a7-45b7-8956-cab392e16936"

ATT_MTU_MIN = 23
ATT_HEADER_OCTETS = 3
NOTIFICATION_HEADER_OCTETS = 5
"""To whoever takes several at once, BlueZ sends each with a length, and cuts off what then does not fit."""
CHUNK_MAX_OCTETS = 500
"""BlueZ 5.66 refuses writes of 511 octets and prepared writes of 509."""


def chunk_octets(mtu: int, header: int = ATT_HEADER_OCTETS) -> int:
    """Return how many octets one value carries at this ATT_MTU."""
    return min(max(mtu, ATT_MTU_MIN) - header, CHUNK_MAX_OCTETS)


def chunks(octets: bytes, mtu: int, header: int = ATT_HEADER_OCTETS) -> Iterator[bytes]:
    """Cut octets into the values of writes, or with their header of notifications, at this ATT_MTU."""
    size = chunk_octets(mtu, header)
    return (octets[start : start + size] for start in range(0, len(octets), size))

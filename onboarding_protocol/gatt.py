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
CHUNK_MAX_OCTETS = 500
"""BlueZ 5.66 refuses writes of 511 octets and prepared writes of 509."""


def chunk_octets(mtu: int) -> int:
    """Return how many octets one write or notification carries at this ATT_MTU."""
    return min(max(mtu, ATT_MTU_MIN) - ATT_HEADER_OCTETS, CHUNK_MAX_OCTETS)


def chunks(octets: bytes, mtu: int) -> Iterator[bytes]:
    """Cut octets into the values of writes or notifications at this ATT_MTU."""
    size = chunk_octets(mtu)
    return (octets[start : start + size] for start in range(0, len(octets), size))

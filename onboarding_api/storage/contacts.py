"""First contact: what the broker tells us about a device. Both statements name the tenant."""

from enum import Enum

from sqlalchemy import Connection, bindparam, select, update

from onboarding_api.domain.identifiers import DeviceKey, Timestamp
from onboarding_api.domain.ownership import HardwareState
from onboarding_api.storage.tables import hardware

_FIND = select(hardware.c.connected_at).where(
    hardware.c.tenant_id == bindparam("tenant"), hardware.c.device_id == bindparam("device")
)
_CONNECT = (
    update(hardware)
    .where(
        hardware.c.tenant_id == bindparam("tenant"),
        hardware.c.device_id == bindparam("device"),
        hardware.c.connected_at.is_(None),
    )
    .values(state=HardwareState.CONNECTED.value, connected_at=bindparam("now"))
)


class Contact(Enum):
    """What the registry knew of a device when an event of it arrived."""

    UNKNOWN = "unknown"
    FIRST = "first"
    KNOWN = "known"


def find_contact(connection: Connection, key: DeviceKey) -> Contact:
    """Tell whether this device exists and whether its newest registration has been seen connected."""
    row = connection.execute(_FIND, {"tenant": key.tenant, "device": key.device}).one_or_none()
    if row is None:
        return Contact.UNKNOWN
    return Contact.FIRST if row.connected_at is None else Contact.KNOWN


def mark_connected(connection: Connection, key: DeviceKey, now: Timestamp) -> bool:
    """Mark a device's newest registration connected; tell whether this call did it."""
    wanted = {"tenant": key.tenant, "device": key.device, "now": now}
    return connection.execute(_CONNECT, wanted).rowcount == 1

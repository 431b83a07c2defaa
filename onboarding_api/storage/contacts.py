"""First contact: what the broker tells us about a device. Both statements name the tenant."""

from enum import Enum

from sqlalchemy import Connection, bindparam, select, update

from onboarding_api.domain.identifiers import DeviceKey, Timestamp
from onboarding_api.domain.ownership import HardwareState
from onboarding_api.storage.tables import hardware

_FIND = select(hardware.c.connected_at, hardware.c.sequence).where(
    hardware.c.tenant_id == bindparam("tenant"), hardware.c.device_id == bindparam("device")
)
_CONNECT = (
    update(hardware)
    .where(
        hardware.c.tenant_id == bindparam("tenant"),
        hardware.c.device_id == bindparam("device"),
        hardware.c.sequence == bindparam("number"),
        hardware.c.connected_at.is_(None),
    )
    .values(state=HardwareState.CONNECTED.value, connected_at=bindparam("now"))
)


class Contact(Enum):
    """What the registry knew of a device when an event of it arrived."""

    UNKNOWN = "unknown"
    OUTDATED = "outdated"
    """The device speaks with an assignment that is not its newest."""
    FIRST = "first"
    KNOWN = "known"


def find_contact(connection: Connection, key: DeviceKey, sequence: int) -> Contact:
    """Tell whether this device exists and whether its newest registration, `sequence`, has been seen connected."""
    row = connection.execute(_FIND, {"tenant": key.tenant, "device": key.device}).one_or_none()
    if row is None:
        return Contact.UNKNOWN
    if row.sequence != sequence:
        return Contact.OUTDATED
    return Contact.FIRST if row.connected_at is None else Contact.KNOWN


def mark_connected(connection: Connection, key: DeviceKey, sequence: int, now: Timestamp) -> bool:
    """Mark a device's newest registration connected if it is `sequence`; tell whether this call did it."""
    wanted = {"tenant": key.tenant, "device": key.device, "number": sequence, "now": now}
    return connection.execute(_CONNECT, wanted).rowcount == 1

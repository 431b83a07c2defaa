"""Who may take a device: the decision, pure.

The rules kept here:
1. `assigned` does not lock: a new label proof supersedes it, by any user of any tenant, at any time.
2. `connected` locks: only its own user may onboard it again, which is what a reset device needs.
3. A reset counter lower than one already shown is a replay, whoever sends it.
4. What an administrator has disabled stays disabled: its device is not renewed. Another tenant may still take what is
   only `assigned` (rule 1), or whoever saw a label first could keep its owner away by disabling it.
5. The hardware keeps its device row within a tenant, and leaves it when it moves to another.
"""

from dataclasses import dataclass
from enum import Enum

from onboarding_api.domain.errors import DeviceDisabledError, DeviceOwnedElsewhereError, ResetsBehindError
from onboarding_api.domain.identifiers import DeviceKey, TenantId, UserId, Version

ASSIGNED_LAPSES_S = 24 * 3600
"""How long an onboarding waits for its device's first contact before it says `expired`. The rows stay as they are:
whoever comes next supersedes them anyway, and an owner who comes back the next day still finds the device."""


class HardwareState(Enum):
    """How far the newest owner of this hardware came."""

    ASSIGNED = "assigned"
    """Registered; the backend has not seen the device yet."""
    CONNECTED = "connected"
    """The backend has seen the device connect with its own certificate. Locks the label."""


class Transition(Enum):
    """What registering does to the rows."""

    CREATE = "create"
    """No device row yet: never seen, or its tenant or device was deleted."""
    RENEW = "renew"
    """The same device row and id: new certificate, perhaps a new owner."""
    MOVE = "move"
    """The old tenant's rows go; a new device row in the new tenant."""


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who asks for the device."""

    tenant: TenantId
    user: UserId


@dataclass(frozen=True, slots=True)
class Holding:
    """The present holder of a piece of hardware."""

    key: DeviceKey
    owner: UserId | None
    version: Version
    credentials_version: Version
    enabled: bool
    """Neither the device nor the credential of its certificate has been disabled."""

    def held_by(self, claimant: Claimant) -> bool:
        """Tell whether exactly this user of this tenant holds it."""
        return self.key.tenant == claimant.tenant and self.owner == claimant.user


@dataclass(frozen=True, slots=True)
class Hardware:
    """What outlives every owner: the counters, and the holder if there is one."""

    resets: int
    sequence: int
    state: HardwareState
    holding: Holding | None


def judge_claim(hardware: Hardware | None, claimant: Claimant, resets: int) -> Transition:
    """Decide what a claim with a valid label proof does, or refuse it and change nothing."""
    if hardware is None:
        return Transition.CREATE
    holding = hardware.holding
    if holding and hardware.state is HardwareState.CONNECTED and not holding.held_by(claimant):
        raise DeviceOwnedElsewhereError("this device is connected and belongs to somebody else")
    if resets < hardware.resets:
        raise ResetsBehindError("the reset counter is lower than one this device has already shown")
    if holding is None:
        return Transition.CREATE
    if holding.key.tenant != claimant.tenant:
        return Transition.MOVE
    if not holding.enabled:
        raise DeviceDisabledError("this device has been disabled by an administrator")
    return Transition.RENEW

"""One onboarding: a challenge for one user of one tenant, and what became of it.

The rules kept here: a challenge lives five minutes, is judged once, and the time limit is enforced on read. The
stored reply is looked up before the challenge is judged, so that a repeated request is always answered alike.
"""

import re
from dataclasses import dataclass
from enum import Enum

from onboarding_api.domain.errors import (
    ChallengeBurntError,
    ChallengeExpiredError,
    ChallengeUsedError,
    OnboardingUnknownError,
    TenantDisabledError,
)
from onboarding_api.domain.identifiers import (
    AuthorityId,
    DeviceKey,
    HardwareId,
    OnboardingId,
    Timestamp,
    UserId,
)
from onboarding_api.domain.management.tenants import TenantState
from onboarding_api.domain.ownership import HardwareState

CHALLENGE_LIFE_S = 5 * 60
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class OnboardingState(Enum):
    """What the phone shows."""

    OPEN = "open"
    """The challenge waits for its answer."""
    EXPIRED = "expired"
    """It can no longer lead anywhere: too late, answered wrongly, lapsed, or superseded by somebody else."""
    ASSIGNED = "assigned"
    """Registered; the device has not been seen yet."""
    CONNECTED = "connected"
    """The device has connected with the certificate of this registration."""


TERMINAL = frozenset({OnboardingState.EXPIRED, OnboardingState.CONNECTED})


def read_onboarding_id(text: str) -> OnboardingId:
    """Accept a UUID as we write it; anything else names no onboarding, and no database need be asked."""
    if not _UUID.fullmatch(text):
        raise OnboardingUnknownError("there is no such onboarding")
    return OnboardingId(text)


@dataclass(frozen=True, slots=True)
class Claims:
    """What the device says it is. Not verified: without a manufacturer's list these are claims."""

    serial: str | None = None
    model: str | None = None
    firmware: str | None = None


@dataclass(frozen=True, slots=True)
class Tenancy:
    """The part of a tenant that a registration needs: where its devices connect and who certifies them."""

    tenant: TenantState
    authority: AuthorityId
    endpoint_url: str
    anchor: tuple[bytes, bytes] | None
    """Name and key of who vouches for the endpoint, as `TrustAnchor` has them."""


@dataclass(frozen=True, slots=True)
class Onboarding:
    """An onboarding as it is stored."""

    id: OnboardingId
    tenancy: Tenancy
    user: UserId
    label_spki: bytes
    challenge: bytes
    expires_at: Timestamp
    used_at: Timestamp | None
    digest: bytes | None
    """SHA-256 of the signing request that was registered."""
    reply: bytes | None
    """The answer that was given, byte for byte."""

    def reply_to(self, digest: bytes) -> bytes | None:
        """Return the stored answer if exactly this signing request was registered here."""
        return self.reply if self.digest == digest else None

    def require_answerable(self, now: Timestamp) -> None:
        """Refuse unless the challenge may still be answered."""
        if self.reply is not None:
            raise ChallengeUsedError("this challenge has registered another signing request")
        if self.used_at is not None:
            raise ChallengeBurntError("this challenge was answered wrongly before and cannot be used again")
        if now >= self.expires_at:
            raise ChallengeExpiredError("this challenge was not answered within five minutes")
        require_enabled(self.tenancy.tenant)


def require_enabled(tenant: TenantState) -> None:
    """Refuse to onboard for a tenant that the operator has disabled."""
    if not tenant.enabled:
        raise TenantDisabledError("your tenant is disabled, so it can onboard no devices")


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device as its owner sees it; nobody else gets one."""

    key: DeviceKey
    state: HardwareState
    """`connected` once its newest registration was seen; a lock from before a reset does not show here."""
    claims: Claims
    claims_verified: bool


@dataclass(frozen=True, slots=True)
class OnboardingView:
    """An onboarding as its user sees it at one moment."""

    id: OnboardingId
    state: OnboardingState
    expires_at: Timestamp
    device: DeviceView | None
    assigned_at: Timestamp | None
    connected_at: Timestamp | None


@dataclass(frozen=True, slots=True)
class Progress:
    """What storage knows of an onboarding's way."""

    id: OnboardingId
    expires_at: Timestamp
    used: bool
    registered: bool
    newest: bool
    """Whether the hardware has had no registration after this one."""
    device: DeviceView | None
    """The device this hardware is, if this user holds it; an earlier onboarding may have made it."""
    lapses_at: Timestamp | None
    """When ownership lapses unless the device is seen before; None once it is locked."""
    assigned_at: Timestamp | None
    connected_at: Timestamp | None

    def view(self, now: Timestamp) -> OnboardingView:
        """Judge the state at `now`."""
        state = self._state(now)
        reached = state in (OnboardingState.ASSIGNED, OnboardingState.CONNECTED)
        return OnboardingView(
            id=self.id,
            state=state,
            expires_at=self.expires_at,
            device=None if state is OnboardingState.EXPIRED else self.device,
            assigned_at=self.assigned_at if reached else None,
            connected_at=self.connected_at if reached else None,
        )

    def _state(self, now: Timestamp) -> OnboardingState:
        if not self.registered:
            return OnboardingState.EXPIRED if self.used or now >= self.expires_at else OnboardingState.OPEN
        if not self.newest or self.device is None or (self.lapses_at is not None and now >= self.lapses_at):
            return OnboardingState.EXPIRED
        return OnboardingState.ASSIGNED if self.connected_at is None else OnboardingState.CONNECTED


@dataclass(frozen=True, slots=True)
class OpenOnboarding:
    """A challenge that was just given, and the device if this user already holds it."""

    id: OnboardingId
    hardware: HardwareId
    challenge: bytes
    expires_at: Timestamp
    device: DeviceView | None

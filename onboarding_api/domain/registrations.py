"""Everything one registration writes, decided before anything is written."""

from dataclasses import dataclass

from onboarding_api.domain.certificates import Leaf
from onboarding_api.domain.hono import Document
from onboarding_api.domain.identifiers import (
    AuthorityId,
    DeviceKey,
    HardwareId,
    OnboardingId,
    Timestamp,
    Version,
)
from onboarding_api.domain.management.tenants import TenantState
from onboarding_api.domain.onboardings import Claims, DeviceView
from onboarding_api.domain.ownership import Claimant, Hardware, Transition


@dataclass(frozen=True, slots=True)
class Submission:
    """What the phone relays from the device."""

    signing_request: bytes
    proof: bytes | None
    resets: int
    claims: Claims


@dataclass(frozen=True, slots=True)
class Standing:
    """What the registry knows when a registration is about to be written."""

    hardware: Hardware | None
    key_taken: bool
    """Whether other hardware has or had this operational key."""


@dataclass(frozen=True, slots=True)
class Registration:
    """One registration: rows of device, credential, owner, hardware, certificate and the stored reply."""

    onboarding: OnboardingId
    claimant: Claimant
    hardware: HardwareId
    transition: Transition
    before: Hardware | None
    key: DeviceKey
    tenant: TenantState
    """What was judged: enabled, and with this limit."""
    authority: AuthorityId
    leaf: Leaf
    operational_key: bytes
    resets: int
    sequence: int
    claims: Claims
    auth_id: str
    credential: Document
    device: Document
    version: Version
    digest: bytes
    reply: bytes
    now: Timestamp


@dataclass(frozen=True, slots=True)
class Granted:
    """What a device is given."""

    device: DeviceView
    assignment: str
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Registered:
    """The answer to a registration, and whether it was given before."""

    reply: bytes
    replayed: bool

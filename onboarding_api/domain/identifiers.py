"""The names of things, each its own type, so that a tenant can neither be forgotten nor swapped for a device.

Tenant ids follow Hono's pattern, and are at most 64 characters because they become a certificate's organization
(RFC 5280 appendix A.1, ub-organization-name).
"""

import base64
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import NewType

from onboarding_api.domain.errors import IdentifierRefusedError

TenantId = NewType("TenantId", str)
DeviceId = NewType("DeviceId", str)
UserId = NewType("UserId", str)
OnboardingId = NewType("OnboardingId", str)
AuthorityId = NewType("AuthorityId", str)
Version = NewType("Version", str)
"""A resource version in Hono's sense: a UUID that changes with every write, and the ETag."""
HardwareId = NewType("HardwareId", bytes)
"""SHA-256 of the label key's SubjectPublicKeyInfo: the device, whatever operational key it makes."""
Timestamp = NewType("Timestamp", int)
"""Whole seconds since 1970, UTC."""

Clock = Callable[[], Timestamp]
Randomness = Callable[[int], bytes]
"""Return that many unpredictable octets."""

TENANT_ID_MAX = 64
_DEVICE_ID_OCTETS = 10
_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789abcdefghjkmnpqrstvwxyz")
_TENANT_ID = re.compile(r"[a-zA-Z0-9_.-]+")
_USER_NAME = re.compile(r"[a-zA-Z0-9_.@+-]{1,128}")


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A device's full name: without its tenant a device id means nothing."""

    tenant: TenantId
    device: DeviceId


def new_uuid(randomness: Randomness) -> str:
    """Return a random UUID (version 4) as text."""
    return str(uuid.UUID(bytes=randomness(16), version=4))


def new_device_id(randomness: Randomness) -> DeviceId:
    """Return a device id for us to give: 80 random bits in 16 letters and digits that can be read out (Crockford).

    It travels over Bluetooth twice, so a UUID's 36 characters would cost 53 octets more.
    """
    return DeviceId(base64.b32encode(randomness(_DEVICE_ID_OCTETS)).translate(_CROCKFORD).decode("ascii"))


def parse_tenant_id(text: str) -> TenantId:
    """Accept a tenant id, or say which characters it may have."""
    if len(text) > TENANT_ID_MAX or not _TENANT_ID.fullmatch(text) or text in (".", ".."):
        raise IdentifierRefusedError(f"a tenant id has 1 to {TENANT_ID_MAX} of the characters a-z A-Z 0-9 - _ .")
    return TenantId(text)


def parse_user_name(text: str) -> str:
    """Accept a user name, or say which characters it may have."""
    if not _USER_NAME.fullmatch(text):
        raise IdentifierRefusedError("a user name has 1 to 128 of the characters a-z A-Z 0-9 - _ . @ +")
    return text

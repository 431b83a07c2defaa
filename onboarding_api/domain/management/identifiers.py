"""Which ids Hono allows, and which of them it makes itself."""

import re

from onboarding_api.domain.errors import IdentifierRefusedError
from onboarding_api.domain.identifiers import DeviceId, DeviceKey, TenantId

ID_MAX = 256
TENANT_PATTERN, DEVICE_PATTERN = "[a-zA-Z0-9_.-]", "[a-zA-Z0-9_.:=-]"
_TENANT = re.compile(TENANT_PATTERN + "+")
_DEVICE = re.compile(DEVICE_PATTERN + "+")
_SEGMENTS = (".", "..")
"""RFC 3986 section 5.2.4: no client could address these, because it would remove them from the path."""


def read_tenant(text: str) -> TenantId:
    """Accept a tenant id as Hono does."""
    if len(text) > ID_MAX or not _TENANT.fullmatch(text) or text in _SEGMENTS:
        raise IdentifierRefusedError(
            f"a tenant id has 1 to {ID_MAX} of the characters a-z A-Z 0-9 - _ . and is neither . nor ..", "tenant"
        )
    return TenantId(text)


def read_device(tenant: str, text: str) -> DeviceKey:
    """Accept a tenant id and a device id as Hono does."""
    if len(text) > ID_MAX or not _DEVICE.fullmatch(text) or text in _SEGMENTS:
        raise IdentifierRefusedError(
            f"a device id has 1 to {ID_MAX} of the characters a-z A-Z 0-9 - _ . : = and is neither . nor ..", "device"
        )
    return DeviceKey(read_tenant(tenant), DeviceId(text))

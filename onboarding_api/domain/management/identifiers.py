"""Which ids Hono allows, and which of them it makes itself."""

import re

from onboarding_api.domain.errors import IdentifierRefusedError
from onboarding_api.domain.identifiers import DeviceId, DeviceKey, TenantId

ID_MAX = 256
_TENANT = re.compile(r"[a-zA-Z0-9_.-]+")
_DEVICE = re.compile(r"[a-zA-Z0-9_.:=-]+")


def read_tenant(text: str) -> TenantId:
    """Accept a tenant id as Hono does."""
    if len(text) > ID_MAX or not _TENANT.fullmatch(text):
        raise IdentifierRefusedError(f"a tenant id has 1 to {ID_MAX} of the characters a-z A-Z 0-9 - _ .")
    return TenantId(text)


def read_device(tenant: str, text: str) -> DeviceKey:
    """Accept a tenant id and a device id as Hono does."""
    if len(text) > ID_MAX or not _DEVICE.fullmatch(text):
        raise IdentifierRefusedError(f"a device id has 1 to {ID_MAX} of the characters a-z A-Z 0-9 - _ . : =")
    return DeviceKey(read_tenant(tenant), DeviceId(text))

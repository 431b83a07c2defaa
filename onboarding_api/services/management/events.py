"""What the audit trail says of devices and credentials: the digest of the document as GET shows it, never a secret."""

from collections.abc import Sequence

from onboarding_api.domain.audit import Action, Event, chain_of
from onboarding_api.domain.canonical import digest
from onboarding_api.domain.hono import Document
from onboarding_api.domain.identifiers import DeviceKey, Version
from onboarding_api.domain.management.credentials import Credential


def device_event(action: Action, key: DeviceKey, version: Version | None = None, body: Document | None = None) -> Event:
    """Return what is told of a device that was created, replaced or deleted."""
    hashed = None if body is None else digest(body)
    return Event(chain_of(key.tenant), action, f"device/{key.device}", version, hashed)


def credentials_event(key: DeviceKey, version: Version, replacement: Sequence[Credential]) -> Event:
    """Return what is told of credentials that were replaced."""
    shown = [each.document() for each in replacement]
    details = {"count": len(replacement)}
    name = f"credentials/{key.device}"
    return Event(chain_of(key.tenant), Action.CREDENTIALS_REPLACED, name, version, digest(shown), details)

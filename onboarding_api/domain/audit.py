"""The audit trail: who did what, when, from where, each entry holding the hash of the one before.

The rules kept here: an entry is one JSON object in canonical form (RFC 8785), and its hash is SHA-256 over exactly
these octets; a chain is the service's or one tenant's, so that a tenant's export can be verified alone; no entry holds
a secret, documents are named by version and digest only.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from onboarding_api.domain.canonical import canonical
from onboarding_api.domain.hono import iso
from onboarding_api.domain.identifiers import TenantId, Timestamp

Chain = NewType("Chain", str)
SERVICE_CHAIN = Chain("service")
FORMAT = 1
NOTHING = bytes(32)
"""What the first entry of a chain names as the entry before."""


class Action(StrEnum):
    """What can be done."""

    TENANT_CREATED = "tenant.created"
    TENANT_REPLACED = "tenant.replaced"
    TENANT_DELETED = "tenant.deleted"
    TENANT_ENDPOINT = "tenant.endpoint-given"
    DEVICE_CREATED = "device.created"
    DEVICE_REPLACED = "device.replaced"
    DEVICE_DELETED = "device.deleted"
    DEVICES_DELETED = "devices.deleted"
    DEVICE_REGISTERED = "device.registered"
    DEVICE_LEFT = "device.left"
    """Its hardware was onboarded by another tenant; by which one is not said."""
    DEVICE_CONNECTED = "device.connected"
    CERTIFICATE_RENEWED = "device.certificate-renewed"
    CREDENTIALS_REPLACED = "credentials.replaced"
    USER_CREATED = "user.created"
    USER_PASSWORD = "user.password-changed"  # noqa: S105 - an action
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    USER_DELETED = "user.deleted"
    USER_LINKED = "user.linked"
    """From now on somebody at an OpenID provider is this user."""
    USER_UNLOCKED = "user.unlocked"
    SIGN_IN_REFUSED = "sign-in.refused"
    SIGN_IN_LOCKED = "sign-in.locked"
    SESSION_OPENED = "session.opened"
    SESSION_ENDED = "session.ended"
    SIGNING_KEY_ROTATED = "signing-key.rotated"


@dataclass(frozen=True, slots=True)
class Origin:
    """From where somebody acts: the remote address, and the request's id; None where there is none."""

    address: str | None = None
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an account, or somebody without one such as the console, a device, or the service itself."""

    id: str | None
    name: str | None
    role: str
    origin: Origin = field(default_factory=Origin)


SERVICE = Actor(None, None, "service")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that is done, before it has its place in the chain."""

    chain: Chain
    action: Action
    object: str
    """What it is done to: its kind, a slash, its id."""
    version: str | None = None
    """The object's new version (ETag), if it has versions."""
    digest: str | None = None
    """SHA-256 over the canonical form of the object's new document as GET shows it, without `status`; hexadecimal."""
    details: Mapping[str, str | int | None] = field(default_factory=dict)
    told_as: Actor | None = None
    """Who did it as this chain may know, if not the one who acts."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends. Whoever keeps this elsewhere will notice if anything up to here is changed."""

    chain: Chain
    sequence: int
    digest: bytes

    def __str__(self) -> str:
        return f"{self.sequence}:{self.digest.hex()}"


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in its place: the octets that are stored, exported and hashed."""

    head: Head
    octets: bytes

    @property
    def tenant_named(self) -> Chain | None:
        """The chain of the tenant that an entry of the service's chain tells of, if it does."""
        told = json.loads(self.octets)
        kind, _, identifier = str(told.get("object")).partition("/")
        return chain_of(TenantId(identifier)) if kind == "tenant" else None


def follow(head: Head, event: Event, actor: Actor, now: Timestamp) -> Entry:
    """Return the entry for an event that follows `head`."""
    sequence, told = head.sequence + 1, event.told_as or actor
    document = {
        "action": event.action.value,
        "actor": {"id": told.id, "name": told.name, "role": told.role},
        "at": iso(now),
        "chain": head.chain,
        "details": dict(event.details),
        "digest": event.digest,
        "format": FORMAT,
        "object": event.object,
        "origin": {"address": told.origin.address, "request": told.origin.request},
        "previous": head.digest.hex(),
        "sequence": sequence,
        "version": event.version,
    }
    octets = canonical(document)
    return Entry(Head(head.chain, sequence, hashlib.sha256(octets).digest()), octets)


def chain_of(tenant: TenantId | None) -> Chain:
    """Return a tenant's chain; whoever belongs to no tenant belongs to the service."""
    return SERVICE_CHAIN if tenant is None else Chain(f"tenant:{tenant}")

"""The documents that Eclipse Hono's registry management API keeps per tenant, device and credential.

Identifiers, versions and provenance are columns; the rest is one JSON document per resource, with Hono's member
names, so that its API (a later issue) only has to read and write these.
"""

import datetime

from onboarding_api.domain.certificates import Leaf, device_subject
from onboarding_api.domain.identifiers import DeviceKey, Timestamp

X509_CERT = "x509-cert"

Document = dict[str, object]


def tenant_document() -> Document:
    """Return a new tenant's document."""
    return {"enabled": True}


def device_document() -> Document:
    """Return a newly onboarded device's document."""
    return {"enabled": True}


def auth_id(key: DeviceKey) -> str:
    """Return the auth-id of a device's x509-cert credential: its subject in RFC 2253 form, leaf RDN first.

    `rfc4514_string` and Java's RFC2253 form agree for CN and O with the characters that our ids may have.
    """
    return device_subject(key).rfc4514_string()


def certificate_credential(leaf: Leaf, secret_id: str) -> Document:
    """Return the document of an x509-cert credential: one secret without confidential members."""
    secret = {"id": secret_id, "not-before": iso(leaf.not_before), "not-after": iso(leaf.not_after)}
    return {"enabled": True, "secrets": [secret]}


def iso(moment: Timestamp) -> str:
    """Return a moment as Hono and our own API write it: UTC, whole seconds."""
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

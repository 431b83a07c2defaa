"""The tenant document (Hono's `Tenant`)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, cast

import msgspec

from onboarding_api.domain.errors import DocumentRefusedError, LimitReachedError, ManagementRefusedError
from onboarding_api.domain.hono import Document
from onboarding_api.domain.identifiers import TenantId, Version
from onboarding_api.domain.management.documents import (
    Closed,
    Count,
    Limit,
    NewId,
    NonEmpty,
    normal_moment,
    read_shape,
    require_distinct,
    require_object,
    write_shape,
)
from onboarding_api.domain.management.trust_anchors import read_trust_anchors

_ALIAS = re.compile(r"[a-z0-9-]{1,256}")
_Sampling = Literal["default", "all", "none"]
NAME_AND_GROUP_MAX_OCTETS = 2500
"""In UTF-8: the two are one key of an index, of which PostgreSQL takes 2,704 octets."""
OPERATORS_OWN = ("enabled", "alias", "trust-anchor-group", "registration-limits", "resource-limits")
"""What only the operator may change: names shared with other tenants, and what the tenant is allowed.

Names of authorities are shared, too, and prove nothing: anybody can make a certificate of any name. So a tenant's
administrator changes keys and certificates under the names that the tenant has, and takes names away.
"""


class _Adapter(msgspec.Struct, frozen=True, rename="kebab"):
    type: NonEmpty
    enabled: bool | None = None
    device_authentication_required: bool | None = None
    ext: Document | None = None


class _Period(Closed, frozen=True):
    mode: NonEmpty
    no_of_days: Count | None = None


class _DataVolume(Closed, frozen=True):
    effective_since: str
    max_bytes: Limit | None = None
    period: _Period | None = None


class _ConnectionDuration(Closed, frozen=True):
    effective_since: str
    max_minutes: Limit | None = None
    period: _Period | None = None


class _ResourceLimits(Closed, frozen=True):
    max_connections: Limit | None = None
    max_ttl: Limit | None = None
    max_ttl_telemetry_qos0: Limit | None = None
    max_ttl_telemetry_qos1: Limit | None = None
    max_ttl_command_response: Limit | None = None
    data_volume: _DataVolume | None = None
    connection_duration: _ConnectionDuration | None = None
    ext: Document | None = None


class _RegistrationLimits(Closed, frozen=True):
    max_devices: Limit | None = None
    max_credentials_per_device: Limit | None = None


class _Tracing(Closed, frozen=True):
    sampling_mode: _Sampling | None = None
    sampling_mode_per_auth_id: dict[str, _Sampling] | None = None


class _Tenant(Closed, frozen=True):
    enabled: bool | None = None
    alias: str | None = None
    ext: Document | None = None
    defaults: Document | None = None
    adapters: Annotated[list[_Adapter], msgspec.Meta(min_length=1)] | None = None
    minimum_message_size: Count | None = None
    resource_limits: _ResourceLimits | None = None
    registration_limits: _RegistrationLimits | None = None
    tracing: _Tracing | None = None
    trust_anchor_group: Annotated[str, msgspec.Meta(min_length=1, max_length=256)] | None = None
    trusted_ca: list[Document] | None = None


@dataclass(frozen=True, slots=True)
class TenantDocument:
    """A tenant that was checked: its document, and what the database must know of it."""

    body: Document
    alias: str | None
    group: str | None
    trusted: frozenset[str]
    """The subject DNs of its trust anchors."""


@dataclass(frozen=True, slots=True)
class TenantState:
    """A tenant as it is stored."""

    id: TenantId
    version: Version
    body: Document

    @property
    def enabled(self) -> bool:
        """Whether the operator lets it take part."""
        return self.body.get("enabled") is not False

    def limit(self, name: str) -> int | None:
        """Return one of its registration limits; 0 is one, absent and -1 are none."""
        limits = cast("Mapping[str, int]", self.body.get("registration-limits") or {})
        value = limits.get(name, -1)
        return None if value < 0 else value

    @property
    def anchors(self) -> Sequence[Document]:
        """The authorities that it trusts."""
        return cast("Sequence[Document]", self.body.get("trusted-ca", []))

    def require_room_for_credentials(self, number: int) -> None:
        """Refuse more credentials than one of its devices may have."""
        limit = self.limit("max-credentials-per-device")
        if limit is not None and number > limit:
            raise LimitReachedError(f"a device of this tenant may have no more than {limit} credentials")


def read_tenant_document(value: object, new_id: NewId) -> TenantDocument:
    """Check a tenant that somebody sends and bring it into normal form."""
    given = require_object(value)
    shape = read_shape(given, _Tenant)
    document = write_shape(shape)
    if shape.alias is not None and not _ALIAS.fullmatch(shape.alias):
        raise DocumentRefusedError("alias", "has other characters than a-z 0-9 -")
    if shape.adapters:
        types = [adapter.type for adapter in shape.adapters]
        require_distinct(types, "adapters[{}].type".format, "the type of another adapter")
        document["adapters"] = [_without_nulls(each) for each in cast("list[Document]", given["adapters"])]
    if shape.minimum_message_size == 0:
        del document["minimum-message-size"]
    if not isinstance((shape.ext or {}).get("invalidate-cache-on-update"), bool | None):
        raise DocumentRefusedError("ext.invalidate-cache-on-update", "Expected `bool`")
    _normalise_moments(document)
    anchors = read_trust_anchors(shape.trusted_ca or [], new_id)
    document.pop("trusted-ca", None)
    if anchors:
        document["trusted-ca"] = anchors
    names = _names(document)
    _require_indexable(names, shape.trust_anchor_group)
    return TenantDocument(document, shape.alias, shape.trust_anchor_group, names)


def require_same(before: Document, after: Document) -> None:
    """Refuse a change of what only the operator may change."""
    for member in OPERATORS_OWN:
        default = True if member == "enabled" else None
        if before.get(member, default) != after.get(member, default):
            raise ManagementRefusedError(f"only an operator may change {member}")
    if added := sorted(_names(after) - _names(before)):
        raise ManagementRefusedError(f"only an operator may add an authority of another name: {added[0]}")


def _names(document: Document) -> frozenset[str]:
    anchors = cast("Sequence[Document]", document.get("trusted-ca", []))
    return frozenset(str(anchor["subject-dn"]) for anchor in anchors)


def _without_nulls(document: Document) -> Document:
    return {name: value for name, value in document.items() if value is not None}


def _require_indexable(names: frozenset[str], group: str | None) -> None:
    longest = max((len(name.encode()) for name in names), default=0)
    if group is not None and longest + len(group.encode()) > NAME_AND_GROUP_MAX_OCTETS:
        reason = f"together with a subject-dn more than {NAME_AND_GROUP_MAX_OCTETS} octets"
        raise DocumentRefusedError("trust-anchor-group", reason)


def _normalise_moments(document: Document) -> None:
    limits = document.get("resource-limits")
    for name in ("data-volume", "connection-duration"):
        if isinstance(limits, dict) and isinstance(part := limits.get(name), dict):
            where = f"resource-limits.{name}.effective-since"
            part["effective-since"] = normal_moment(where, part["effective-since"])

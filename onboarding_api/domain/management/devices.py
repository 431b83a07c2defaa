"""The device document (Hono's `Device`), and its read-only `status`."""

from dataclasses import dataclass
from typing import Annotated, cast

import msgspec

from onboarding_api.domain.errors import DocumentRefusedError
from onboarding_api.domain.hono import Document, iso
from onboarding_api.domain.identifiers import DeviceId, Timestamp, Version
from onboarding_api.domain.management.documents import Closed, read_shape, require_object, write_shape
from onboarding_api.domain.management.identifiers import ID_MAX

_Listed = Annotated[str, msgspec.Meta(max_length=ID_MAX)]
"""Ids and names of groups; `via` is looked up by index, and PostgreSQL's hold no text of any length."""


class _CommandEndpoint(Closed, frozen=True):
    uri: str | None = None
    headers: dict[str, str] | None = None
    payload_properties: dict[str, str] | None = None


class _Device(Closed, frozen=True):
    enabled: bool | None = None
    defaults: Document | None = None
    ext: Document | None = None
    via: list[_Listed] | _Listed | None = None
    via_groups: list[_Listed] | _Listed | None = msgspec.field(default=None, name="viaGroups")
    member_of: list[_Listed] | _Listed | None = msgspec.field(default=None, name="memberOf")
    authorities: list[_Listed] | None = None
    downstream_message_mapper: str | None = None
    upstream_message_mapper: str | None = None
    command_endpoint: _CommandEndpoint | None = None


_LISTS = ("via", "viaGroups", "memberOf", "authorities")


@dataclass(frozen=True, slots=True)
class Status:
    """What the registry itself knows of a device; nobody can write it."""

    created: Timestamp
    updated: Timestamp | None
    auto_provisioned: bool
    notification_sent: bool

    def document(self) -> Document:
        """Return the `status` object; what is unset or false is left out."""
        status: Document = {"created": iso(self.created)}
        if self.updated is not None:
            status["updated"] = iso(self.updated)
        if self.auto_provisioned:
            status["auto-provisioned"] = True
        if self.notification_sent:
            status["auto-provisioning-notification-sent"] = True
        return status


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A device as it is stored."""

    id: DeviceId
    version: Version
    body: Document
    status: Status

    def document(self) -> Document:
        """Return the device as GET shows it."""
        return self.body | {"status": self.status.document()}


def read_device_document(value: object) -> Document:
    """Check a device that somebody sends; `status` is ignored, single strings become lists."""
    given = dict(require_object(value))
    given.pop("status", None)
    document = write_shape(read_shape(given, _Device))
    for member in _LISTS:
        if member in document:
            document[member] = _texts(document[member])
    for member in ("via", "viaGroups"):
        if document.get(member) and document.get("memberOf"):
            raise DocumentRefusedError(member, "a device that is a member of gateway groups cannot have gateways")
    return document


def _texts(value: object) -> list[str]:
    """Return the distinct texts in their order."""
    return [value] if isinstance(value, str) else list(dict.fromkeys(cast("list[str]", value)))

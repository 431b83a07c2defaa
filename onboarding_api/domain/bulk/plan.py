"""What a batch of rows does to the registry: the decision, pure, row by row in their order.

The rules kept here: a row is written whole or not at all, and one that is refused keeps no other from being written.
The versions that a row writes follow from the import and its line, so that whoever repeats a batch after an
interruption recognises what was written, however little was noted down.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from onboarding_api.domain.bulk.rows import Fault, Row
from onboarding_api.domain.errors import CredentialTakenError, RegistryError
from onboarding_api.domain.hono import Document
from onboarding_api.domain.identifiers import DeviceId, Version
from onboarding_api.domain.management.credentials import Credential, read_credentials
from onboarding_api.domain.management.documents import NewId
from onboarding_api.domain.management.patches import adopt_credentials
from onboarding_api.domain.management.tenants import TenantState

WHERE = "credentials"


class OnConflict(StrEnum):
    """What a row does whose device exists."""

    SKIP = "skip"
    REPLACE = "replace"
    FAIL = "fail"


class Outcome(StrEnum):
    """What became of a row."""

    CREATED = "created"
    REPLACED = "replaced"
    SKIPPED = "skipped"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Numbered:
    """A row with its line, and its credentials once they are checked."""

    line: int
    row: Row
    credentials: Sequence[Credential] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Existing:
    """A device that is there already."""

    version: Version
    credentials_version: Version
    credentials: Sequence[Credential] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the registry knows of the devices and credentials that a batch names."""

    existing: Mapping[DeviceId, Existing]
    holders: Mapping[tuple[str, str], DeviceId]
    """Whose the types and auth-ids are."""
    count: int | None
    """How many devices the tenant has; None if it may have any number."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one row writes."""

    line: int
    device: DeviceId
    before: Existing | None
    document: Document
    credentials: Sequence[Credential] | None = field(repr=False)
    """None leaves them as they are."""
    version: Version
    credentials_version: Version


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one row."""

    line: int
    outcome: Outcome
    fault: Fault | None = None
    change: Change | None = field(default=None, repr=False)


class Plan:
    """Judges the rows of one batch, in which no device occurs twice."""

    def __init__(
        self, tenant: TenantState, standing: Standing, on_conflict: OnConflict, batch: uuid.UUID, new_id: NewId
    ) -> None:
        self._tenant = tenant
        self._standing = standing
        self._on_conflict = on_conflict
        self._import = batch
        self._new_id = new_id
        self._holders = dict(standing.holders)
        limit = tenant.limit("max-devices")
        self._room = None if limit is None or standing.count is None else limit - standing.count

    def judge(self, numbered: Numbered) -> Verdict:
        """Return what becomes of the next row."""
        before = self._standing.existing.get(numbered.row.device)
        if before is not None:
            for outcome in (Outcome.CREATED, Outcome.REPLACED):
                if before.version == self._version(numbered.line, outcome):
                    return Verdict(numbered.line, outcome)
            if self._on_conflict is OnConflict.SKIP:
                return Verdict(numbered.line, Outcome.SKIPPED)
        if before is not None and self._on_conflict is OnConflict.FAIL:
            return self._rejected(numbered, "device-id", "there is already such a device")
        if before is None and self._room is not None and self._room <= 0:
            return self._rejected(numbered, "device-id", "the tenant has as many devices as it may")
        try:
            change = self._change(numbered, before)
        except RegistryError as error:
            return Verdict(numbered.line, Outcome.REJECTED, Fault.of(error, WHERE))
        self._remember(change)
        return Verdict(numbered.line, Outcome.REPLACED if before else Outcome.CREATED, change=change)

    def _change(self, numbered: Numbered, before: Existing | None) -> Change:
        row = numbered.row
        credentials = None
        if numbered.credentials is not None:
            self._tenant.require_room_for_credentials(len(numbered.credentials))
            stored = before.credentials if before else ()
            credentials = adopt_credentials(stored, numbered.credentials, self._new_id)
            for each in credentials:
                if self._holders.get((each.type, each.auth_id), row.device) != row.device:
                    raise CredentialTakenError(f"another device has {each.type} credentials of auth-id {each.auth_id}")
        return Change(
            line=numbered.line,
            device=row.device,
            before=before,
            document=row.document,
            credentials=credentials,
            version=self._version(numbered.line, Outcome.REPLACED if before else Outcome.CREATED),
            credentials_version=self._version(numbered.line, WHERE),
        )

    def _rejected(self, numbered: Numbered, member: str, reason: str) -> Verdict:
        return Verdict(numbered.line, Outcome.REJECTED, Fault(member, reason))

    def _remember(self, change: Change) -> None:
        if change.before is None and self._room is not None:
            self._room -= 1
        if change.credentials is not None:
            for gone in change.before.credentials if change.before else ():
                self._holders.pop((gone.type, gone.auth_id), None)
            self._holders.update({(each.type, each.auth_id): change.device for each in change.credentials})

    def _version(self, line: int, what: str) -> Version:
        return Version(str(uuid.uuid5(self._import, f"{line} {what}")))


def check_credentials(numbered: Numbered, tenant: TenantState) -> Numbered:
    """Check a row's credentials by what the tenant says of its authorities."""
    if numbered.row.credentials is None:
        return numbered
    checked = read_credentials(list(numbered.row.credentials), tenant.anchors)
    return Numbered(numbered.line, numbered.row, checked)

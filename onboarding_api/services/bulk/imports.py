"""Importing: a batch of rows is judged on what the registry says now, and written in one transaction.

The rules kept here: passwords are hashed and keys sealed before the turn to write is taken, and only for rows that
will be written; if anything that was judged has changed by then, the batch is judged anew.
"""

import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

from onboarding_api.domain.accounts import Principal
from onboarding_api.domain.audit import Action, Actor, Event
from onboarding_api.domain.bulk.plan import (
    WHERE,
    Change,
    Numbered,
    OnConflict,
    Outcome,
    Plan,
    Verdict,
    check_credentials,
)
from onboarding_api.domain.bulk.rows import Fault, Row
from onboarding_api.domain.errors import DocumentRefusedError, TenantUnknownError
from onboarding_api.domain.identifiers import DeviceId, DeviceKey, Randomness, TenantId, Timestamp, new_uuid
from onboarding_api.domain.management.credentials import Credential
from onboarding_api.domain.management.tenants import TenantState
from onboarding_api.services.bulk.sealed_keys import open_sealed_keys
from onboarding_api.services.management.attempts import expect, until_settled
from onboarding_api.services.management.credentials import CredentialManagement
from onboarding_api.services.management.events import credentials_event, device_event
from onboarding_api.storage.audit import record
from onboarding_api.storage.bulk import count_devices, find_standing, write_changes
from onboarding_api.storage.database import Database
from onboarding_api.storage.tenant_documents import find_tenant


@dataclass(frozen=True, slots=True)
class Import:
    """One import: where to, what to do about devices that exist, and what it is recognised by."""

    tenant: TenantId
    on_conflict: OnConflict
    id: uuid.UUID
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class DeviceImport:
    """Imports devices with their credentials."""

    database: Database
    credentials: CredentialManagement
    randomness: Randomness
    executor: Executor = field(repr=False)
    """Where passwords are hashed."""

    def store(
        self, principal: Principal, this: Import, rows: Sequence[tuple[int, Row]], now: Timestamp
    ) -> list[Verdict]:
        """Write what can be written of a batch in which no device occurs twice; return what became of each row."""
        principal.require_manager_of(this.tenant)
        protected: dict[int, Sequence[Credential]] = {}

        def attempt() -> list[Verdict]:
            tenant = self._tenant(this.tenant)
            verdicts, count = self._judge(this, tenant, rows)
            changes = [each.change for each in verdicts if each.change is not None]
            if changes and not this.dry_run:
                ready = self._protect(this.tenant, changes, protected)
                self._write(principal.actor, tenant, ready, count, now)
            return verdicts

        return until_settled(attempt)

    def _tenant(self, tenant: TenantId) -> TenantState:
        with self.database.reading() as connection:
            found = find_tenant(connection, tenant)
        if found is None:
            raise TenantUnknownError(f"there is no tenant {tenant}")
        return found

    def _judge(
        self, this: Import, tenant: TenantState, rows: Sequence[tuple[int, Row]]
    ) -> tuple[list[Verdict], int | None]:
        checked = [self._check(tenant, Numbered(line, row)) for line, row in rows]
        sound = [each for each in checked if isinstance(each, Numbered)]
        ids = [DeviceId(each.row.device) for each in sound]
        names = [(credential.type, credential.auth_id) for each in sound for credential in each.credentials or ()]
        limited = tenant.limit("max-devices") is not None
        with self.database.reading() as connection:
            standing = find_standing(connection, tenant.id, ids, names, count=limited)
        plan = Plan(tenant, standing, this.on_conflict, this.id, lambda: new_uuid(self.randomness))
        return [each if isinstance(each, Verdict) else plan.judge(each) for each in checked], standing.count

    def _check(self, tenant: TenantState, numbered: Numbered) -> Numbered | Verdict:
        try:
            opened = open_sealed_keys(self.credentials.seal, tenant.id, numbered.row)
            return check_credentials(Numbered(numbered.line, opened), tenant)
        except DocumentRefusedError as error:
            return Verdict(numbered.line, Outcome.REJECTED, Fault.of(error, WHERE))

    def _protect(
        self, tenant: TenantId, changes: Sequence[Change], protected: dict[int, Sequence[Credential]]
    ) -> list[Change]:
        """Hash and seal, all rows at once; `protected` remembers it for another attempt."""
        waiting = {
            each.line: [self.executor.submit(self.credentials.protect, tenant, one) for one in each.credentials]
            for each in changes
            if each.credentials and each.line not in protected
        }
        protected.update({line: [future.result() for future in futures] for line, futures in waiting.items()})
        return [replace(each, credentials=protected.get(each.line, each.credentials)) for each in changes]

    def _write(
        self, actor: Actor, tenant: TenantState, changes: Sequence[Change], count: int | None, now: Timestamp
    ) -> None:
        with self.database.writing() as connection:
            found = find_tenant(connection, tenant.id, lock=count is not None)
            expect(found is not None and found.version == tenant.version)
            expect(count is None or count_devices(connection, tenant.id) == count)
            write_changes(connection, tenant.id, changes, now)
            record(connection, actor, now, *(event for each in changes for event in _events(tenant.id, each)))


def _events(tenant: TenantId, change: Change) -> Iterator[Event]:
    key = DeviceKey(tenant, change.device)
    action = Action.DEVICE_CREATED if change.before is None else Action.DEVICE_REPLACED
    yield device_event(action, key, change.version, change.document)
    if change.credentials is not None:
        yield credentials_event(key, change.credentials_version, change.credentials)

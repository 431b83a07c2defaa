"""Tenants by Hono's API.

The rules kept here: operators create and delete tenants; a tenant's administrator sees and changes his own, except for
what only the operator decides (`domain/management/tenants.py`). Deleting a tenant takes everything along but its audit
trail. What becomes of a tenant is told in its own chain and in the service's, so that a chain which disappears as a
whole is missed.
"""

from dataclasses import dataclass

from onboarding_api.domain.accounts import Principal, Role
from onboarding_api.domain.audit import SERVICE_CHAIN, Action, Event, chain_of
from onboarding_api.domain.canonical import digest
from onboarding_api.domain.errors import NothingFoundError, TenantUnknownError
from onboarding_api.domain.hono import Document
from onboarding_api.domain.identifiers import Randomness, TenantId, Timestamp, Version, new_uuid
from onboarding_api.domain.management.search import Found, Search
from onboarding_api.domain.management.tenants import TenantState, read_tenant_document, require_same
from onboarding_api.domain.management.versions import Precondition
from onboarding_api.services.management.attempts import expect, until_settled
from onboarding_api.storage.audit import record
from onboarding_api.storage.database import Database
from onboarding_api.storage.tenant_documents import (
    delete_tenant,
    find_tenant,
    insert_tenant_document,
    replace_tenant_document,
    require_names_apart,
    search_tenants,
)


@dataclass(frozen=True, slots=True)
class TenantManagement:
    """Creates, reads, replaces, deletes and finds tenants."""

    database: Database
    randomness: Randomness

    def create(
        self, principal: Principal, tenant: TenantId | None, document: object, now: Timestamp
    ) -> tuple[TenantId, Version]:
        """Create a tenant, under an id of ours if none is given; it cannot onboard devices until it has an endpoint."""
        principal.require_operator()
        checked = read_tenant_document(document, self._new_id)
        created = TenantId(self._new_id()) if tenant is None else tenant
        version = Version(self._new_id())

        def attempt() -> tuple[TenantId, Version]:
            with self.database.writing() as connection:
                insert_tenant_document(connection, created, version, checked, now)
                told = _events(Action.TENANT_CREATED, created, version, checked.body)
                record(connection, principal.actor, now, *told)
                require_names_apart(connection, created, checked.alias)
            return created, version

        return until_settled(attempt)

    def read(self, principal: Principal, tenant: TenantId) -> TenantState:
        """Return a tenant."""
        principal.require_manager_of(tenant)
        return self._find(tenant)

    def replace(
        self, principal: Principal, tenant: TenantId, document: object, precondition: Precondition, now: Timestamp
    ) -> Version:
        """Replace a tenant's document."""
        principal.require_manager_of(tenant)
        checked = read_tenant_document(document, self._new_id)
        version = Version(self._new_id())

        def attempt() -> Version:
            before = self._find(tenant)
            precondition.require(before.version)
            if principal.role is not Role.OPERATOR:
                require_same(before.body, checked.body)
            with self.database.writing() as connection:
                expect(replace_tenant_document(connection, before, version, checked, now))
                told = _events(Action.TENANT_REPLACED, tenant, version, checked.body)
                record(connection, principal.actor, now, *told)
                require_names_apart(connection, tenant, checked.alias)
            return version

        return until_settled(attempt)

    def delete(self, principal: Principal, tenant: TenantId, precondition: Precondition, now: Timestamp) -> None:
        """Delete a tenant with its users, devices, credentials and certificates; hardware keeps its counters."""
        principal.require_operator()

        def attempt() -> None:
            with self.database.writing() as connection:
                if not delete_tenant(connection, tenant, precondition.version):
                    self._explain(find_tenant(connection, tenant), tenant, precondition)
                record(connection, principal.actor, now, *_events(Action.TENANT_DELETED, tenant))

        until_settled(attempt)

    def search(self, principal: Principal, search: Search) -> Found[TenantState]:
        """Return one page of the tenants that match, if any does."""
        principal.require_manager()
        with self.database.reading() as connection:
            found = search_tenants(connection, search, principal.tenant)
        if not found.total:
            raise NothingFoundError("no tenant matches")
        return found

    def _find(self, tenant: TenantId) -> TenantState:
        with self.database.reading() as connection:
            found = find_tenant(connection, tenant)
        if found is None:
            raise TenantUnknownError(f"there is no tenant {tenant}")
        return found

    def _explain(self, found: TenantState | None, tenant: TenantId, precondition: Precondition) -> None:
        if found is None:
            raise TenantUnknownError(f"there is no tenant {tenant}")
        precondition.require(found.version)
        expect(False)

    def _new_id(self) -> str:
        return new_uuid(self.randomness)


def _events(
    action: Action, tenant: TenantId, version: Version | None = None, body: Document | None = None
) -> list[Event]:
    hashed = None if body is None else digest(body)
    return [Event(chain, action, f"tenant/{tenant}", version, hashed) for chain in (SERVICE_CHAIN, chain_of(tenant))]

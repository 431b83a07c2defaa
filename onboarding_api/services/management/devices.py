"""Devices by Hono's API.

The rules kept here: a limit holds against rivals too, because whoever counts locks the tenant first; replacing a device
keeps its provenance; deleting one frees its hardware and revokes its certificates. The devices of a tenant that is
gone are gone with it, so deleting one of them is done already.
"""

from dataclasses import dataclass

from onboarding_api.domain.accounts import Principal
from onboarding_api.domain.audit import Action, Event, chain_of
from onboarding_api.domain.errors import (
    DeviceExistsError,
    DeviceUnknownError,
    NothingFoundError,
    TenantUnknownError,
)
from onboarding_api.domain.identifiers import DeviceId, DeviceKey, Randomness, TenantId, Timestamp, Version, new_uuid
from onboarding_api.domain.management.devices import DeviceRecord, read_device_document
from onboarding_api.domain.management.search import Found, Search
from onboarding_api.domain.management.versions import Precondition
from onboarding_api.services.management.attempts import expect, until_settled
from onboarding_api.services.management.events import device_event
from onboarding_api.storage.audit import record
from onboarding_api.storage.database import Database
from onboarding_api.storage.devices import (
    delete_device,
    delete_devices,
    find_device,
    insert_device,
    replace_device,
    require_room,
    search_devices,
)
from onboarding_api.storage.tenant_documents import find_tenant


@dataclass(frozen=True, slots=True)
class DeviceManagement:
    """Creates, reads, replaces, deletes and finds the devices of a tenant."""

    database: Database
    randomness: Randomness

    def create(
        self, principal: Principal, tenant: TenantId, device: DeviceId | None, document: object, now: Timestamp
    ) -> tuple[DeviceKey, Version]:
        """Create a device with an empty set of credentials, under an id of ours if none is given."""
        principal.require_manager_of(tenant)
        checked = read_device_document(document)
        key = DeviceKey(tenant, DeviceId(new_uuid(self.randomness)) if device is None else device)
        versions = Version(new_uuid(self.randomness)), Version(new_uuid(self.randomness))

        def attempt() -> tuple[DeviceKey, Version]:
            with self.database.writing() as connection:
                require_room(connection, tenant)
                if device is not None and find_device(connection, key)[1] is not None:
                    raise DeviceExistsError(f"there is already a device {device}")
                insert_device(connection, key, versions, checked, now)
                told = device_event(Action.DEVICE_CREATED, key, versions[0], checked)
                record(connection, principal.actor, now, told)
            return key, versions[0]

        return until_settled(attempt)

    def read(self, principal: Principal, key: DeviceKey) -> DeviceRecord:
        """Return a device."""
        principal.require_manager_of(key.tenant)
        return self._find(key)

    def replace(
        self, principal: Principal, key: DeviceKey, document: object, precondition: Precondition, now: Timestamp
    ) -> Version:
        """Replace a device's document; what the registry knows of its provenance stays."""
        principal.require_manager_of(key.tenant)
        checked = read_device_document(document)
        version = Version(new_uuid(self.randomness))

        def attempt() -> Version:
            before = self._find(key)
            precondition.require(before.version)
            with self.database.writing() as connection:
                expect(replace_device(connection, key, before.version, version, checked, now))
                told = device_event(Action.DEVICE_REPLACED, key, version, checked)
                record(connection, principal.actor, now, told)
            return version

        return until_settled(attempt)

    def delete(self, principal: Principal, key: DeviceKey, precondition: Precondition, now: Timestamp) -> None:
        """Delete a device with its credentials."""
        principal.require_manager_of(key.tenant)

        def attempt() -> None:
            with self.database.writing() as connection:
                if delete_device(connection, key, precondition.version, now):
                    record(connection, principal.actor, now, device_event(Action.DEVICE_DELETED, key))
                    return
                tenant_exists, found = find_device(connection, key)
            if not tenant_exists:
                return
            if found is None:
                raise DeviceUnknownError(f"there is no device {key.device}")
            precondition.require(found.version)
            expect(False)

        until_settled(attempt)

    def delete_all(self, principal: Principal, tenant: TenantId, now: Timestamp) -> int:
        """Delete all devices of a tenant, which need not exist; return how many there were."""
        principal.require_manager_of(tenant)

        def attempt() -> int:
            with self.database.writing() as connection:
                count = delete_devices(connection, tenant, now)
                if count:
                    told = Event(chain_of(tenant), Action.DEVICES_DELETED, "device/", details={"count": count})
                    record(connection, principal.actor, now, told)
            return count

        return until_settled(attempt)

    def search(self, principal: Principal, tenant: TenantId, search: Search) -> Found[DeviceRecord]:
        """Return one page of the devices that match, if any does; behind an id there may be none."""
        principal.require_manager_of(tenant)
        with self.database.reading() as connection:
            found = search_devices(connection, tenant, search)
            if not found.page and not found.total and find_tenant(connection, tenant) is None:
                raise TenantUnknownError(f"there is no tenant {tenant}")
        if found.total == 0:
            raise NothingFoundError("no device matches")
        return found

    def _find(self, key: DeviceKey) -> DeviceRecord:
        with self.database.reading() as connection:
            tenant_exists, found = find_device(connection, key)
        if not tenant_exists:
            raise TenantUnknownError(f"there is no tenant {key.tenant}")
        if found is None:
            raise DeviceUnknownError(f"there is no device {key.device}")
        return found

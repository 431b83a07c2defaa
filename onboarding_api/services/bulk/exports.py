"""Exporting: all devices of a tenant with their credentials, a page at a time, in the order of their ids.

Each page shows the registry as it is when the page is read; a device that exists throughout is exported once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from onboarding_api.domain.accounts import Principal
from onboarding_api.domain.errors import TenantUnknownError
from onboarding_api.domain.hono import Document
from onboarding_api.domain.identifiers import TenantId
from onboarding_api.domain.management.devices import DeviceRecord
from onboarding_api.storage.bulk import count_devices, find_credentials_of, page_of_devices
from onboarding_api.storage.database import Database
from onboarding_api.storage.tenant_documents import find_tenant

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Exported:
    """A device and its credentials, as documents."""

    device: DeviceRecord
    credentials: Sequence[Document]


@dataclass(frozen=True, slots=True)
class DeviceExport:
    """Exports devices."""

    database: Database

    def count(self, principal: Principal, tenant: TenantId) -> int:
        """Return how many devices there are now."""
        principal.require_manager_of(tenant)
        with self.database.reading() as connection:
            if find_tenant(connection, tenant) is None:
                raise TenantUnknownError(f"there is no tenant {tenant}")
            return count_devices(connection, tenant)

    def devices(self, principal: Principal, tenant: TenantId, *, with_secrets: bool) -> Iterator[Exported]:
        """Yield all devices; their hashes and sealed keys only with secrets."""
        principal.require_manager_of(tenant)
        after = ""
        while True:
            with self.database.reading() as connection:
                page = page_of_devices(connection, tenant, after, _PAGE)
                found = find_credentials_of(connection, tenant, [each.id for each in page])
            for device in page:
                shown = [
                    each.stored_document() if with_secrets else each.document() for each in found.get(device.id, ())
                ]
                yield Exported(device, shown)
            if len(page) < _PAGE:
                return
            after = page[-1].id

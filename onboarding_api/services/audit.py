"""Reading the audit trail: by whom, a page or all of it, and whether it is what was written.

The rules kept here: a tenant's administrator reads his tenant's chain from where the present tenant of that name began;
operators read every chain, also those of tenants that are gone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from onboarding_api.domain.accounts import Principal, Role
from onboarding_api.domain.audit import NOTHING, SERVICE_CHAIN, Chain, Entry, Head, chain_of
from onboarding_api.domain.audit_proof import Kept, Proven, verify
from onboarding_api.domain.errors import AuditBrokenError, AuditUnknownError, TenantUnknownError
from onboarding_api.domain.identifiers import TenantId
from onboarding_api.storage.audit import find_head, list_chains, list_heads, read_entries, walk_entries
from onboarding_api.storage.database import Database
from onboarding_api.storage.tenants import tenant_exists


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries of a chain, and where the chain ended when they were read."""

    head: Head
    entries: Sequence[Entry]

    @property
    def next(self) -> int | None:
        """The entry after which to go on; None at the head."""
        if not self.entries or self.entries[-1].head.sequence >= self.head.sequence:
            return None
        return self.entries[-1].head.sequence


@dataclass(frozen=True, slots=True)
class AuditTrail:
    """The chains of this registry."""

    database: Database

    def read(self, principal: Principal, tenant: TenantId | None, after: int, count: int) -> Page:
        """Return at most `count` entries after entry `after` of a tenant's chain, or of the service's."""
        if tenant is None:
            principal.require_operator()
        else:
            principal.require_manager_of(tenant)
        with self.database.reading() as connection:
            found = find_head(connection, chain_of(tenant))
            if found is None and tenant is not None and not tenant_exists(connection, tenant):
                raise TenantUnknownError(f"there is no tenant {tenant}")
            head, begun = found or (Head(chain_of(tenant), 0, NOTHING), 1)
            if principal.role is not Role.OPERATOR:
                after = max(after, begun - 1)
            entries = read_entries(connection, head.chain, after, count)
        return Page(head, [each for each in entries if each.head.sequence <= head.sequence])

    def export(self, chain: Chain, after: int) -> Iterator[Entry]:
        """Yield the entries after `after` up to the present head. For the console: nobody is asked who he is."""
        with self.database.reading() as connection:
            found = find_head(connection, chain)
            if found is None:
                raise AuditUnknownError(f"there is no audit trail {chain}")
            yield from walk_entries(connection, chain, after, found[0].sequence)

    def heads(self) -> Sequence[Head]:
        """Return where all chains end."""
        with self.database.reading() as connection:
            return list_heads(connection)

    def verify(self, chain: Chain, kept: Kept | None = None) -> Proven:
        """Verify a chain in the database against its head there."""
        with self.database.reading() as connection:
            found = find_head(connection, chain)
            if found is None:
                raise AuditBrokenError(0, f"the chain {chain} has no head")
            head, _ = found
            entries = walk_entries(connection, chain, 0, head.sequence)
            proven = verify((entry.octets for entry in entries), kept)
        if proven.first != 1:
            raise AuditBrokenError(1, f"entries 1 to {proven.first - 1} of {chain} are missing")
        if proven.head != head:
            raise AuditBrokenError(proven.head.sequence, f"{chain} ends here, but its head says {head}")
        return proven

    def verify_all(self) -> Iterator[Proven]:
        """Verify all chains, and that none is missing which the service's names; others may write meanwhile."""
        with self.database.reading() as connection:
            service = find_head(connection, SERVICE_CHAIN)  # first: whatever it names until here is among the chains
            chains = {head.chain for head in list_heads(connection)} | set(list_chains(connection))
        if chains:
            yield self.verify(SERVICE_CHAIN)
        with self.database.reading() as connection:
            for entry in walk_entries(connection, SERVICE_CHAIN, 0, service[0].sequence if service else 0):
                if (named := entry.tenant_named) is not None and named not in chains:
                    raise AuditBrokenError(0, f"the chain {named} is missing")
        for chain in sorted(chains - {SERVICE_CHAIN}):
            yield self.verify(chain)

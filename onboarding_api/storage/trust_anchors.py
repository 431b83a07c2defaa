"""Which tenants trust an authority of which name: held so that two tenants share a name only within one group.

A name has one holder, a tenant or a group, and every row of a tenant refers to name and holder together; a second
holder cannot be written, whoever checked what before. Names that nobody refers to any more are taken away first.
"""

from collections.abc import Iterable

from sqlalchemy import BindParameter, Connection, bindparam, delete, exists, insert, select

from onboarding_api.domain.errors import TrustAnchorTakenError
from onboarding_api.domain.identifiers import TenantId
from onboarding_api.storage.tables import trust_anchor_names, trust_anchors

_FORGET = delete(trust_anchors).where(trust_anchors.c.tenant_id == bindparam("tenant"))
_wanted: "BindParameter[list[str]]" = bindparam("names", expanding=True)
_DROP_UNUSED = delete(trust_anchor_names).where(
    trust_anchor_names.c.subject_dn.in_(_wanted),
    ~exists().where(trust_anchors.c.subject_dn == trust_anchor_names.c.subject_dn),
)
_HOLDERS = select(trust_anchor_names).where(trust_anchor_names.c.subject_dn.in_(_wanted))


def replace_trust_anchors(connection: Connection, tenant: TenantId, group: str | None, names: Iterable[str]) -> None:
    """Make these the names of the tenant's authorities, or refuse one that another holder has."""
    connection.execute(_FORGET, {"tenant": tenant})
    wanted = sorted(names)  # in one order, so that two writers never wait for each other
    if not wanted:
        return
    holder = f"tenant:{tenant}" if group is None else f"group:{group}"
    connection.execute(_DROP_UNUSED, {"names": wanted})
    held = {row.subject_dn: row.holder for row in connection.execute(_HOLDERS, {"names": wanted})}
    for name in wanted:
        if held.get(name, holder) != holder:
            kind, _, who = held[name].partition(":")
            held_by = f"tenant {who}" if kind == "tenant" else f"trust anchor group {who}"
            raise TrustAnchorTakenError(f"the {held_by} has an authority of this name", name)
    if missing := [{"subject_dn": name, "holder": holder} for name in wanted if name not in held]:
        connection.execute(insert(trust_anchor_names), missing)
    rows = [{"tenant_id": tenant, "subject_dn": name, "holder": holder} for name in wanted]
    connection.execute(insert(trust_anchors), rows)

"""One page of a tenant's devices, and how many there are.

The rules kept here: page N costs what page 1 costs, because `device_runs` says where it begins; nothing is sorted that
an index has in order; whoever goes on behind an id (keyset) has nothing counted. What is demanded besides is counted
exactly, because Hono's clients expect that: this costs as much as there are matches, not as there are devices.
"""

from typing import Any

from sqlalchemy import BindParameter, Connection, Row, Select, and_, bindparam, func, select

from onboarding_api.domain.identifiers import TenantId
from onboarding_api.domain.management.search import Found, Search
from onboarding_api.storage.device_filters import SEARCHED, Demand, demand_of, has_member, ids_with
from onboarding_api.storage.searching import ordering
from onboarding_api.storage.tables import device_members, device_runs, devices

_TENANT: BindParameter[str] = bindparam("tenant")
_TOTAL = select(func.coalesce(func.sum(device_runs.c.devices), 0)).where(device_runs.c.tenant_id == _TENANT)


def _run_of(*, from_end: bool) -> Select[tuple[str | None, int]]:
    """Return the statement that adds up runs, from the first or from the last on, until it has the one of a rank.

    It says where that run begins (from the last on: what it comes before) and how many devices there are before it.
    The order is that of the subquery, so that adding up ends there; an order of its own would have all runs added up.
    """
    first, size = device_runs.c.first_id, device_runs.c.devices
    order = first.desc() if from_end else first.asc()
    runs = (
        select(
            (func.lag(first).over(order_by=order) if from_end else first).label("edge"),
            size,
            func.sum(size).over(order_by=order, rows=(None, 0)).label("added"),
        )
        .where(device_runs.c.tenant_id == _TENANT)
        .order_by(order)
        .subquery()
    )
    return (
        select(runs.c.edge, (runs.c.added - runs.c.devices).label("before"))
        .where(runs.c.added > bindparam("rank"))
        .limit(1)
    )


_RUN = {from_end: _run_of(from_end=from_end) for from_end in (False, True)}


def count_devices(connection: Connection, tenant: TenantId) -> int:
    """Return how many devices a tenant has."""
    return int(connection.execute(_TOTAL, {"tenant": tenant}).scalar_one())


def find_page(connection: Connection, tenant: TenantId, search: Search) -> Found[Row[tuple[Any, ...]]]:
    """Return the devices of a tenant that match, one page of them."""
    demand = demand_of(connection.dialect.name, tenant, search)
    descending = search.descending
    if demand.everything and search.after is None and descending is not None:
        return _ranked_page(connection, tenant, search, descending=descending)
    total = None if search.after is not None else _count(connection, tenant, demand)
    offset = search.page_index * search.page_size
    if total is not None and total <= offset:
        return Found(total, [])
    page = _page(connection.dialect.name, tenant, demand, search)
    return Found(total, connection.execute(page).all())


def _ranked_page(
    connection: Connection, tenant: TenantId, search: Search, *, descending: bool
) -> Found[Row[tuple[Any, ...]]]:
    total = count_devices(connection, tenant)
    rank = search.page_index * search.page_size
    size = min(search.page_size, total - rank)
    if size <= 0:
        return Found(total, [])
    backwards = rank > total // 2  # the end is nearer
    if backwards:
        rank = total - rank - size
    from_end = descending != backwards
    run = connection.execute(_RUN[from_end], {"tenant": tenant, "rank": rank}).one_or_none()
    if run is None:  # devices were deleted meanwhile
        return Found(total, [])
    edge, before = run.edge, run.before
    ids = devices.c.device_id
    page = select(devices).where(devices.c.tenant_id == tenant)
    if edge is not None:
        page = page.where(ids < edge if from_end else ids >= edge)
    page = page.order_by(ids.desc() if from_end else ids).offset(rank - before).limit(size)
    rows = connection.execute(page).all()
    return Found(total, rows[::-1] if backwards else rows)


def _count(connection: Connection, tenant: TenantId, demand: Demand) -> int:
    if demand.everything:
        return count_devices(connection, tenant)
    if demand.others is not None:
        others = demand.others.subquery()
        this = and_(devices.c.tenant_id == tenant, devices.c.device_id == others.c[0])
        unmatched = select(func.count()).select_from(others.join(devices, this))
        return max(0, count_devices(connection, tenant) - int(connection.execute(unmatched).scalar_one()))
    matched = select(func.count()).select_from(_matching(tenant, demand).subquery())
    return int(connection.execute(matched).scalar_one())


def _page(dialect: str, tenant: TenantId, demand: Demand, search: Search) -> Select[tuple[Any, ...]]:
    offset = 0 if search.after is not None else search.page_index * search.page_size
    if search.descending is None:
        orders = [key for order in search.orders for key in ordering(dialect, SEARCHED, order)]
        rows = _matching(tenant, demand, rows=True).with_only_columns(*devices.c)
        return rows.order_by(*orders, devices.c.device_id).offset(offset).limit(search.page_size)
    ids = _matching(tenant, demand)
    key, outer = ids.selected_columns[0], devices.c.device_id
    if search.after:
        ids = ids.where(key < search.after if search.descending else key > search.after)
    ids = ids.order_by(key.desc() if search.descending else key).offset(offset).limit(search.page_size)
    chosen = ids.subquery()
    rows = select(devices).join(chosen, and_(devices.c.tenant_id == tenant, outer == chosen.c.device_id))
    return rows.order_by(outer.desc() if search.descending else outer)


def _matching(tenant: TenantId, demand: Demand, *, rows: bool = False) -> Select[tuple[str]]:
    """Return the ids of all that match. Without conditions, and unless `rows` are wanted, the index of members alone
    has them, in their order."""
    if not demand.members:
        return select(devices.c.device_id).where(devices.c.tenant_id == tenant, *demand.conditions)
    first, *more = demand.members
    ids = ids_with(tenant, first)
    for member in more:
        ids = ids.where(has_member(device_members.c.device_id, device_members.c.tenant_id, member))
    if not demand.conditions and not rows:
        return ids
    this = and_(devices.c.tenant_id == device_members.c.tenant_id, devices.c.device_id == device_members.c.device_id)
    return ids.join_from(device_members, devices, this).where(*demand.conditions)

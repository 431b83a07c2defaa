"""What a search demands of devices, in the words of an index wherever there is one.

By index go `/id` and each text that `device_members` holds (r0003), exact or by how it begins, integers and booleans
there, `/status/created`, `enabled`, and whether a device is a gateway. What else a filter names is read in the
documents of those devices that the other filters leave over.
"""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, exists, false, select, union

from onboarding_api.domain.hono import iso
from onboarding_api.domain.identifiers import TenantId, Timestamp
from onboarding_api.domain.management.search import Filter, Search
from onboarding_api.storage.searching import Condition, Searched, condition
from onboarding_api.storage.tables import device_members, devices

Member = tuple[str, str]
Ids = Select[tuple[str]] | CompoundSelect[tuple[str]]
SEARCHED = Searched(
    devices,
    devices.c.device_id,
    {
        ("status", "created"): devices.c.created_at,
        ("status", "updated"): devices.c.updated_at,
        ("status", "auto-provisioned"): devices.c.auto_provisioned,
        ("status", "auto-provisioning-notification-sent"): devices.c.notification_sent,
    },
)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_TEXT_MAX = 200
_ODD = "\ud7ff"
"""After this character come those that no text may hold."""
_INTEGER_MAX = 2**63
_DISABLED = ("/enabled", "b:false")
_held = device_members.alias("held")


@dataclass(frozen=True, slots=True)
class Demand:
    """What devices must be, to be found."""

    members: Sequence[Member] = ()
    """Rows of `device_members` that each of them has."""
    conditions: Sequence[Condition] = ()
    """What holds for the row of each."""
    others: Ids | None = None
    """If this alone is demanded, those that are not found: there may be few of them to count."""

    @property
    def everything(self) -> bool:
        """Whether every device will do."""
        return not self.members and not self.conditions


def demand_of(dialect: str, tenant: TenantId, search: Search) -> Demand:
    """Return what a search demands of a tenant's devices."""
    members: list[Member] = []
    conditions: list[Condition] = []
    others: list[Ids] = []
    for wanted in search.filters:
        if wanted.pointer == ("enabled",) and wanted.value is True:
            others.append(ids_with(tenant, _DISABLED))
            conditions.append(~_has(_DISABLED))
        elif (member := _member(wanted)) is not None:
            members.append(member)
            if len(member[1]) >= _TEXT_MAX:
                conditions.append(condition(dialect, SEARCHED, wanted))
        else:
            conditions += _conditions(dialect, tenant, wanted)
    if search.gateways is True:
        conditions.append(devices.c.device_id.in_(_gateways(tenant)))
    elif search.gateways is False:
        others.append(_gateways(tenant))
        conditions.append(_is_no_gateway())
    alone = len(others) == len(conditions) == 1 and not members
    return Demand(members, conditions, others[0] if alone else None)


def ids_with(tenant: TenantId, member: Member) -> Select[tuple[str]]:
    """Return the ids of the devices that have this member; they come in their order."""
    pointer, value = member
    return select(device_members.c.device_id).where(
        device_members.c.tenant_id == tenant, device_members.c.pointer == pointer, device_members.c.value == value
    )


def has_member(device_id: ColumnElement[str], tenant: ColumnElement[str], member: Member) -> Condition:
    """Return that a device has this member."""
    pointer, value = member
    return exists().where(
        _held.c.tenant_id == tenant,
        _held.c.pointer == pointer,
        _held.c.value == value,
        _held.c.device_id == device_id,
    )


def _has(member: Member) -> Condition:
    return has_member(devices.c.device_id, devices.c.tenant_id, member)


def _gateways(tenant: TenantId) -> Ids:
    """Return the ids of those that are named as gateways, whether or not they exist, or are members of groups."""
    of_tenant = device_members.c.tenant_id == tenant
    named = select(device_members.c.value).where(of_tenant, device_members.c.pointer == "via")
    return union(named, ids_with(tenant, ("memberOf", "")))


def _is_no_gateway() -> Condition:
    named = exists().where(
        _held.c.tenant_id == devices.c.tenant_id, _held.c.pointer == "via", _held.c.value == devices.c.device_id
    )
    return and_(~named, ~_has(("memberOf", "")))


def _is_indexed(wanted: Filter) -> bool:
    *above, name = wanted.pointer
    return above in ([], ["ext"]) and _NAME.fullmatch(name) is not None and wanted.pointer != ("id",)


def _member(wanted: Filter) -> Member | None:
    """Return the row of `device_members` that says the same as a filter, if there can be one."""
    if not _is_indexed(wanted) or wanted.has_wildcards:
        return None
    pointer = "/" + "/".join(wanted.pointer)
    if isinstance(wanted.value, bool):
        return pointer, f"b:{str(wanted.value).lower()}"
    if isinstance(wanted.value, str):
        return pointer, f"s:{wanted.value[:_TEXT_MAX]}"
    if abs(wanted.value) < _INTEGER_MAX and wanted.value == int(wanted.value):
        return pointer, f"n:{int(wanted.value)}"
    return None


def _conditions(dialect: str, tenant: TenantId, wanted: Filter) -> list[Condition]:
    """Return what a filter demands that names no member; a pattern is looked for among what begins as it does."""
    if not isinstance(wanted.value, str):
        return [condition(dialect, SEARCHED, wanted)]
    if wanted.pointer == ("status", "created") and not wanted.has_wildcards:
        return [_created(wanted.value)]
    demanded = [condition(dialect, SEARCHED, wanted)]
    begins = re.split(r"[*?]", wanted.value, maxsplit=1)[0][:_TEXT_MAX]
    if not begins or not wanted.has_wildcards or begins[-1] >= _ODD:
        return demanded
    if wanted.pointer == ("id",):
        demanded.append(_between(devices.c.device_id, begins))
    elif _is_indexed(wanted):
        named = select(device_members.c.device_id).where(
            device_members.c.tenant_id == tenant,
            device_members.c.pointer == "/" + "/".join(wanted.pointer),
            _between(device_members.c.value, f"s:{begins}"),
        )
        demanded.append(devices.c.device_id.in_(named))
    return demanded


def _between(column: ColumnElement[str], begins: str) -> Condition:
    """Return that a text lies between how it begins and what comes next, in the order of code points."""
    return and_(column >= begins, column < begins[:-1] + chr(ord(begins[-1]) + 1))


def _created(text: str) -> Condition:
    try:
        moment = Timestamp(int(datetime.datetime.fromisoformat(text).timestamp()))
        written_so = iso(moment) == text
    except (ValueError, OverflowError):
        return false()
    return devices.c.created_at == moment if written_so else false()

"""What a search demands of devices, in the words of an index wherever there is one.

By index go `/id`, exact or by how it begins, `/status/created`, `enabled`, whether a device is a gateway, and each
text, integer and boolean that `device_members` holds (r0003). What else a filter names is read in the documents of
those devices that the other filters leave over.
"""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, exists, false, select, union

from onboarding_api.domain.hono import ISO
from onboarding_api.domain.identifiers import TenantId
from onboarding_api.domain.management.search import Filter, Search
from onboarding_api.storage.searching import Condition, Searched, condition, text_is
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
            conditions.append(_condition(dialect, wanted))
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


def _member(wanted: Filter) -> Member | None:
    """Return the row of `device_members` that says the same as a filter, if there can be one."""
    *above, name = wanted.pointer
    if above not in ([], ["ext"]) or not _NAME.fullmatch(name) or wanted.has_wildcards or wanted.pointer == ("id",):
        return None
    pointer = "/" + "/".join(wanted.pointer)
    if isinstance(wanted.value, bool):
        return pointer, f"b:{str(wanted.value).lower()}"
    if isinstance(wanted.value, str):
        return pointer, f"s:{wanted.value[:_TEXT_MAX]}"
    if abs(wanted.value) < _INTEGER_MAX and wanted.value == int(wanted.value):
        return pointer, f"n:{int(wanted.value)}"
    return None


def _condition(dialect: str, wanted: Filter) -> Condition:
    if isinstance(wanted.value, str) and wanted.pointer == ("id",):
        return _id_is(dialect, wanted.value, wanted)
    if isinstance(wanted.value, str) and wanted.pointer == ("status", "created") and not wanted.has_wildcards:
        return _created(wanted.value)
    return condition(dialect, SEARCHED, wanted)


def _id_is(dialect: str, value: str, wanted: Filter) -> Condition:
    """Return that an id is this, or looks like this and so lies between how that begins and what comes next."""
    begins = re.split(r"[*?]", value, maxsplit=1)[0]
    if not begins or not wanted.has_wildcards:
        return text_is(dialect, devices.c.device_id, wanted)
    if not begins.isascii():
        return false()  # ids are in ASCII
    beyond = begins[:-1] + chr(ord(begins[-1]) + 1)
    between = and_(devices.c.device_id >= begins, devices.c.device_id < beyond)
    return and_(between, text_is(dialect, devices.c.device_id, wanted))


def _created(text: str) -> Condition:
    try:
        moment = datetime.datetime.strptime(text, ISO).replace(tzinfo=datetime.UTC)
    except ValueError:
        return false()
    written_so = moment.strftime(ISO) == text
    return devices.c.created_at == int(moment.timestamp()) if written_so else false()

"""Onboardings: opening, finding one's own, burning, watching. Every statement names tenant and user."""

from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, insert, select, update

from onboarding_api.domain.errors import EndpointMissingError
from onboarding_api.domain.identifiers import (
    AuthorityId,
    DeviceId,
    DeviceKey,
    HardwareId,
    OnboardingId,
    TenantId,
    Timestamp,
    Version,
)
from onboarding_api.domain.management.tenants import TenantState
from onboarding_api.domain.onboardings import (
    Claims,
    DeviceView,
    Onboarding,
    OpenOnboarding,
    Progress,
    Tenancy,
    require_enabled,
)
from onboarding_api.domain.ownership import ASSIGNED_LAPSES_S, Claimant, HardwareState
from onboarding_api.storage.tables import hardware, onboardings, owners, tenant_authorities, tenants

_MINE = and_(
    onboardings.c.onboarding_id == bindparam("onboarding"),
    onboardings.c.tenant_id == bindparam("tenant"),
    onboardings.c.user_id == bindparam("user"),
)
_OPEN = insert(onboardings)
_FIND = (
    select(
        onboardings,
        tenants.c.version,
        tenants.c.document,
        tenants.c.endpoint_url,
        tenants.c.anchor_name,
        tenants.c.anchor_key,
        tenant_authorities.c.authority_id,
    )
    .join(tenants, tenants.c.tenant_id == onboardings.c.tenant_id)
    .join(
        tenant_authorities,
        and_(
            tenant_authorities.c.tenant_id == onboardings.c.tenant_id,
            tenant_authorities.c.state == "current",
        ),
    )
    .where(_MINE)
)
_BURN = update(onboardings).where(_MINE, onboardings.c.used_at.is_(None)).values(used_at=bindparam("now"))
_HELD = (
    select(tenants.c.endpoint_url, tenants.c.version, tenants.c.document, owners.c.user_id, hardware)
    .select_from(tenants)
    .outerjoin(
        hardware,
        and_(hardware.c.key_hash == bindparam("key_hash"), hardware.c.tenant_id == tenants.c.tenant_id),
    )
    .outerjoin(
        owners,
        and_(
            owners.c.tenant_id == hardware.c.tenant_id,
            owners.c.device_id == hardware.c.device_id,
            owners.c.user_id == bindparam("user"),
        ),
    )
    .where(tenants.c.tenant_id == bindparam("tenant"))
)
_PROGRESS = (
    select(
        onboardings.c.expires_at,
        onboardings.c.used_at,
        onboardings.c.sequence.label("registered"),
        owners.c.user_id,
        hardware,
    )
    .outerjoin(
        hardware,
        and_(
            hardware.c.key_hash == onboardings.c.key_hash,
            hardware.c.tenant_id == onboardings.c.tenant_id,
        ),
    )
    .outerjoin(
        owners,
        and_(
            owners.c.tenant_id == hardware.c.tenant_id,
            owners.c.device_id == hardware.c.device_id,
            owners.c.user_id == onboardings.c.user_id,
        ),
    )
    .where(_MINE)
)


def open_onboarding(
    connection: Connection, claimant: Claimant, opened: OpenOnboarding, label_spki: bytes, now: Timestamp
) -> None:
    """Store a new challenge."""
    row = {
        "onboarding_id": opened.id,
        "tenant_id": claimant.tenant,
        "user_id": claimant.user,
        "key_hash": opened.hardware,
        "label_spki": label_spki,
        "challenge": opened.challenge,
        "opened_at": now,
        "expires_at": opened.expires_at,
    }
    connection.execute(_OPEN, row)


def find_held(connection: Connection, claimant: Claimant, key_hash: HardwareId) -> DeviceView | None:
    """Return the device this hardware is, if exactly this claimant holds it; refuse a tenant that can take none."""
    wanted = {"key_hash": key_hash, "tenant": claimant.tenant, "user": claimant.user}
    row = connection.execute(_HELD, wanted).one_or_none()
    if row is None or row.endpoint_url is None:
        raise EndpointMissingError("the tenant has no endpoint yet, so its devices would have nowhere to connect")
    require_enabled(_tenant(claimant, row))
    return None if row.user_id is None else _device(row)


def find_onboarding(connection: Connection, claimant: Claimant, onboarding: OnboardingId) -> Onboarding | None:
    """Return this claimant's onboarding, with what registering needs of the tenant."""
    wanted = {"onboarding": onboarding, "tenant": claimant.tenant, "user": claimant.user}
    row = connection.execute(_FIND, wanted).one_or_none()
    if row is None:
        return None
    authority = AuthorityId(row.authority_id)
    anchor = None if row.anchor_key is None else (row.anchor_name, row.anchor_key)
    return Onboarding(
        id=onboarding,
        tenancy=Tenancy(_tenant(claimant, row), authority, row.endpoint_url, anchor),
        user=claimant.user,
        label_spki=row.label_spki,
        challenge=row.challenge,
        expires_at=row.expires_at,
        used_at=row.used_at,
        digest=row.digest,
        reply=row.reply,
    )


def burn(connection: Connection, claimant: Claimant, onboarding: OnboardingId, now: Timestamp) -> None:
    """Make an unused challenge unusable."""
    wanted = {"onboarding": onboarding, "tenant": claimant.tenant, "user": claimant.user, "now": now}
    connection.execute(_BURN, wanted)


def find_progress(connection: Connection, claimant: Claimant, onboarding: OnboardingId) -> Progress | None:
    """Return how far this claimant's onboarding came."""
    wanted = {"onboarding": onboarding, "tenant": claimant.tenant, "user": claimant.user}
    row = connection.execute(_PROGRESS, wanted).one_or_none()
    if row is None:
        return None
    locked = row.state == HardwareState.CONNECTED.value
    return Progress(
        id=onboarding,
        expires_at=row.expires_at,
        used=row.used_at is not None,
        registered=row.registered is not None,
        newest=row.registered is not None and row.registered == row.sequence,
        device=None if row.user_id is None else _device(row),
        lapses_at=None if locked or row.assigned_at is None else Timestamp(row.assigned_at + ASSIGNED_LAPSES_S),
        assigned_at=row.assigned_at,
        connected_at=row.connected_at,
    )


def _tenant(claimant: Claimant, row: Row[tuple[Any, ...]]) -> TenantState:
    return TenantState(claimant.tenant, Version(row.version), row.document)


def _device(row: Row[tuple[Any, ...]]) -> DeviceView:
    state = HardwareState.ASSIGNED if row.connected_at is None else HardwareState.CONNECTED
    key = DeviceKey(TenantId(row.tenant_id), DeviceId(row.device_id))
    return DeviceView(key, state, Claims(row.serial, row.model, row.firmware), row.claims_verified)

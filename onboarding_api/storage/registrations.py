"""Registering: one statement to read where hardware and key stand, six to eight to write. A tenant with a limit costs
three more, because whoever counts its devices locks it first.

Hardware and operational keys are looked up across tenants on purpose: they are unique across tenants. Every other
statement names the tenant of the row it touches. Each update names what it expects to find (Hono's versions, the
hardware's sequence and state, the tenant as it was judged, the unused challenge); if that is gone,
ConcurrentChangeError rolls everything back.
"""

from sqlalchemy import Connection, and_, bindparam, delete, exists, insert, literal, or_, select, update

from onboarding_api.domain.hono import X509_CERT, Document, auth_id
from onboarding_api.domain.identifiers import DeviceId, DeviceKey, HardwareId, TenantId, UserId, Version
from onboarding_api.domain.ownership import Hardware, HardwareState, Holding, Transition
from onboarding_api.domain.registrations import Registration, Standing
from onboarding_api.storage.certifying import (
    INSERT_CERTIFICATE,
    REPLACE_CREDENTIAL,
    SUPERSEDE,
    TOUCH_DEVICE,
    certificate_row,
    expect_one,
    none_is_disabled,
)
from onboarding_api.storage.devices import require_room
from onboarding_api.storage.tables import certificates, credentials, devices, hardware, onboardings, owners, tenants

_one = select(literal(1).label("one")).subquery()
_others = hardware.alias("others")
_key_taken = or_(
    exists().where(
        _others.c.operational_key == bindparam("operational_key"), _others.c.key_hash != bindparam("key_hash")
    ),
    exists().where(
        certificates.c.spki_hash == bindparam("operational_key"), certificates.c.key_hash != bindparam("key_hash")
    ),
)
_STANDING = select(
    hardware,
    devices.c.version,
    devices.c.document.label("device"),
    devices.c.credentials_version,
    credentials.c.auth_id,
    credentials.c.document.label("credential"),
    owners.c.user_id,
    _key_taken.label("key_taken"),
).select_from(
    _one.outerjoin(hardware, hardware.c.key_hash == bindparam("key_hash"))
    .outerjoin(devices, and_(devices.c.tenant_id == hardware.c.tenant_id, devices.c.device_id == hardware.c.device_id))
    .outerjoin(owners, and_(owners.c.tenant_id == devices.c.tenant_id, owners.c.device_id == devices.c.device_id))
    .outerjoin(
        credentials,
        and_(
            credentials.c.tenant_id == devices.c.tenant_id,
            credentials.c.device_id == devices.c.device_id,
            credentials.c.type == X509_CERT,
        ),
    )
)

_INSERT_DEVICE = insert(devices)
_INSERT_CREDENTIAL = insert(credentials)
_INSERT_OWNER = insert(owners)
_INSERT_HARDWARE = insert(hardware)
_REPLACE_OWNER = (
    update(owners)
    .where(owners.c.tenant_id == bindparam("tenant"), owners.c.device_id == bindparam("device"))
    .values(user_id=bindparam("user"), since=bindparam("now"))
)
_REMOVE_DEVICE = delete(devices).where(
    devices.c.tenant_id == bindparam("tenant"), devices.c.device_id == bindparam("device")
)
_REASSIGN_HARDWARE = update(hardware).where(
    hardware.c.key_hash == bindparam("hardware"),
    hardware.c.sequence == bindparam("expected"),
    hardware.c.state == bindparam("expected_state"),
)
_CONSUME = (
    update(onboardings)
    .where(
        onboardings.c.onboarding_id == bindparam("onboarding"),
        onboardings.c.tenant_id == bindparam("tenant"),
        onboardings.c.user_id == bindparam("user"),
        onboardings.c.used_at.is_(None),
        onboardings.c.expires_at > bindparam("now"),
        exists().where(tenants.c.tenant_id == bindparam("tenant"), tenants.c.version == bindparam("expected_tenant")),
    )
    .values(
        used_at=bindparam("now"),
        digest=bindparam("signed"),
        sequence=bindparam("number"),
        reply=bindparam("answer"),
    )
)


def find_standing(connection: Connection, key_hash: HardwareId, operational_key: bytes) -> Standing:
    """Return where this hardware and this operational key stand, across tenants."""
    wanted = {"key_hash": key_hash, "operational_key": operational_key}
    rows = connection.execute(_STANDING, wanted).all()
    row = rows[0]
    if row.key_hash is None:
        return Standing(None, row.key_taken)
    holding = None
    if row.credentials_version is not None:
        key = DeviceKey(TenantId(row.tenant_id), DeviceId(row.device_id))
        certificate: Document = next((each.credential for each in rows if each.auth_id == auth_id(key)), {})
        holding = Holding(
            key=key,
            owner=None if row.user_id is None else UserId(row.user_id),
            version=Version(row.version),
            credentials_version=Version(row.credentials_version),
            enabled=none_is_disabled(certificate, row.device),
        )
    return Standing(Hardware(row.resets, row.sequence, HardwareState(row.state), holding), row.key_taken)


def write_registration(connection: Connection, registration: Registration) -> None:
    """Write all rows of one registration and consume its challenge."""
    holding = registration.before.holding if registration.before else None
    if registration.transition is not Transition.RENEW and registration.tenant.limit("max-devices") is not None:
        require_room(connection, registration.key.tenant)
    if holding:
        old = {"tenant": holding.key.tenant, "hardware": registration.hardware, "now": registration.now}
        connection.execute(SUPERSEDE, old)
    if holding and registration.transition is Transition.RENEW:
        _renew_device(connection, registration, holding)
    else:
        if holding:
            gone = {"tenant": holding.key.tenant, "device": holding.key.device}
            expect_one(connection.execute(_REMOVE_DEVICE, gone))
        _create_device(connection, registration)
    _assign_hardware(connection, registration)
    connection.execute(
        INSERT_CERTIFICATE,
        certificate_row(
            registration.key,
            registration.hardware,
            registration.operational_key,
            registration.authority,
            registration.leaf,
        ),
    )
    consumed = {
        "onboarding": registration.onboarding,
        "tenant": registration.claimant.tenant,
        "user": registration.claimant.user,
        "now": registration.now,
        "signed": registration.digest,
        "number": registration.sequence,
        "answer": registration.reply,
        "expected_tenant": registration.tenant.version,
    }
    expect_one(connection.execute(_CONSUME, consumed))


def _create_device(connection: Connection, registration: Registration) -> None:
    name = {"tenant_id": registration.key.tenant, "device_id": registration.key.device}
    device = {
        "version": registration.version,
        "credentials_version": registration.version,
        "document": registration.device,
        "created_at": registration.now,
        "auto_provisioned": False,
        "notification_sent": False,
    }
    credential = {"type": X509_CERT, "auth_id": registration.auth_id, "document": registration.credential}
    connection.execute(_INSERT_DEVICE, name | device)
    connection.execute(_INSERT_CREDENTIAL, name | credential)
    connection.execute(_INSERT_OWNER, name | {"user_id": registration.claimant.user, "since": registration.now})


def _renew_device(connection: Connection, registration: Registration, holding: Holding) -> None:
    name = {"tenant": holding.key.tenant, "device": holding.key.device}
    expected = {"expected_device": holding.version, "expected": holding.credentials_version}
    expect_one(connection.execute(TOUCH_DEVICE, name | expected | {"successor": registration.version}))
    changed = name | {"name": registration.auth_id, "replacement": registration.credential}
    if connection.execute(REPLACE_CREDENTIAL, changed).rowcount == 0:
        added = {"type": X509_CERT, "auth_id": registration.auth_id, "document": registration.credential}
        connection.execute(_INSERT_CREDENTIAL, {"tenant_id": name["tenant"], "device_id": name["device"]} | added)
    if holding.owner is None:
        owner = {"user_id": registration.claimant.user, "since": registration.now}
        connection.execute(_INSERT_OWNER, {"tenant_id": name["tenant"], "device_id": name["device"]} | owner)
    elif holding.owner != registration.claimant.user:
        new = {"user": registration.claimant.user, "now": registration.now}
        expect_one(connection.execute(_REPLACE_OWNER, name | new))


def _assign_hardware(connection: Connection, registration: Registration) -> None:
    before = registration.before
    locked = before and before.holding and before.state is HardwareState.CONNECTED
    row = {
        "tenant_id": registration.key.tenant,
        "device_id": registration.key.device,
        # Who has connected once keeps the lock through a reset; `connected_at` waits for the new certificate.
        "state": (HardwareState.CONNECTED if locked else HardwareState.ASSIGNED).value,
        "operational_key": registration.operational_key,
        "resets": registration.resets,
        "sequence": registration.sequence,
        "assigned_at": registration.now,
        "connected_at": None,
        "serial": registration.claims.serial,
        "model": registration.claims.model,
        "firmware": registration.claims.firmware,
        "claims_verified": False,
    }
    if before is None:
        connection.execute(_INSERT_HARDWARE, row | {"key_hash": registration.hardware})
    else:
        expected = {
            "hardware": registration.hardware,
            "expected": before.sequence,
            "expected_state": before.state.value,
        }
        expect_one(connection.execute(_REASSIGN_HARDWARE, row | expected))

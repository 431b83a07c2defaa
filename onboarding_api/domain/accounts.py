"""Who signs in, and as what."""

from dataclasses import dataclass, field
from enum import Enum

from onboarding_api.domain.audit import Actor, Origin
from onboarding_api.domain.errors import (
    ManagementRefusedError,
    RoleRefusedError,
    SubjectRefusedError,
    TenantUnknownError,
    UserRefusedError,
)
from onboarding_api.domain.identifiers import TenantId, UserId
from onboarding_api.domain.ownership import Claimant

ISSUER_MAX, SUBJECT_MAX = 512, 256
"""Characters. OpenID Connect Core (section 2) allows a subject of 255."""
PASSWORD_MIN = 8
PASSWORD_MAX = 1024
"""Argon2 takes any length; the bound only keeps requests small."""


class Role(Enum):
    """What an account may do. Everybody who belongs to a tenant may onboard devices for it."""

    OPERATOR = "operator"
    """Runs the service; belongs to no tenant and so owns no device."""
    TENANT_ADMIN = "tenant-admin"
    TECHNICIAN = "technician"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Account:
    """A user who can sign in."""

    id: UserId
    name: str
    tenant: TenantId | None
    role: Role
    password_hash: str = field(repr=False)
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, as a verified password or access token says, and from where."""

    user: UserId
    tenant: TenantId | None
    role: Role
    name: str | None = None
    origin: Origin = field(default_factory=Origin)
    session: str | None = None

    @property
    def actor(self) -> Actor:
        """Return the principal as the audit trail names him."""
        return Actor(self.user, self.name, self.role.value, self.origin)

    def claimant(self) -> Claimant:
        """Return the principal as somebody who can own a device, or refuse."""
        if self.tenant is None:
            raise RoleRefusedError("this account belongs to no tenant, so it cannot own a device")
        return Claimant(self.tenant, self.user)

    def require_operator(self) -> None:
        """Refuse whoever does not run the service."""
        if self.role is not Role.OPERATOR:
            raise ManagementRefusedError("only an operator may do this")

    def require_manager(self) -> None:
        """Refuse who manages nothing."""
        if self.role not in (Role.OPERATOR, Role.TENANT_ADMIN):
            raise ManagementRefusedError("only operators and tenant administrators may do this")

    def require_manager_of(self, tenant: TenantId) -> None:
        """Refuse who does not manage this tenant; for another tenant's administrator it does not exist."""
        self.require_manager()
        if self.role is not Role.OPERATOR and self.tenant != tenant:
            raise TenantUnknownError(f"there is no tenant {tenant}")


def require_membership(role: Role, tenant: TenantId | None) -> None:
    """Refuse a role with the wrong kind of membership."""
    if (role is Role.OPERATOR) != (tenant is None):
        raise UserRefusedError(f"the role {role.value} {'needs a' if tenant is None else 'has no'} tenant")


def require_password(password: str) -> None:
    """Refuse passwords that are too short or absurdly long."""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise UserRefusedError(f"a password has {PASSWORD_MIN} to {PASSWORD_MAX} characters")


def require_subject(issuer: str, subject: str) -> None:
    """Refuse what no provider can have named, or what not every database can hold."""
    for name, text, longest in (("issuer", issuer, ISSUER_MAX), ("subject", subject, SUBJECT_MAX)):
        if not 1 <= len(text) <= longest or not text.isprintable():
            raise SubjectRefusedError(f"the {name} has not 1 to {longest} printable characters")

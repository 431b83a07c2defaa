"""Refusals of who asks: accounts, tokens, roles."""

from collections.abc import Mapping

from onboarding_api.domain.errors.refusal import RegistryError


class UserExistsError(RegistryError):
    """This user name is taken."""

    remedy = "Choose another user name."


class UserRefusedError(RegistryError):
    """Role, tenant and password do not make an account."""

    remedy = "Operators have no tenant, all other roles need one; a password has at least 8 characters."


class CredentialsRefusedError(RegistryError):
    """User name or password is wrong. Which of them is not said, and costs the same time."""

    remedy = "Check user name and password."


class TokenRefusedError(RegistryError):
    """The access token is absent, expired, foreign or forged."""

    remedy = "Sign in again: POST /v1/tokens."


class RoleRefusedError(RegistryError):
    """The account may not do this."""

    remedy = "Sign in with an account that belongs to the tenant whose device this will be."


class ManagementRefusedError(RegistryError):
    """The account may not manage this."""

    remedy = "Sign in as the tenant's administrator or, for what the operator decides, as an operator."


class AuditBrokenError(RegistryError):
    """An audit trail is not as it was written."""

    remedy = "Keep it as it is, and compare it with an earlier export and with the heads that were kept elsewhere."

    def __init__(self, sequence: int, reason: str) -> None:
        super().__init__(f"the audit trail is broken at entry {sequence}: {reason}")
        self.sequence = sequence
        self.reason = reason

    @property
    def facts(self) -> Mapping[str, object]:
        """Where it is broken, and why."""
        return {"sequence": self.sequence, "reason": self.reason}


class HeadRefusedError(RegistryError):
    """This is not where a chain could end."""

    remedy = "Give the head as `onboarding-api audit verify` printed it: SEQUENCE:HASH."


class AuditUnknownError(RegistryError):
    """There is no such audit trail, or its file cannot be read."""

    remedy = "Check the tenant's id, or the name of the file."

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


class UserUnknownError(RegistryError):
    """There is no such user."""

    remedy = "Check the name: onboarding-api user list."


class SubjectTakenError(RegistryError):
    """This subject of an OpenID provider is linked to a user."""

    remedy = "Delete that user first, or link another subject."


class SubjectRefusedError(RegistryError):
    """This cannot be who somebody is at an OpenID provider."""

    remedy = "Give --issuer and --subject exactly as `iss` and `sub` are in the provider's tokens."


class SignInLockedError(RegistryError):
    """Too many sign-ins have failed under this name or from this address, whether or not the name exists."""

    remedy = "Wait as long as Retry-After says; an operator can shorten it: onboarding-api user unlock NAME."

    def __init__(self, sentence: str, retry_after_s: int) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s

    @property
    def facts(self) -> Mapping[str, object]:
        """How long to wait, in seconds."""
        return {"retry_after": self.retry_after_s}


class RefreshRefusedError(RegistryError):
    """The refresh token is unknown, expired or used, or its session has ended. Which of these is not said."""

    remedy = "Sign in again with user name and password: POST /v1/tokens."


class OpenIdTokenRefusedError(TokenRefusedError):
    """A token of the external OpenID provider is not accepted."""

    remedy = "Get a new token for this service from your provider, or have an operator link you: user link."


class OpenIdConfigurationError(RegistryError):
    """The external OpenID provider is configured wrongly, here or there."""

    remedy = "Check --openid-issuer, --openid-audience and --openid-jwks-url against the provider's documentation."


class OpenIdUnreachableError(RegistryError):
    """The external OpenID provider's keys cannot be had at the moment."""

    remedy = "Try again shortly, or sign in with user name and password."

    def __init__(self, sentence: str, retry_after_s: int) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s

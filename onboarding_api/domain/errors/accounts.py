"""Refusals of who asks: accounts, tokens, roles."""

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

"""What is wrong with the API, or with signing in to it."""

from app_sim.errors.app_error import AppError


class PasswordMissingError(AppError):
    """There is no password to sign in with."""

    type = "password-missing"
    remedy = "Give --password-file FILE (ONBOARDING_PASSWORD_FILE), - for standard input, or run on a terminal."


class PasswordFileError(AppError):
    """A password file cannot be read."""

    type = "password-file-unreadable"
    remedy = "Check the file's name, permissions and encoding (UTF-8)."


class ApiUnreachableError(AppError):
    """No answer came from the API."""

    type = "api-unreachable"
    remedy = "Check --api (ONBOARDING_API), the network, and that onboarding-api is running."


class ApiInsecureError(AppError):
    """The password would travel in clear over a network."""

    type = "api-insecure"
    remedy = "Use https://; plain http:// is for an API on this machine."


class ApiAnswerError(AppError):
    """What answered is not the onboarding API, or another version of it."""

    type = "api-answer-unreadable"
    remedy = "Check --api (ONBOARDING_API): it must be the onboarding API's own address."

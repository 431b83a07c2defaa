"""How one operation is described: what it takes, what it answers, and which refusals it may give.

The rule kept here: what follows from how an operation lets people in, or from its having a body, is added here and
never repeated: who may, how often, how large, and that the service itself may fail.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus

from onboarding_api.domain import errors
from onboarding_api.domain.errors import RegistryError
from onboarding_api.web import refusals

Schema = Mapping[str, object]
Refusal = type[RegistryError] | HTTPStatus


class Admits(Enum):
    """Who may ask."""

    EVERYBODY = "everybody"
    MEMBERS = "members"
    """By access token."""
    MANAGERS = "managers"
    """By access token, or by name and password with each request."""


_SERVICE: tuple[Refusal, ...] = (
    HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.DatabaseBusyError,
    errors.DatabaseUnreachableError,
    errors.SealBrokenError,
    errors.SchemaOutdatedError,
)
_TOKEN: tuple[Refusal, ...] = (
    errors.TokenRefusedError,
    errors.OpenIdTokenRefusedError,
    errors.OpenIdUnreachableError,
    errors.OpenIdConfigurationError,
)
_ADMISSION: Mapping[Admits, tuple[Refusal, ...]] = {
    Admits.EVERYBODY: (),
    Admits.MEMBERS: (*_TOKEN, errors.RateExceededError),
    Admits.MANAGERS: (
        *_TOKEN,
        errors.CredentialsRefusedError,
        errors.SignInLockedError,
        errors.ManagementRefusedError,
        errors.RateExceededError,
        errors.PasswordChecksBusyError,
    ),
}
_BODY: tuple[Refusal, ...] = (
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    refusals.BodyMissingError,
    refusals.BodyRefusedError,
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; `place` is path, query or header."""

    name: str
    place: str
    schema: Schema
    description: str
    media: str | None = None
    """The media type of a query parameter that holds a document."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One way to succeed."""

    status: HTTPStatus
    description: str
    schema: Schema | None = None
    media: str = "application/json"
    headers: Mapping[str, Schema] = field(default_factory=dict)
    links: Mapping[str, Schema] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    name: str
    """Its `operationId`."""
    tag: str
    summary: str
    admits: Admits
    answers: tuple[Answer, ...]
    refusals: tuple[Refusal, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    body: Schema | None = None
    body_required: bool = True
    database: bool = True
    """Whether it needs the database at all."""

    @property
    def every_refusal(self) -> tuple[Refusal, ...]:
        """All refusals, those that need not be named with it included."""
        given = self.refusals + _ADMISSION[self.admits]
        if self.body is not None:
            given += _BODY
        return given + (_SERVICE if self.database else _SERVICE[:1])

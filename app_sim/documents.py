"""What the onboarding API says, read into types. Nothing unexpected is passed on: ApiAnswerError instead."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType, TypeVar

from app_sim.errors import ApiAnswerError, AppError
from onboarding_protocol.encoding import base64url_decode
from onboarding_protocol.identity import CHALLENGE_OCTETS
from onboarding_protocol.members import Grant

Document = Mapping[str, object]
OnboardingId = NewType("OnboardingId", str)
Read = TypeVar("Read")

PROBLEM = "urn:onboarding:problem:"
_TOLD = {"type", "message", "detail", "remedy", "step"}
CHALLENGE_EXPIRED = PROBLEM + "challenge-expired"


class ProblemError(AppError):
    """The API refused: this exception is its problem document (RFC 9457)."""

    def __init__(self, document: Document, status: int) -> None:
        sentence = _line(document, "detail") or _line(document, "title") or f"the API answered {status}"
        request = _line(document, "request")
        super().__init__(f"{sentence} (request {request})" if request else sentence)
        self.type = _line(document, "type") or "about:blank"  # type: ignore[misc]  # the server's word, not a class's
        self.title = _line(document, "title")
        self.remedy = _line(document, "remedy") or "Ask the API's operator; its log says more."
        self.status = status
        self._more = {name: value for name, value in document.items() if name not in _TOLD}

    @property
    def facts(self) -> Document:
        """The document's remaining members, such as the id under which the API has logged a fault of its own."""
        return {**self._more, "title": self.title, "status": self.status}


class OnboardingState(StrEnum):
    """How far an onboarding has come, in the API's view."""

    OPEN = "open"
    EXPIRED = "expired"
    ASSIGNED = "assigned"
    CONNECTED = "connected"


@dataclass(frozen=True, slots=True)
class RegisteredDevice:
    """A device as the API shows it to the user who holds it."""

    id: str
    tenant: str
    state: OnboardingState
    """`assigned` or `connected`."""
    document: Document = field(repr=False)
    """All that the API says, for display."""


@dataclass(frozen=True, slots=True)
class OpenedOnboarding:
    """A challenge, and the device if this user already holds it."""

    id: OnboardingId
    challenge: bytes = field(repr=False)
    device: RegisteredDevice | None


@dataclass(frozen=True, slots=True)
class Registration:
    """The API has accepted the device; the grant goes to the device unread."""

    device: RegisteredDevice
    grant: Grant = field(repr=False)


@dataclass(frozen=True, slots=True)
class OnboardingView:
    """An onboarding at one moment."""

    id: OnboardingId
    state: OnboardingState
    device: RegisteredDevice | None
    document: Document = field(repr=False)
    """All that the API says, for display."""

    @property
    def reached(self) -> OnboardingState:
        """How far the device has come: an onboarding that registers nothing shows the device it found held."""
        return self.device.state if self.state is OnboardingState.OPEN and self.device else self.state


def read_document(text: str | bytes) -> Document:
    """Read a JSON object."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ApiAnswerError("the API's answer is not JSON") from error
    if not isinstance(document, dict):
        raise ApiAnswerError("the API's answer is not a JSON object")
    return document


def read_token(document: Document) -> str:
    """Read the answer to POST /v1/tokens."""
    return _text(document, "access_token")


def read_opened(document: Document) -> OpenedOnboarding:
    """Read the answer to POST /v1/onboardings."""
    challenge = _decoded(_text(document, "challenge"), base64url_decode)
    if len(challenge) != CHALLENGE_OCTETS:
        raise ApiAnswerError(f"the API's challenge has {len(challenge)} octets, not {CHALLENGE_OCTETS}")
    return OpenedOnboarding(OnboardingId(_text(document, "id")), challenge, _held(document))


def read_registration(document: Document) -> Registration:
    """Read the answer to POST /v1/onboardings/{id}/device."""
    device, chain = _held(document), document.get("x5c")
    if device is None or not isinstance(chain, list) or not all(isinstance(item, str) for item in chain):
        raise ApiAnswerError("the API's answer lacks the device or its certificate")
    certificates = tuple(_decoded(item, lambda text: base64.b64decode(text, validate=True)) for item in chain)
    return Registration(device, Grant(_text(document, "assignment"), certificates))


def read_view(document: Document) -> OnboardingView:
    """Read an onboarding."""
    return OnboardingView(OnboardingId(_text(document, "id")), _state(document), _held(document), document)


def _held(document: Document) -> RegisteredDevice | None:
    device = document.get("device")
    if device is None:
        return None
    if not isinstance(device, dict):
        raise ApiAnswerError("the API's device is no object")
    return RegisteredDevice(_text(device, "id"), _text(device, "tenant"), _state(device), device)


def _state(document: Document) -> OnboardingState:
    try:
        return OnboardingState(_text(document, "state"))
    except ValueError as error:
        raise ApiAnswerError("the API names a state that this app does not know") from error


def _text(document: Document, name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise ApiAnswerError(f"the API's answer lacks {name}")
    return value


def _line(document: Document, name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _decoded(text: str, decode: Callable[[str], bytes]) -> bytes:
    try:
        return decode(text)
    except (ValueError, binascii.Error) as error:
        raise ApiAnswerError("the API's answer is not encoded as agreed") from error

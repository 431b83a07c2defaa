"""The onboarding resource: /v1/onboardings."""

from http import HTTPStatus

from onboarding_api.domain import errors
from onboarding_api.web import refusals
from onboarding_api.web.openapi.json_schema import ref
from onboarding_api.web.openapi.operations import Admits, Answer, Operation, Parameter, Schema
from onboarding_api.web.openapi.schemas import UUID

_ONBOARDING = Parameter("onboarding", "path", UUID, "The onboarding's id.")
_LINKS: dict[str, Schema] = {
    name: {"operationId": name, "parameters": {"onboarding": "$response.body#/id"}}
    for name in ("read-onboarding", "register-device")
}
_EVENT: Schema = {
    "type": "object",
    "properties": {
        "event": {"const": "onboarding"},
        "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": ref("Onboarding")},
    },
    "required": ["event", "data"],
}

ONBOARDING: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/v1/onboardings",
        "open-onboarding",
        "onboardings",
        "Open an onboarding for the device with this label, and get its challenge.",
        Admits.MEMBERS,
        (
            Answer(
                HTTPStatus.CREATED,
                "Opened.",
                ref("Opened"),
                headers={"Location": {"type": "string", "pattern": "^/v1/onboardings/"}},
                links=_LINKS,
            ),
        ),
        (
            refusals.MediaTypeError,
            errors.RoleRefusedError,
            errors.BootstrappingKeyRefusedError,
            errors.EndpointMissingError,
            errors.TenantDisabledError,
            errors.ConcurrentChangeError,
        ),
        body=ref("Open"),
    ),
    Operation(
        "POST",
        "/v1/onboardings/{onboarding}/device",
        "register-device",
        "onboardings",
        "Register the device that answered the challenge; the same request again gets the same answer.",
        Admits.MEMBERS,
        (
            Answer(HTTPStatus.CREATED, "Registered.", ref("Granted")),
            Answer(HTTPStatus.OK, "Registered before by the same request; the same answer.", ref("Granted")),
        ),
        (
            refusals.MediaTypeError,
            errors.RoleRefusedError,
            errors.OnboardingUnknownError,
            errors.ChallengeExpiredError,
            errors.ChallengeUsedError,
            errors.ChallengeBurntError,
            errors.SigningRequestRefusedError,
            errors.LabelProofMissingError,
            errors.LabelProofRefusedError,
            errors.DeviceOwnedElsewhereError,
            errors.KeyAlreadyRegisteredError,
            errors.ResetsBehindError,
            errors.TenantDisabledError,
            errors.DeviceDisabledError,
            errors.LimitReachedError,
            errors.TenantUnknownError,
            errors.ConcurrentChangeError,
        ),
        (_ONBOARDING,),
        ref("SignedDevice"),
    ),
    Operation(
        "GET",
        "/v1/onboardings/{onboarding}",
        "read-onboarding",
        "onboardings",
        "Read one's own onboarding.",
        Admits.MEMBERS,
        (Answer(HTTPStatus.OK, "As it stands.", ref("Onboarding")),),
        (errors.RoleRefusedError, errors.OnboardingUnknownError),
        (_ONBOARDING,),
    ),
    Operation(
        "GET",
        "/v1/onboardings/{onboarding}/events",
        "follow-onboarding",
        "onboardings",
        "Follow one's own onboarding: an event `onboarding` with each change, until nothing more can change.",
        Admits.MEMBERS,
        (Answer(HTTPStatus.OK, "Server-sent events, one with each change.", _EVENT, "text/event-stream"),),
        (errors.RoleRefusedError, errors.OnboardingUnknownError, errors.TooManyStreamsError),
        (_ONBOARDING,),
    ),
)

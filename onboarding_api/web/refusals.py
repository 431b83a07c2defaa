"""What is wrong with a request as HTTP, before any service is asked."""

from collections.abc import Mapping

from onboarding_api.domain.errors import MemberRefusedError, RegistryError


class MediaTypeError(RegistryError):
    """The body is not declared as JSON."""

    remedy = "Send Content-Type: application/json."


class ContentTypeRefusedError(RegistryError):
    """The body is not declared as JSON, on a path where Hono tells that as 400."""

    remedy = "Send Content-Type: application/json."

    @property
    def facts(self) -> Mapping[str, object]:
        """The header."""
        return {"errors": [{"member": "Content-Type", "reason": str(self)}]}


class BodyMissingError(RegistryError):
    """There is no body."""

    remedy = "Send a JSON object."

    @property
    def facts(self) -> Mapping[str, object]:
        """The whole body is what is missing."""
        return {"errors": [{"member": "", "reason": str(self)}]}


class BodyRefusedError(MemberRefusedError):
    """The body is not what this operation takes."""

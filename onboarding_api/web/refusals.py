"""What is wrong with a request as HTTP, before any service is asked."""

from collections.abc import Mapping

from onboarding_api.domain.errors import RegistryError


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


class BodyRefusedError(RegistryError):
    """The body is not what this operation takes."""

    remedy = "Correct the member named in `errors` and send the request again."

    def __init__(self, member: str, reason: str) -> None:
        super().__init__(f"{member}: {reason}" if member else reason)
        self.member = member
        self.reason = reason

    @property
    def facts(self) -> Mapping[str, object]:
        """The member and what is wrong with it."""
        return {"errors": [{"member": self.member, "reason": self.reason}]}

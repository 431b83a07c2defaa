"""The base of all refusals."""

from collections.abc import Mapping
from typing import ClassVar


class RegistryError(Exception):
    """Base of all refusals; never raised itself."""

    remedy: ClassVar[str]

    @property
    def facts(self) -> Mapping[str, object]:
        """Machine-readable particulars of this refusal."""
        return {}


class MemberRefusedError(RegistryError):
    """Base of refusals of one member of what was sent, or of all of it if `member` is empty; never raised itself."""

    remedy = "Correct the member named in `errors` and send the request again."

    def __init__(self, member: str, reason: str) -> None:
        super().__init__(f"{member}: {reason}" if member else reason)
        self.member = member
        self.reason = reason

    @property
    def facts(self) -> Mapping[str, object]:
        """The member and what is wrong with it."""
        return {"errors": [{"member": self.member, "reason": self.reason}]}

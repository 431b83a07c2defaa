"""Versions as preconditions: what `If-Match` says about the version a resource must have."""

from dataclasses import dataclass

from onboarding_api.domain.errors import PreconditionRefusedError, VersionMismatchError
from onboarding_api.domain.identifiers import Version

ANY = "*"


@dataclass(frozen=True, slots=True)
class Precondition:
    """The version that a resource must have to be changed; None means any."""

    expected: str | None = None

    @classmethod
    def of(cls, header: str | None) -> "Precondition":
        """Read If-Match: Hono's bare UUID, the quoted form of RFC 9110 section 13.1.1, or `*`.

        Anything else names a version that no resource has. Empty is refused: the server hands on as empty what is not
        ASCII, and who sends nothing has lost the version that he meant to send.
        """
        if header is None:
            return cls()
        text = header.strip(" \t")  # nothing else is blank in HTTP
        if not text:
            raise PreconditionRefusedError("If-Match is empty, or has other characters than ASCII")
        if text == ANY:
            return cls()
        if len(text) >= 2 and text.startswith('"') and text.endswith('"'):
            text = text[1:-1]
        return cls(text)

    @property
    def version(self) -> Version | None:
        """The version named, if one is."""
        return None if self.expected is None else Version(self.expected)

    def require(self, version: Version) -> None:
        """Refuse a resource in another version."""
        if self.expected not in (None, version):
            raise VersionMismatchError("the resource has changed: it is not in the version that If-Match names")

"""Versions as preconditions: what `If-Match` says about the version a resource must have."""

from dataclasses import dataclass

from onboarding_api.domain.errors import VersionMismatchError
from onboarding_api.domain.identifiers import Version

ANY = "*"


@dataclass(frozen=True, slots=True)
class Precondition:
    """The version that a resource must have to be changed; None and `*` mean any."""

    expected: str | None = None

    @classmethod
    def of(cls, header: str | None) -> "Precondition":
        """Read If-Match: Hono's bare UUID, or the quoted form of RFC 9110 section 13.1.1. Empty is absent."""
        text = (header or "").strip(" \t")  # nothing else is blank in HTTP, and what is not blank names a version
        if len(text) >= 2 and text.startswith('"') and text.endswith('"'):
            text = text[1:-1]
        return cls(None if text in ("", ANY) else text)

    @property
    def version(self) -> Version | None:
        """The version named, if one is."""
        return None if self.expected is None else Version(self.expected)

    def require(self, version: Version) -> None:
        """Refuse a resource in another version."""
        if self.expected not in (None, version):
            raise VersionMismatchError("the resource has changed: it is not in the version that If-Match names")

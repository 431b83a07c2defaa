"""Sessions: what a refresh token is good for, and for how long (RFC 9700 section 4.14).

The rules kept here:
1. Each use of a refresh token replaces it. The next one is computed from the one that was shown, under a key of ours,
   so that the same request has the same answer: whoever lost an answer asks again.
2. For that a token may come back for a minute, as long as its successor has not been used. Any other token of the
   session that comes back was copied by somebody: the session ends for everybody.
3. A session ends a week after its last use, and a month after its password was typed.
4. Tokens are stored as SHA-256 only; each has 256 random bits, so nothing slower is needed.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from enum import Enum

from onboarding_api.domain.errors import RefreshRefusedError
from onboarding_api.domain.identifiers import Randomness, Timestamp, UserId

SESSION_LIFE_S = 30 * 24 * 3600
SESSION_IDLE_S = 7 * 24 * 3600
GRACE_S = 60
SESSIONS_MAX = 64
"""Of one user; with one more the oldest ends."""
_HANDLE, _SECRET = 16, 32


class Ending(Enum):
    """Why a session ended."""

    SIGNED_OUT = "signed-out"
    REUSED = "refresh-token-reused"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - a reason
    DISABLED = "user-disabled"
    TOO_MANY = "too-many-sessions"


class Use(Enum):
    """What showing a token means."""

    NEXT = "next"
    AGAIN = "again"
    REUSE = "reuse"


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token: a handle that finds its session, and a secret that changes."""

    octets: bytes = field(repr=False)

    @classmethod
    def first(cls, randomness: Randomness) -> "RefreshToken":
        """Return a new session's token."""
        return cls(randomness(_HANDLE + _SECRET))

    @classmethod
    def of(cls, text: str) -> "RefreshToken":
        """Read a token that somebody shows."""
        try:
            octets = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise RefreshRefusedError("the refresh token is not valid") from error
        if len(octets) != _HANDLE + _SECRET:
            raise RefreshRefusedError("the refresh token is not valid")
        return cls(octets)

    @property
    def text(self) -> str:
        """The token as it travels."""
        return base64.urlsafe_b64encode(self.octets).decode("ascii")

    @property
    def handle(self) -> bytes:
        """What finds the session, hashed."""
        return hashlib.sha256(self.octets[:_HANDLE]).digest()

    @property
    def digest(self) -> bytes:
        """What is stored of the token."""
        return hashlib.sha256(self.octets).digest()

    def successor(self, key: bytes) -> "RefreshToken":
        """Return the token that replaces this one."""
        return RefreshToken(self.octets[:_HANDLE] + hmac.digest(key, self.octets, "sha256"))


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it is stored."""

    id: str
    user: UserId
    current: bytes
    previous: bytes | None
    rotated_at: Timestamp
    expires_at: Timestamp
    ended_at: Timestamp | None

    def live(self, now: Timestamp) -> bool:
        """Tell whether the session goes on."""
        return self.ended_at is None and now < self.expires_at and now < self.rotated_at + SESSION_IDLE_S

    def judge(self, shown: RefreshToken, now: Timestamp) -> Use:
        """Say what it means that this token is shown."""
        if hmac.compare_digest(shown.digest, self.current):
            return Use.NEXT
        if self.previous is not None and hmac.compare_digest(shown.digest, self.previous):
            return Use.AGAIN if now < self.rotated_at + GRACE_S else Use.REUSE
        return Use.REUSE

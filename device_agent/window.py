"""The provisioning window: opened by a person, closed by itself. Pure; `now` is a monotonic clock in seconds."""

from dataclasses import dataclass, replace

FAILURES_MAX = 5
"""Exchanges that may fail in one window. Somebody who has not held the device has few tries."""


@dataclass(frozen=True, slots=True)
class Window:
    """An opened window."""

    closes_at: float
    failures: int = 0

    @classmethod
    def opened(cls, now: float, seconds: float) -> "Window":
        """Return the window that a press of the button opens at `now`."""
        return cls(now + seconds)

    def failed(self) -> "Window":
        """Return the window after one more failed exchange."""
        return replace(self, failures=self.failures + 1)

    @property
    def used_up(self) -> bool:
        """Whether too many exchanges failed."""
        return self.failures >= FAILURES_MAX

    def is_open(self, now: float) -> bool:
        """Whether a phone may still come."""
        return now < self.closes_at and not self.used_up

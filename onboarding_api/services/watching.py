"""Following an onboarding: its present view at once, then one per change, until nothing more can change.

The rules kept here: no more streams than there are threads to hold them; a stream ends by itself at `connected`, at
`expired`, or after a stated time; a slot is given back however the stream ends, even if it never began.
"""

import threading
from contextlib import ExitStack
from dataclasses import dataclass

from onboarding_api.domain.accounts import Principal
from onboarding_api.domain.errors import OnboardingUnknownError, TooManyStreamsError
from onboarding_api.domain.identifiers import Clock, OnboardingId
from onboarding_api.domain.onboardings import TERMINAL, OnboardingView
from onboarding_api.services.onboardings import Onboardings
from onboarding_api.storage.changes import Changes

RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How many streams one process holds, and for how long."""

    count: int
    life_s: int = 5 * 60
    """The life of a challenge: whoever needs longer opens the stream again."""
    keep_alive_s: float = 15
    """Also how soon a stream whose client has gone is noticed."""


class Following:
    """The views of one onboarding, as they change; None means that nothing has changed for a while.

    An iterator with `close` and not a generator: closing a generator that never ran does not run its `finally`.
    """

    def __init__(self, watching: "Watching", principal: Principal, onboarding: OnboardingId, slot: ExitStack) -> None:
        self._watching = watching
        self._wanted = (principal, onboarding)
        self._slot = slot
        self._seen = watching.changes.generation
        self._last: OnboardingView | None = None
        self._ends_at = watching.clock() + watching.limits.life_s

    def __iter__(self) -> "Following":
        return self

    def __next__(self) -> OnboardingView | None:
        watching = self._watching
        if self._last is None:
            return self._read()
        if self._last.state in TERMINAL or watching.clock() >= self._ends_at or watching.ending:
            raise StopIteration
        quiet_until = watching.clock() + watching.limits.keep_alive_s
        while True:
            last, woken = self._last, watching.changes.wait(self._seen, watching.limits.keep_alive_s)
            if (view := self._read()) != last:
                return view
            if watching.ending:
                raise StopIteration
            if not woken or watching.clock() >= quiet_until:
                return None

    def close(self) -> None:
        """Give the slot back; may be called more than once."""
        self._slot.close()

    def _read(self) -> OnboardingView:
        self._seen = self._watching.changes.generation
        try:
            self._last = self._watching.onboardings.read(*self._wanted, self._watching.clock())
        except OnboardingUnknownError:
            raise StopIteration from None
        return self._last


class Watching:
    """Hands out a bounded number of streams."""

    def __init__(self, onboardings: Onboardings, changes: Changes, limits: StreamLimits, clock: Clock) -> None:
        self.onboardings = onboardings
        self.changes = changes
        self.limits = limits
        self.clock = clock
        self.ending = False
        self._slots = threading.BoundedSemaphore(limits.count)

    def end(self) -> None:
        """End all streams: their clients open them again, at another server."""
        self.ending = True
        self.changes.wake()

    def follow(self, principal: Principal, onboarding: OnboardingId) -> Following:
        """Return the views of one's own onboarding; the caller must close them."""
        self.onboardings.read(principal, onboarding, self.clock())
        if not self._slots.acquire(blocking=False):
            raise TooManyStreamsError("this server holds as many open streams as it can", RETRY_AFTER_S)
        with ExitStack() as slot:
            slot.callback(self._slots.release)
            slot.enter_context(self.changes.listening())
            return Following(self, principal, onboarding, slot.pop_all())

"""Hashing passwords without hurting anybody else: on threads of their own that yield the processor to all others.

The rules kept here: few are hashed at once, because each takes 64 MiB or tens of milliseconds; few wait, and whoever
comes then is refused at once instead of holding a thread; some places are kept for those who are known, so that
strangers cannot take them all. Argon2 and bcrypt let other threads run while they work.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from onboarding_api.domain.errors import PasswordChecksBusyError

_AT_ONCE = 2
_WAITING = 8
STRANGERS = 7
"""How many of those who work and wait may be strangers."""
_NICENESS = 10
_RETRY_S = 2
Result = TypeVar("Result")


class Hashing:
    """A few threads that only hash."""

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._threads = ThreadPoolExecutor(at_once, "hashing", _yield_to_others)
        self._places = at_once + _WAITING
        self._lock = threading.Lock()
        self.present = 0
        """How many work and wait."""
        self._turns = threading.BoundedSemaphore(at_once)

    @contextmanager
    def turn(self, *, known: bool = True) -> Iterator[None]:
        """Wait to be one of the few; refuse if too many wait already, a stranger sooner."""
        with self._lock:
            if self.present >= (self._places if known else min(STRANGERS, self._places)):
                raise PasswordChecksBusyError("too many passwords are being checked at the moment", _RETRY_S)
            self.present += 1
        try:
            with self._turns:
                yield
        finally:
            with self._lock:
                self.present -= 1

    def run(self, work: Callable[[], Result]) -> Result:
        """Return what `work` returns; whoever calls has a turn. Only hashing: what is done here is done slowly."""
        return self._threads.submit(work).result()


def _yield_to_others() -> None:
    if sys.platform == "linux":  # where a thread has a priority of its own
        os.nice(_NICENESS)

"""Letting requests in: how often an account and a tenant may ask, and how many of a tenant's requests run at once.

The rules kept here: every request of a known account passes here before it does anything that costs; whoever asks too
often is told when to come back; a tenant's requests take turns among themselves, so that however many it sends, its
neighbours meet no more than a few of them. An operator belongs to no tenant and is a neighbour of his own.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from onboarding_api.domain.accounts import Principal
from onboarding_api.domain.errors import RateExceededError
from onboarding_api.services.buckets import Buckets, Rate

_BUSY_RETRY_S = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """What one account and one tenant may ask for; None is no limit."""

    account: Rate | None = None
    tenant: Rate | None = None
    working: int = 2
    """Requests of one tenant that run at once, in each worker."""
    waiting: int = 8
    """Requests of one tenant that wait for their turn, in each worker; they hold threads, so they are few."""


class _Lane:
    """The requests of one tenant in this worker."""

    def __init__(self, limits: Limits) -> None:
        self.turns = threading.Semaphore(limits.working)
        self.present = 0


class Admission:
    """Lets the requests of one worker process in."""

    def __init__(self, limits: Limits, buckets: Buckets, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._buckets = buckets
        self._clock = clock
        self._lanes: dict[str, _Lane] = {}
        self._lock = threading.Lock()

    @contextmanager
    def entering(self, principal: Principal) -> Iterator[None]:
        """Wait for the tenant's turn and keep it until the request is answered, or refuse."""
        tenant = f"tenant {principal.tenant}" if principal.tenant else f"account {principal.user}"
        self._take(f"account {principal.user}", self._limits.account, "account", "--account-rate")
        if principal.tenant:
            self._take(tenant, self._limits.tenant, "tenant", "--tenant-rate")
        lane = self._join(tenant)
        try:
            with lane.turns:
                yield
        finally:
            self._leave(tenant, lane)

    def _take(self, key: str, rate: Rate | None, whose: str, option: str) -> None:
        if rate is None:
            return
        wait_s = self._buckets.take(key, rate, self._clock())
        if wait_s:
            sentence = f"this {whose} asks more often than {rate.per_s:g} times a second ({option})"
            raise RateExceededError(sentence, max(1, round(wait_s + 0.5)))

    def _join(self, tenant: str) -> _Lane:
        with self._lock:
            lane = self._lanes.setdefault(tenant, _Lane(self._limits))
            if lane.present >= self._limits.working + self._limits.waiting:
                raise RateExceededError("too many requests of this tenant are running already", _BUSY_RETRY_S)
            lane.present += 1
            return lane

    def _leave(self, tenant: str, lane: _Lane) -> None:
        with self._lock:
            lane.present -= 1
            if not lane.present:
                del self._lanes[tenant]

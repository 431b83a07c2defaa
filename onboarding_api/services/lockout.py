"""Refused sign-ins: counted in the database, so that restarts and other processes know of them.

The rules kept here: what is counted and for how long is in `domain/sign_in_limits.py`; whoever must wait is told so
whether or not the name exists, and his password is not even looked at; each refusal is in the audit trail, those of
names that do not exist up to a number per address and network.
"""

from dataclasses import dataclass

from onboarding_api.domain.accounts import Account
from onboarding_api.domain.audit import SERVICE_CHAIN, Action, Actor, Event, Origin, chain_of
from onboarding_api.domain.errors import ConcurrentChangeError, SignInLockedError
from onboarding_api.domain.identifiers import Timestamp
from onboarding_api.domain.sign_in_limits import KNOWN_S, Buckets, Count, Kind
from onboarding_api.services.management.attempts import until_settled
from onboarding_api.storage.audit import record
from onboarding_api.storage.database import Database
from onboarding_api.storage.sign_in_counts import find_counts, forget_counts, write_count

_RENEWED_S = 24 * 3600
"""How much of being known may pass before it is written again: not every sign-in shall write."""
_KEPT_S = 24 * 3600
"""How long a forgotten count stays: a server whose clock is ahead must not throw away what the others count."""
_LEEWAY_S = 60
"""How far ahead a failure may lie before it is written anew: until then waiting it out costs no more than that."""


@dataclass(frozen=True, slots=True)
class Lockout:
    """Counts, and refuses whoever failed too often."""

    database: Database

    def require_open(self, name: str, origin: Origin, now: Timestamp) -> bool:
        """Refuse an attempt that comes too early; tell whether who has this name is known there."""
        buckets = Buckets.of(name, origin.address)
        with self.database.reading() as connection:
            counts = find_counts(connection, buckets.kinds())
        if wait := buckets.wait_s(counts, now):
            if any(count.failed_at > now + _LEEWAY_S for count in counts.values()):
                self._set_right(buckets, now)
            raise SignInLockedError("too many attempts have failed", wait)
        return buckets.known(counts, now)

    def refused(self, name: str, account: Account | None, origin: Origin, now: Timestamp) -> None:
        """Count a refused attempt."""
        buckets = Buckets.of(name, origin.address)

        def attempt() -> None:
            with self.database.writing() as connection:
                forget_counts(connection, Timestamp(now - _KEPT_S))
                counts = find_counts(connection, buckets.kinds(), lock=True)
                after = {}
                for bucket, kind in buckets.kinds().items():
                    after[bucket] = counts.get(bucket, Count()).seen(now).after_failure(kind, now)
                    write_count(connection, bucket, after[bucket], new=bucket not in counts)
                if account is not None or after[buckets.address].failures <= Kind.ADDRESS.value[0]:
                    record(connection, _nobody(origin), now, _event(account, after[buckets.pair], now))

        until_settled(attempt)

    def succeeded(self, name: str, origin: Origin, now: Timestamp) -> None:
        """Forget what failed here, and know who comes from where."""
        pair = Buckets.of(name, origin.address).pair
        with self.database.reading() as connection:
            before = find_counts(connection, [pair]).get(pair)
        if before is not None and not before.failures and before.known_until > now + KNOWN_S - _RENEWED_S:
            return
        try:
            with self.database.writing() as connection:
                write_count(connection, pair, Count().after_success(now), new=before is None)
        except ConcurrentChangeError:
            return  # another sign-in from there was first and wrote the same

    def _set_right(self, buckets: Buckets, now: Timestamp) -> None:
        """Begin the waiting now that a clock which was ahead has put off."""

        def attempt() -> None:
            with self.database.writing() as connection:
                for bucket, count in find_counts(connection, buckets.kinds(), lock=True).items():
                    write_count(connection, bucket, count.seen(now), new=False)

        until_settled(attempt)


def _event(account: Account | None, pair: Count, now: Timestamp) -> Event:
    action = Action.SIGN_IN_LOCKED if pair.blocked_until > now else Action.SIGN_IN_REFUSED
    details: dict[str, str | int | None] = {"failures": pair.failures, "wait": max(0, pair.blocked_until - now)}
    if account is None:
        return Event(SERVICE_CHAIN, action, "user/", details=details)
    return Event(chain_of(account.tenant), action, f"user/{account.name}", details=details)


def _nobody(origin: Origin) -> Actor:
    """Whoever fails to sign in has not shown who he is."""
    return Actor(None, None, "anonymous", origin)

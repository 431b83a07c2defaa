"""When signing in is refused for a while: the counting, pure.

The rules kept here:
1. Failures are counted three times: by name and address together, by address, and by name. Beyond a free number each
   one doubles the wait, up to a longest.
2. Who has signed in from an address before (within 30 days) is known there, and only his own failures there count: no
   stranger elsewhere, and nobody who tries other names at the same address, can keep him out.
3. By name alone the longest wait is a minute. It slows those who try one name from many places to one attempt a
   minute; its owner is asked to share that only where he has never signed in before.
4. A name that does not exist is counted like one that does.
5. A failure that lies ahead of our clock was counted by a clock that is ahead, and is taken for one of this moment: no
   clock makes anybody wait longer than the longest.
"""

import hashlib
import ipaddress
from dataclasses import dataclass, replace
from enum import Enum

from onboarding_api.domain.identifiers import Timestamp

_NEVER = Timestamp(0)
KNOWN_S = 30 * 24 * 3600
FORGOTTEN_S = 2 * 3600
"""After so long without a failure nothing is held against anybody; longer than the longest wait."""
_IPV6_NETWORK = 64
"""The least that one customer gets, so changing addresses within it costs nothing (RFC 6177)."""


class Kind(Enum):
    """What is counted together: how many failures are free, and the longest wait in seconds."""

    PAIR = (5, 15 * 60)
    ADDRESS = (20, 15 * 60)
    NAME = (50, 60)

    def wait_s(self, failures: int) -> int:
        """Return how long nobody may try after so many failures."""
        free, longest = self.value
        return 0 if failures < free else int(min(2 ** min(failures - free, 30), longest))


@dataclass(frozen=True, slots=True)
class Count:
    """The failures of one bucket."""

    failures: int = 0
    failed_at: Timestamp = _NEVER
    blocked_until: Timestamp = _NEVER
    known_until: Timestamp = _NEVER

    @property
    def forgotten_at(self) -> Timestamp:
        """When the count may be thrown away."""
        return Timestamp(max(self.failed_at + FORGOTTEN_S, self.known_until))

    def seen(self, now: Timestamp) -> "Count":
        """Return the count with its failure in the present, should it lie in the future."""
        if self.failed_at <= now:
            return self
        return replace(self, failed_at=now, blocked_until=Timestamp(self.blocked_until - self.failed_at + now))

    def after_failure(self, kind: Kind, now: Timestamp) -> "Count":
        """Return the count with one failure more."""
        failures = 1 if now >= self.failed_at + FORGOTTEN_S else self.failures + 1
        wait = kind.wait_s(failures)
        return Count(failures, now, Timestamp(now + wait) if wait else _NEVER, self.known_until)

    def after_success(self, now: Timestamp) -> "Count":
        """Return the count of a name and address that belong together."""
        return Count(known_until=Timestamp(now + KNOWN_S))


@dataclass(frozen=True, slots=True)
class Buckets:
    """The three names under which one attempt is counted; hashed, because people type passwords as names."""

    pair: bytes
    address: bytes
    name: bytes

    @classmethod
    def of(cls, name: str, address: str | None) -> "Buckets":
        """Return the buckets of an attempt."""
        network = _network(address)
        return cls(_bucket("pair", name, network), _bucket("address", network), _bucket("name", name))

    def kinds(self) -> dict[bytes, Kind]:
        """Return the buckets in the order in which they are locked."""
        kinds = {self.pair: Kind.PAIR, self.address: Kind.ADDRESS, self.name: Kind.NAME}
        return dict(sorted(kinds.items()))

    def known(self, counts: dict[bytes, Count], now: Timestamp) -> bool:
        """Tell whether who has this name has signed in from this address before."""
        return counts.get(self.pair, Count()).known_until > now

    def wait_s(self, counts: dict[bytes, Count], now: Timestamp) -> int:
        """Return how long this attempt would have to wait; 0 if it may be judged now."""
        asked = [counts.get(self.pair, Count())]
        if not self.known(counts, now):
            asked += [counts.get(self.address, Count()), counts.get(self.name, Count())]
        return max(0, *(each.seen(now).blocked_until - now for each in asked))


def _bucket(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()


def _network(address: str | None) -> str:
    if address is None:
        return "unknown"
    parsed = ipaddress.ip_address(address)
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((int(parsed), _IPV6_NETWORK), strict=False))

"""Token buckets that all worker processes of one server share.

The rules kept here: a bucket is one moment in shared memory (the "theoretical arrival time" of the generic cell rate
algorithm, ITU-T I.371), so taking needs no history; the table never grows; a worker that is killed in the middle of
taking blocks nobody, because the kernel gives its lock back. Keys find their bucket by a keyed digest, so nobody can
choose whom to share one with.
"""

import fcntl
import hashlib
import mmap
import os
import struct
import threading
from dataclasses import dataclass

from onboarding_api.domain.identifiers import Randomness

_SLOTS = 1 << 16
"""Half a megabyte. With 1,000 busy keys, one in a hundred shares a bucket with another, and has it half the time."""
_MOMENT = struct.Struct("<d")


@dataclass(frozen=True, slots=True)
class Rate:
    """How often per second, and how many at once after a rest."""

    per_s: float
    burst: int

    @classmethod
    def of(cls, per_s: float) -> "Rate | None":
        """Return a rate whose burst is two seconds' worth; 0 is no limit."""
        return cls(per_s, max(1, round(2 * per_s))) if per_s > 0 else None


class Buckets:
    """A table of buckets; made before the workers are forked, it is one table for all of them."""

    def __init__(self, randomness: Randomness) -> None:
        self._secret = randomness(16)
        self._file = os.memfd_create("onboarding-buckets", os.MFD_CLOEXEC)
        os.ftruncate(self._file, _SLOTS * _MOMENT.size)
        self._table = mmap.mmap(self._file, _SLOTS * _MOMENT.size)
        self._thread = threading.Lock()

    def take(self, key: str, rate: Rate, now: float) -> float:
        """Take one and return 0, or take nothing and return in how many seconds there will be one."""
        place = self._place(key)
        with self._thread:
            fcntl.lockf(self._file, fcntl.LOCK_EX, _MOMENT.size, place)
            try:
                (full_at,) = _MOMENT.unpack_from(self._table, place)
                full_at = max(full_at, now)
                wait_s: float = full_at - now - (rate.burst - 1) / rate.per_s
                if wait_s > 1e-9:
                    return wait_s
                _MOMENT.pack_into(self._table, place, full_at + 1 / rate.per_s)
                return 0.0
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, _MOMENT.size, place)

    def close(self) -> None:
        """Give the memory back."""
        self._table.close()
        os.close(self._file)

    def _place(self, key: str) -> int:
        digest = hashlib.blake2b(key.encode(), digest_size=4, key=self._secret).digest()
        return int.from_bytes(digest, "big") % _SLOTS * _MOMENT.size

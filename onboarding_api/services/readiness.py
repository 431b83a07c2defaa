"""Whether this process can do its work now: the database answers, its tables are the newest, the keys open.

Strangers may ask, so the answer is kept for a second. A server that is about to end says so first, for balancers.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from onboarding_api.domain.errors import RegistryError, SchemaOutdatedError
from onboarding_api.domain.sealing import Seal
from onboarding_api.services.signing_keys import open_signing_keys
from onboarding_api.services.token_keys import require_token_keys
from onboarding_api.storage.database import Database
from onboarding_api.storage.migrations import require_current

_KEPT_S = 1.0


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason not to be ready."""

    check: str
    reason: str
    remedy: str


class Readiness:
    """Knows what stands in the way."""

    def __init__(self, database: Database, seal: Seal, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._seal = seal
        self._clock = clock
        self._draining = False
        self._kept: tuple[float, list[Obstacle]] | None = None
        self._lock = threading.Lock()

    def drain(self) -> None:
        """From now on say that this process is about to end."""
        self._draining = True

    def obstacles(self) -> list[Obstacle]:
        """Return every reason why this process should get no requests."""
        if self._draining:
            return [Obstacle("draining", "this server is about to end", "Send requests to another one.")]
        with self._lock:
            now = self._clock()
            if self._kept is None or now - self._kept[0] >= _KEPT_S:
                self._kept = now, self._look()
            return self._kept[1]

    def _look(self) -> list[Obstacle]:
        try:
            require_current(self._database)
        except SchemaOutdatedError as error:
            return [_obstacle("schema", error)]
        except RegistryError as error:
            return [_obstacle("database", error)]
        try:
            open_signing_keys(self._database, self._seal)
            require_token_keys(self._database, self._seal)
        except RegistryError as error:
            return [_obstacle("keys", error)]
        return []


def _obstacle(check: str, error: RegistryError) -> Obstacle:
    return Obstacle(check, str(error), error.remedy)

"""Learning that somebody committed, in whichever process.

While anyone listens, one thread per process watches SQLite's `PRAGMA data_version`, which changes when another
connection commits, and wakes the listeners. On PostgreSQL triggers notify and that thread listens (r0002). Listeners
read what they wait for themselves: a wake-up promises nothing.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from onboarding_api.storage.database import Database

CHANNEL = "onboarding"
_LISTEN_S = 0.2
"""How soon the thread notices that nobody listens any more."""
POLL_S = 0.05
"""Twenty looks a second cost some 0.3 ms of CPU; nobody sees a twentieth of a second on a phone."""


class Changes:
    """A counter of commits that can be waited on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changed = threading.Condition()
        self._generation = 0
        self._listeners = 0
        self._watcher: threading.Thread | None = None

    @property
    def generation(self) -> int:
        """The number of changes seen so far; pass it to `wait` after reading what you wait for."""
        with self._changed:
            return self._generation

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Keep the watcher running."""
        with self._changed:
            self._listeners += 1
            if self._watcher is None:
                watch = self._watch_versions if self._database.is_sqlite else self._watch_notifications
                self._watcher = threading.Thread(target=self._run, args=(watch,), name="database-changes", daemon=True)
                self._watcher.start()
        try:
            yield
        finally:
            with self._changed:
                self._listeners -= 1
                self._changed.notify_all()

    def wait(self, seen: int, timeout_s: float) -> bool:
        """Return True once there was a change after generation `seen`, False when the time is up."""
        with self._changed:
            return self._changed.wait_for(lambda: self._generation != seen, timeout_s)

    def wake(self) -> None:
        """Wake all who wait, without a change."""
        self._announce()

    def _run(self, watch: Callable[[], None]) -> None:
        """Watch; if that fails, let the next listener start it again."""
        try:
            watch()
        finally:
            with self._changed:
                if self._watcher is threading.current_thread():
                    self._watcher = None

    def _watch_versions(self) -> None:
        with self._database.reading() as connection:
            version = connection.exec_driver_sql("PRAGMA data_version").scalar()
            self._announce()  # what was committed before this first look would otherwise go unnoticed
            while self._wanted(POLL_S):
                newest = connection.exec_driver_sql("PRAGMA data_version").scalar()
                if newest != version:
                    version = newest
                    self._announce()

    def _watch_notifications(self) -> None:
        with self._database.reading() as connection:
            connection.exec_driver_sql(f"LISTEN {CHANNEL}")
            self._announce()
            driver = connection.connection.driver_connection
            while driver is not None and self._wanted(0):
                for _ in driver.notifies(timeout=_LISTEN_S, stop_after=1):
                    self._announce()
            connection.invalidate()  # nobody shall get a connection from the pool that still listens

    def _wanted(self, rest_s: float) -> bool:
        """Rest; tell whether anyone still listens, and resign in the same breath if not."""
        with self._changed:
            self._changed.wait_for(lambda: self._listeners == 0, rest_s)
            if self._listeners == 0 or self._database.closed:
                self._watcher = None
                return False
            return True

    def _announce(self) -> None:
        with self._changed:
            self._generation += 1
            self._changed.notify_all()

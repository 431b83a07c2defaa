"""Learning that somebody committed, in whichever process.

While anyone listens, one thread per process watches SQLite's `PRAGMA data_version`, which changes when another
connection commits, and wakes the listeners. They read what they wait for themselves: a wake-up promises nothing.
On other databases listeners only see their own timeouts, until LISTEN/NOTIFY takes the place of `_watch`.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from onboarding_api.storage.database import Database

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
            if self._watcher is None and self._database.is_sqlite:
                self._watcher = threading.Thread(target=self._watch, name="database-changes", daemon=True)
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

    def _watch(self) -> None:
        try:
            with self._database.reading() as connection:
                version = connection.exec_driver_sql("PRAGMA data_version").scalar()
                self._announce()  # what was committed before this first look would otherwise go unnoticed
                while self._wanted():
                    newest = connection.exec_driver_sql("PRAGMA data_version").scalar()
                    if newest != version:
                        version = newest
                        self._announce()
        except SQLAlchemyError:
            with self._changed:
                self._watcher = None
            raise

    def _wanted(self) -> bool:
        """Rest for one poll interval; tell whether anyone still listens, and resign in the same breath if not."""
        with self._changed:
            self._changed.wait_for(lambda: self._listeners == 0, POLL_S)
            if self._listeners == 0:
                self._watcher = None
                return False
            return True

    def _announce(self) -> None:
        with self._changed:
            self._generation += 1
            self._changed.notify_all()

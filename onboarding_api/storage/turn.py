"""Whose turn it is to write, among the processes that share a SQLite file.

The kernel knows no end to waiting for a lock, so who finds it taken has a thread wait for him. One thread waits at a
time; if it gets the turn when nobody wants it any more, it gives it back at once.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from onboarding_api.domain.errors import DatabaseBusyError, DatabaseUnusableError


class Turn:
    """A lock file. Of one process, one thread at a time asks for it."""

    def __init__(self, path: Path, patience_s: float) -> None:
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DatabaseUnusableError(f"cannot write beside the database: {error.strerror}: {path}") from error
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._thread_waits = self._wanted = self._granted = self._closed = False

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn, without polling, and give it back."""
        self._take()
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Forget the lock file."""
        with self._changed:
            self._closed = True
            if not self._thread_waits:
                os.close(self._file)

    def _take(self) -> None:
        with self._changed:
            if not self._thread_waits:
                with suppress(BlockingIOError):
                    fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                self._thread_waits = True
                threading.Thread(target=self._wait, name="database-turn", daemon=True).start()
            self._wanted = True
            granted = self._changed.wait_for(lambda: self._granted, self._patience_s)
            self._wanted = self._granted = False
        if not granted:
            raise DatabaseBusyError("somebody else has been writing to the database for too long")

    def _wait(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        with self._changed:
            self._thread_waits = False
            if self._closed:
                os.close(self._file)
            elif self._wanted:
                self._granted = True
                self._changed.notify_all()
            else:
                fcntl.flock(self._file, fcntl.LOCK_UN)

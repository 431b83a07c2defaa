"""Connections and transactions: the one place that begins and commits.

Writers take turns. SQLite allows one at a time, and its busy handler polls with growing sleeps, which under load
keeps single requests waiting for seconds. So threads queue for the one writing connection of their process, and
processes for a lock file: the next one wakes at once, and the kernel frees the lock if its holder is killed.
Commits are durable before they are acknowledged: write-ahead log with synchronous=FULL.

On PostgreSQL nobody waits for a turn. READ COMMITTED is enough, because every rule is held by a key, by an update that
names the version it expects (the second of two waits, finds another version and is done again), or by a locked row.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, OperationalError

from onboarding_api.domain.errors import ConcurrentChangeError, DatabaseUnreachableError, DatabaseUnusableError

__all__ = ["Connection", "Database"]

_KINDS = (("sqlite", "pysqlite"), ("postgresql", "psycopg"))
_RIVALRY = ("40001", "40P01")
"""PostgreSQL's serialization failure and deadlock (appendix A): done again, as after any other rivalry."""
_BUSY_MS = 10_000
_CHECKPOINT_PAGES = 8192
"""32 MiB of log between checkpoints, not 4: a registration writes a dozen pages, and the pages near the roots of the
indexes are written again each time, so a longer log is copied into the database with far fewer writes."""
_WRITERS = 8
"""PostgreSQL lets as many write at once; each only waits for the rows that it names."""
_READERS = 32
"""Connections kept for reading; a stream borrows one only while it reads."""


class Database:
    """A database and the two ways to use it."""

    def __init__(self, url: str) -> None:
        try:
            address = make_url(url)
            dialect = address.get_dialect()
        except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
            raise DatabaseUnusableError("the database URL is not one") from error
        if (dialect.name, dialect.driver) not in _KINDS:
            raise DatabaseUnusableError("the database is neither SQLite nor PostgreSQL through psycopg")
        self.closed = False
        self._turn: _Turn | None = None
        self.is_sqlite = address.get_backend_name() == "sqlite"
        if self.is_sqlite:
            if not address.database or address.database == ":memory:":
                raise DatabaseUnusableError("SQLite in memory cannot be shared by several connections")
            path = Path(address.database)
            _create_private(path)
            self._readers = create_engine(address, isolation_level="AUTOCOMMIT", pool_size=_READERS, max_overflow=-1)
            self._writer = create_engine(address, pool_size=1, max_overflow=0, pool_timeout=_BUSY_MS / 1000)
            self._turn = _Turn(path.with_name(path.name + "-turn"))
            event.listen(self._readers, "connect", _prepare_reader)
            event.listen(self._writer, "connect", _prepare_writer)
            event.listen(self._writer, "begin", _begin_immediate)
        else:
            self._readers = create_engine(address, isolation_level="AUTOCOMMIT", pool_size=_READERS)
            self._writer = create_engine(address, isolation_level="READ COMMITTED", pool_size=_WRITERS)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection whose every statement sees the newest commit; it must not write."""
        with self._told_in_our_words(), self._readers.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Lend a connection in a transaction that commits at the end, or rolls back if anything is raised."""
        with (
            self._told_in_our_words(),
            self._writer.connect() as connection,
            self._next_turn(),
            connection.begin(),
        ):
            yield connection

    def close(self) -> None:
        """Give up all connections, and have those who watch for changes give up theirs."""
        self.closed = True
        self._readers.dispose()
        self._writer.dispose()
        if self._turn:
            self._turn.close()

    @contextmanager
    def _told_in_our_words(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            raise ConcurrentChangeError("another request changed the same rows") from error
        except OperationalError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state in _RIVALRY:
                raise ConcurrentChangeError("another request changed the same rows") from error
            if not self.is_sqlite and (error.connection_invalidated or state is None):
                raise DatabaseUnreachableError("the database cannot be reached at the moment") from error
            raise

    def _next_turn(self) -> AbstractContextManager[None]:
        return self._turn.taken() if self._turn else nullcontext()


class _Turn:
    """Whose turn it is to write, among the processes that share a SQLite file."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DatabaseUnusableError(f"cannot write beside the database: {error.strerror}: {path}") from error

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn, without polling, and give it back."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Forget the lock file."""
        os.close(self._file)


def _create_private(path: Path) -> None:
    """Create a database that does not exist for its owner alone; SQLite gives the files beside it the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise DatabaseUnusableError(f"cannot create the database: {error.strerror}: {path}") from error


def _prepare_reader(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    connection.execute("PRAGMA journal_mode = WAL")


def _prepare_writer(connection: sqlite3.Connection, record: object) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin_immediate`, not by the driver
    _prepare_reader(connection, record)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")

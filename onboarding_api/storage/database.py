"""Connections and transactions: the one place that begins and commits.

Writers take turns. SQLite allows one at a time, and its busy handler polls with growing sleeps, which under load
keeps single requests waiting for seconds. So threads queue for the one writing connection of their process, and
processes for a lock file: the next one wakes at once, and the kernel frees the lock if its holder is killed.
Commits are durable before they are acknowledged: write-ahead log with synchronous=FULL.

On PostgreSQL nobody waits for a turn. READ COMMITTED is enough, because every rule is held by a key, by an update that
names the version it expects (the second of two waits, finds another version and is done again), or by a locked row.

Nobody waits for ever: not for a connection, the turn, a lock, or what a search reads. Who waited too long is told so.
"""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from onboarding_api.domain.errors import (
    ConcurrentChangeError,
    DatabaseBusyError,
    DatabaseUnreachableError,
    DatabaseUnusableError,
)
from onboarding_api.storage.turn import Turn

__all__ = ["Connection", "Database"]

_KINDS = (("sqlite", "pysqlite"), ("postgresql", "psycopg"))
_RIVALRY = ("40001", "40P01")
"""PostgreSQL's serialization failure and deadlock (appendix A): done again, as after any other rivalry."""
_WAITED_TOO_LONG = ("55P03", "57014")
"""PostgreSQL's lock_not_available, by lock_timeout, and query_canceled, by statement_timeout."""
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
PATIENCE_S = 10.0
"""How long anybody waits for a connection, for the turn, or for a lock."""
STATEMENT_S = 30
"""How long PostgreSQL may take for one statement that reads. Writing has no such bound: a tenant with very many
devices is deleted by one statement, and nothing in a request makes one that writes costly."""
_CHECKPOINT_PAGES = 8192
"""32 MiB of log between checkpoints, not 4: a registration writes a dozen pages, and the pages near the roots of the
indexes are written again each time, so a longer log is copied into the database with far fewer writes."""
_WRITERS = 8
"""PostgreSQL lets as many write at once; each only waits for the rows that it names."""
_READERS = 32
"""Connections kept for reading; a stream borrows one only while it reads."""

_engine = partial(create_engine, hide_parameters=True)
"""No error names the values of a statement: one that nobody foresaw is logged as it is."""
_as_it_reads = partial(json.dumps, ensure_ascii=False)
"""SQLite compares the names of members as they are written (`storage/searching.py`)."""


class Database:
    """A database and the two ways to use it."""

    def __init__(self, url: str, patience_s: float = PATIENCE_S) -> None:
        try:
            address = make_url(url)
            dialect = address.get_dialect()
        except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
            raise DatabaseUnusableError("the database URL is not one") from error
        if (dialect.name, dialect.driver) not in _KINDS:
            raise DatabaseUnusableError("the database is neither SQLite nor PostgreSQL through psycopg")
        self.closed = False
        self._turn: Turn | None = None
        self.is_sqlite = address.get_backend_name() == "sqlite"
        if self.is_sqlite:
            if not address.database or address.database == ":memory:":
                raise DatabaseUnusableError("SQLite in memory cannot be shared by several connections")
            path = Path(address.database)
            _create_private(path)
            engine = partial(_engine, address, json_serializer=_as_it_reads)
            self._readers = engine(isolation_level="AUTOCOMMIT", pool_size=_READERS, max_overflow=-1)
            self._writer = engine(pool_size=1, max_overflow=0, pool_timeout=patience_s)
            self._turn = Turn(path.with_name(path.name + "-turn"), patience_s)
            event.listen(self._readers, "connect", partial(_prepare_reader, patience_s))
            event.listen(self._writer, "connect", partial(_prepare_writer, patience_s))
            event.listen(self._writer, "begin", _begin_immediate)
        else:
            options = {"pool_timeout": patience_s}
            self._readers = _engine(address, isolation_level="AUTOCOMMIT", pool_size=_READERS, **options)
            self._writer = _engine(address, isolation_level="READ COMMITTED", pool_size=_WRITERS, **options)
            event.listen(self._readers, "connect", partial(_limit, "statement_timeout", STATEMENT_S))
            event.listen(self._writer, "connect", partial(_limit, "lock_timeout", patience_s))

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
        except PoolTimeoutError as error:
            raise DatabaseBusyError("too many others wait for the database") from error
        except OperationalError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state in _WAITED_TOO_LONG or getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _BUSY:
                raise DatabaseBusyError("the database has been busy for too long") from error
            if state in _RIVALRY:
                raise ConcurrentChangeError("another request changed the same rows") from error
            if not self.is_sqlite and (error.connection_invalidated or state is None):
                raise DatabaseUnreachableError("the database cannot be reached at the moment") from error
            raise

    def _next_turn(self) -> AbstractContextManager[None]:
        return self._turn.taken() if self._turn else nullcontext()


def _create_private(path: Path) -> None:
    """Create a database that does not exist for its owner alone; SQLite gives the files beside it the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise DatabaseUnusableError(f"cannot create the database: {error.strerror}: {path}") from error


def _prepare_reader(patience_s: float, connection: sqlite3.Connection, _record: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {int(patience_s * 1000)}")
    connection.execute("PRAGMA journal_mode = WAL")


def _prepare_writer(patience_s: float, connection: sqlite3.Connection, record: object) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin_immediate`, not by the driver
    _prepare_reader(patience_s, connection, record)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _limit(setting: str, limit_s: float, connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT set_config(%s, %s, false)", (setting, f"{int(limit_s * 1000)}ms"))
    cursor.close()
    connection.commit()

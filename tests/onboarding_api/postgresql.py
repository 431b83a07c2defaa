"""A PostgreSQL server for the tests, from Debian's binaries: nothing is installed, nothing listens but a socket.

Each test gets the settled registry back: its rows are copied from a schema that keeps them, which takes a tenth of
the time of a new database. Nothing here is durable (fsync is off), which only costs what a power cut would.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from onboarding_api.storage.tables import metadata

_HURRIED = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300 -c listen_addresses="
_SORTED = ("--locale", "C.UTF-8", "--locale-provider", "icu", "--icu-locale", "en-US")
"""As production may be: texts are sorted as people expect, which is not bytewise."""
USER = "registry"


def binary(name: str) -> str:
    """Find a program of PostgreSQL, or say which package has it."""
    newest = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    found = str(newest[0]) if newest else shutil.which(name)
    if found is None:
        raise AssertionError(f"{name} is missing; these tests need PostgreSQL: apt-get install postgresql")
    return found


class PostgreSQL:
    """A running server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._databases = 0
        self._current: str | None = None

    @classmethod
    @contextmanager
    def started(cls) -> Iterator["PostgreSQL"]:
        folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        user = unprivileged()
        if user is not None:
            os.chown(folder, user, -1)
        data = str(folder / "data")
        run(user, [binary("initdb"), "-D", data, "-U", USER, "-A", "trust", "-N", "-E", "UTF8", *_SORTED])
        options = f"-k {folder} {_HURRIED}"
        run(user, [binary("pg_ctl"), "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start"])
        try:
            yield cls(folder)
        finally:
            run(user, [binary("pg_ctl"), "-D", data, "-w", "-m", "immediate", "stop"])
            shutil.rmtree(folder)

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://{USER}@/{name}?host={self.folder}"

    def create(self, name: str | None = None, template: str = "template1") -> str:
        """Make a database, and return its URL."""
        self._databases += 1
        name = name or f"test{self._databases}"
        with self._connect("postgres") as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        return self.url(name)

    def keep(self, name: str) -> None:
        """Keep the present rows of this database for `fresh_copy`."""
        with self._connect(name) as connection:
            connection.execute(b"CREATE SCHEMA kept")
            for table in metadata.tables:
                connection.execute(f"CREATE TABLE kept.{table} AS TABLE public.{table}".encode())

    def fresh_copy(self) -> str:
        """Return a database with exactly the rows that were kept."""
        if self._current is not None:
            try:
                self._restore(self._current)
            except psycopg.Error:
                self._current = None
        if self._current is None:
            self._current = f"copy{self._databases}"
            self.create(self._current, "settled")
        return self.url(self._current)

    def _restore(self, name: str) -> None:
        tables = [table.name for table in metadata.sorted_tables]
        copied = [f"INSERT INTO public.{table} SELECT * FROM kept.{table}" for table in tables]
        # As a replica, no trigger derives rows that are copied anyway, or keeps the audit trail from being emptied.
        empty = f"SET lock_timeout = '5s'; SET session_replication_role = replica; TRUNCATE {', '.join(tables)}"
        with self._connect(name) as connection:
            connection.execute("; ".join([empty, *copied]).encode())

    def _connect(self, name: str) -> psycopg.Connection:
        return psycopg.connect(f"host={self.folder} dbname={name} user={USER}", autocommit=True)


def run(user: int | None, command: list[str]) -> None:
    done = subprocess.run(command, user=user, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.stderr or done.stdout}"


def unprivileged() -> int | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return names.get("postgres", names["nobody"])

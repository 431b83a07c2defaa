"""A PostgreSQL primary that dies, a synchronous standby that is promoted, and a server that finds it by itself."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest

from onboarding_api.storage.database import Database
from tests.onboarding_api.actors import FactoryDevice
from tests.onboarding_api.conftest import settle
from tests.onboarding_api.postgresql import USER, binary, run, unprivileged
from tests.onboarding_api.processes import HttpUser, serving

_OPTIONS = "-c fsync=off -c listen_addresses= -c wal_level=replica -c max_connections=100"


@dataclass
class Pair:
    """A primary and its standby, each behind a socket in its own folder."""

    folder: Path
    user: int | None

    @property
    def primary(self) -> Path:
        return self.folder / "primary"

    @property
    def standby(self) -> Path:
        return self.folder / "standby"

    @property
    def url(self) -> str:
        """Both of them: whoever connects gets the one that can write."""
        hosts = f"host={self.primary}&host={self.standby}"
        return f"postgresql+psycopg://{USER}@/postgres?{hosts}&target_session_attrs=read-write"

    def start(self) -> None:
        for folder in (self.primary, self.standby):
            folder.mkdir()
            if self.user is not None:
                os.chown(folder, self.user, -1)
        self._run("initdb", "-D", self._data(self.primary), "-U", USER, "-A", "trust", "-N", "-E", "UTF8")
        self._control(self.primary, "start")
        copy = ("-h", str(self.primary), "-U", USER, "-D", self._data(self.standby))
        self._run("pg_basebackup", *copy, "--write-recovery-conf", "--no-sync", "--checkpoint=fast")
        self._control(self.standby, "start")
        with psycopg.connect(f"host={self.primary} dbname=postgres user={USER}", autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")

    def primary_dies(self) -> None:
        self._run("pg_ctl", "-D", self._data(self.primary), "-w", "-m", "immediate", "stop")

    def promote(self) -> None:
        self._run("pg_ctl", "-D", self._data(self.standby), "-w", "promote")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self._data(self.standby), "-w", "-m", "immediate", "stop")

    def _control(self, folder: Path, verb: str) -> None:
        options = f"-k {folder} {_OPTIONS}"
        self._run("pg_ctl", "-D", self._data(folder), "-w", "-l", str(folder / "log"), "-o", options, verb)

    def _run(self, program: str, *arguments: str) -> None:
        run(self.user, [binary(program), *arguments])

    @staticmethod
    def _data(folder: Path) -> str:
        return str(folder / "data")


@pytest.fixture
def pair() -> Iterator[Pair]:
    folder, user = Path(tempfile.mkdtemp(prefix="failover-")), unprivileged()
    if user is not None:
        os.chown(folder, user, -1)
    pair = Pair(folder, user)
    pair.start()
    yield pair
    pair.stop()
    shutil.rmtree(folder)


async def test_what_was_acknowledged_survives_the_primary(pair: Pair, tmp_path: Path) -> None:
    settle(tmp_path, pair.url)
    (tmp_path / "database.url").write_text(pair.url)
    acknowledged: list[str] = []

    async def onboard_until_cancelled(url: str) -> None:
        async with HttpUser.signed_in(url) as ann:
            while True:
                device = FactoryDevice()
                try:
                    answer = await ann.http.post("/v1/onboardings", json=device.opening())
                    if answer.status_code == 201:
                        answer = await ann.register(answer.json(), device.answer(answer.json()))
                except httpx.TransportError:
                    continue
                assert answer.status_code in (201, 503), answer.text
                if answer.status_code == 201:
                    acknowledged.append(answer.json()["device"]["id"])

    async def until(count: int, clients: list[asyncio.Task[None]]) -> None:
        while len(acknowledged) < count:
            done, _ = await asyncio.wait(clients, timeout=0.01)
            for client in done:
                client.result()

    async with serving(tmp_path) as (_, url), asyncio.timeout(60):
        clients = [asyncio.create_task(onboard_until_cancelled(url)) for _ in range(4)]
        await until(20, clients)
        await asyncio.to_thread(pair.primary_dies)
        before = set(acknowledged)
        await asyncio.to_thread(pair.promote)
        await until(len(acknowledged) + 20, clients)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
    with closing(Database(pair.url)) as database, database.reading() as connection:
        stored = set(connection.exec_driver_sql("SELECT device_id FROM hardware").scalars())
    assert before
    assert set(acknowledged) <= stored

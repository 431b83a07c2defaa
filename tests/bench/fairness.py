"""What one tenant's flood costs its neighbour: the neighbour's p50 and p99 alone, then beside each kind of flood.

The neighbour asks at a steady pace (reads, a search, a write); the flood sends as fast as it is answered, over many
connections, from a process of lower priority: it stands for other machines, whose processors are not the server's.

Run: python -m tests.bench.fairness [SECONDS]
"""

import base64
import http.client
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import insert

from onboarding_api.domain.accounts import Role
from onboarding_api.domain.identifiers import TenantId, Timestamp
from onboarding_api.key_file import create_key_file, load_seal
from onboarding_api.services.accounts import Accounts
from onboarding_api.services.signing_keys import ensure_signing_keys
from onboarding_api.services.tenants import Tenants
from onboarding_api.storage.database import Database
from onboarding_api.storage.migrations import upgrade
from onboarding_api.storage.tables import devices
from tests.world.world import free_port

SECONDS = 8.0
PER_S = 40
WORKERS = 2
CONNECTIONS = 32
DEVICES = 5_000
_PASSWORD = "correct horse battery"  # a fixed one, for a registry that lives for seconds
_FLOODED, _NEIGHBOUR = "acme", "globex"


@dataclass(frozen=True)
class Request:
    """One request, to be sent again and again."""

    method: str
    path: str
    body: bytes | None = None
    user: str = ""
    password: str = _PASSWORD

    def send(self, link: http.client.HTTPConnection, token: str) -> int:
        """Send it and read the answer; return the status."""
        basic = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}" if self.user else f"Bearer {token}"}
        if self.body is not None:
            headers["Content-Type"] = "application/json"
        link.request(self.method, self.path, self.body, headers)
        answer = link.getresponse()
        answer.read()
        return answer.status


def _passwords() -> bytes:
    secrets = [{"pwd-plain": f"password {number}"} for number in range(10)]
    return json.dumps([{"type": "hashed-password", "auth-id": "a", "secrets": secrets}]).encode()


_EVERYTHING = f"/v1/devices/{_FLOODED}?pageSize=200&sortJson=%7B%22field%22%3A%22%2Fext%2Fname%22%7D"
FLOODS: dict[str, Request] = {
    "reads": Request("GET", f"/v1/devices/{_FLOODED}/d1"),
    "writes": Request("PUT", f"/v1/devices/{_FLOODED}/d1", b'{"ext": {"n": 1}}'),
    "sorted searches over all devices": Request("GET", _EVERYTHING),
    "passwords to hash, ten a request": Request("PUT", f"/v1/credentials/{_FLOODED}/d1", _passwords()),
    "wrong passwords": Request("GET", f"/v1/devices/{_FLOODED}/d1", user="amy", password="wrong"),
}
_NEIGHBOURS = (
    Request("GET", f"/v1/devices/{_NEIGHBOUR}/d1"),
    Request("GET", f"/v1/devices/{_NEIGHBOUR}?pageSize=5"),
    Request("GET", f"/v1/tenants/{_NEIGHBOUR}"),
    Request("PUT", f"/v1/devices/{_NEIGHBOUR}/d1", b'{"ext": {"n": 1}}'),
)


@dataclass(frozen=True)
class Row:
    """The neighbour beside one kind of flood, and what became of the flood."""

    name: str
    p50_ms: float
    p99_ms: float
    flood_per_s: float
    refused: float
    """The share of the flood that was answered 429 or 503."""


def measure(seconds: float) -> Iterator[Row]:
    """Measure the neighbour alone, then beside each flood; each on a new server, after which nothing lingers."""
    for name, flood in {"nothing": None, **FLOODS}.items():
        with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as port:
            yield _row(name, port, flood, seconds)


def _row(name: str, port: int, flood: Request | None, seconds: float) -> Row:
    statuses: Counter[int] = Counter()
    token = _token(port, "gus")
    if flood is None:
        durations = _neighbour(port, token, seconds)
    else:
        parent, child = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=_flood, args=(port, flood, child))
        process.start()
        parent.recv()
        durations = _neighbour(port, token, seconds)
        parent.send("enough")
        statuses = parent.recv()
        process.join()
    cuts = statistics.quantiles(durations, n=100)
    answered = sum(statuses.values())
    refused = (statuses[429] + statuses[503]) / answered if answered else 0.0
    return Row(name, cuts[49] * 1e3, cuts[98] * 1e3, answered / seconds, refused)


def _neighbour(port: int, token: str, seconds: float) -> list[float]:
    """Send at a steady pace over two connections; a late request counts from when it was due."""
    durations: list[list[float]] = [[], []]
    begun = time.perf_counter()

    def one(number: int) -> None:
        link = http.client.HTTPConnection("127.0.0.1", port)
        for count in range(int(seconds * PER_S / 2)):
            due = begun + (count + number / 2) * 2 / PER_S
            time.sleep(max(0.0, due - time.perf_counter()))
            status = _NEIGHBOURS[count % len(_NEIGHBOURS)].send(link, token)
            assert status in (200, 204), status
            durations[number].append(time.perf_counter() - due)

    _together([lambda number=number: one(number) for number in range(2)])  # type: ignore[misc]
    return durations[0] + durations[1]


def _flood(port: int, request: Request, told: Connection) -> None:
    token = _token(port, "amy")
    os.nice(10)
    statuses: Counter[int] = Counter()
    enough = threading.Event()

    def one() -> None:
        link = http.client.HTTPConnection("127.0.0.1", port)
        with suppress(OSError):  # the server has gone, and so has the flood
            while not enough.is_set():
                statuses[request.send(link, token)] += 1

    threads = [threading.Thread(target=one) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    enough.wait(1)
    statuses.clear()
    told.send("begun")
    told.recv()
    told.send(Counter(statuses))
    enough.set()
    for thread in threads:
        thread.join()


def _together(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _token(port: int, user: str) -> str:
    link = http.client.HTTPConnection("127.0.0.1", port)
    body = json.dumps({"username": user, "password": _PASSWORD})
    link.request("POST", "/v1/tokens", body, {"Content-Type": "application/json"})
    token: str = json.loads(link.getresponse().read())["access_token"]
    return token


@contextmanager
def _server(folder: Path) -> Iterator[int]:
    _prepare(folder)
    port = free_port()
    command: list[str | Path] = [Path(sys.executable).parent / "onboarding-api", "serve", "--bind", f"127.0.0.1:{port}"]
    command += ["--database", f"sqlite:///{folder}/registry.db", "--key-file", folder / "registry.key"]
    command += ["--workers", str(WORKERS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline().startswith("ready")
            yield port
        finally:
            server.terminate()


def _prepare(folder: Path) -> None:
    database, now = Database(f"sqlite:///{folder}/registry.db"), Timestamp(int(time.time()))
    upgrade(database)
    create_key_file(folder / "registry.key", os.urandom)
    seal = load_seal(folder / "registry.key")
    ensure_signing_keys(database, seal, os.urandom, now)
    for tenant, user, count in ((_FLOODED, "amy", DEVICES), (_NEIGHBOUR, "gus", 10)):
        Tenants(database, seal, os.urandom).create(TenantId(tenant), "mqtts://127.0.0.1:8883", None, now)
        Accounts(database, os.urandom).create(user, _PASSWORD, Role.TENANT_ADMIN, TenantId(tenant), now)
        with database.writing() as connection:
            connection.execute(insert(devices), [_device(tenant, number, now) for number in range(count)])
    database.close()


def _device(tenant: str, number: int, now: Timestamp) -> dict[str, object]:
    return {
        "tenant_id": tenant,
        "device_id": f"d{number}",
        "version": f"v{number}",
        "credentials_version": f"c{number}",
        "document": {"enabled": True, "ext": {"name": f"device {number * 7919 % DEVICES}"}},
        "created_at": now,
        "auto_provisioned": False,
        "notification_sent": False,
    }


def lines(rows: Iterator[Row]) -> Iterator[str]:
    """Write the figures as a table, a line as soon as it is known; ratios are to the neighbour alone."""
    yield f"{'the neighbour beside a flood of':38}{'p50 ms':>9}{'p99 ms':>9}{'ratio':>8}{'flood/s':>9}{'refused':>9}"
    alone = None
    for row in rows:
        alone = alone or row.p99_ms
        figures = f"{row.p50_ms:9.2f}{row.p99_ms:9.2f}{row.p99_ms / alone:8.2f}"
        yield f"{row.name:38}{figures}{row.flood_per_s:9.0f}{row.refused:9.1%}"


def main() -> None:
    """Print the table."""
    seconds = float(sys.argv[1]) if __name__ == "__main__" and len(sys.argv) > 1 else SECONDS
    for line in lines(measure(seconds)):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

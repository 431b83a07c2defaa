"""What a registry of many devices costs, over real HTTP on both databases: each figure beside that of the first size.

Run: python -m tests.bench.registry [--full] [--requests N]. `--full` goes on to 10^6 devices; `--requests` says after
how many requests the memory of the server is read for the last time.
"""

import argparse
import base64
import contextlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import text

from onboarding_api.domain.accounts import Role
from onboarding_api.domain.identifiers import TenantId, Timestamp
from onboarding_api.key_file import create_key_file, load_seal
from onboarding_api.services.accounts import Accounts
from onboarding_api.services.signing_keys import ensure_signing_keys
from onboarding_api.services.tenants import Tenants
from onboarding_api.storage.database import Database
from onboarding_api.storage.migrations import upgrade
from tests.onboarding_api.postgresql import PostgreSQL

SIZES, FULL = (10_000, 100_000), (10_000, 100_000, 1_000_000)
ROUNDS, SLICE = 300, 50
PAGES = 1_000
PAGE = 10
"""Ten a page, so that 10^4 devices have a page 1,000."""
BATCH = 10_000
REQUESTS = 3_000
_PASSWORD = "correct horse battery"
_SPREAD = 2_654_435_761
"""Odd, so that multiplying by it permutes the numbers of 32 bits: ids come in no order, as random ones would."""


def device_id(number: int) -> str:
    """Return the id of one of the devices that `fill` makes."""
    return f"{number * _SPREAD % 2**32:08x}"


@dataclass(frozen=True)
class Measured:
    """How long one kind of request takes."""

    p50_ms: float
    p99_ms: float
    quiet_ms: float
    """The median of the quietest sixth: what else the machine does tells least here, so ratios are of this."""


class Client:
    """One connection of somebody who sends name and password each time."""

    def __init__(self, port: int) -> None:
        self._link = http.client.HTTPConnection("127.0.0.1", port)
        secret = base64.b64encode(f"root:{_PASSWORD}".encode()).decode()
        self._headers = {"Authorization": f"Basic {secret}", "Content-Type": "application/json"}

    def send(self, method: str, path: str, body: object = None, expected: int = 200) -> bytes:
        """Send a request, and return the answer's body."""
        self._link.request(method, path, None if body is None else json.dumps(body), self._headers)
        answer = self._link.getresponse()
        octets = answer.read()
        assert answer.status == expected, octets
        return octets


def measure(url: str, sizes: Sequence[int], requests: int) -> tuple[dict[int, dict[str, Measured]], list[str]]:
    """Measure each size of registry, and the server's memory at the last."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        url = url or f"sqlite:///{folder}/registry.db"
        _settle(folder, url)
        figures, before = {}, 0
        for size in sizes:
            _fill(url, before, size)
            before = size
            with _server(folder, url) as (port, _):
                figures[size] = {kind: _time(port, once) for kind, once in _requests(size).items()}
        with _server(folder, url) as (port, pid):
            return figures, _memory(port, pid, sizes[-1], requests)


def _settle(folder: Path, url: str) -> None:
    database = Database(url)
    upgrade(database)
    create_key_file(folder / "registry.key", os.urandom)
    seal, now = load_seal(folder / "registry.key"), Timestamp(int(time.time()))
    ensure_signing_keys(database, seal, os.urandom, now)
    Tenants(database, seal, os.urandom).create(TenantId("acme"), "mqtts://127.0.0.1:8883", None, now)
    Accounts(database, os.urandom).create("root", _PASSWORD, Role.OPERATOR, None, now)
    database.close()


def _fill(url: str, first: int, beyond: int) -> None:
    """Make devices `first` to `beyond` by plain SQL: 100 of each batch, one in a hundred of each brand."""
    database = Database(url)
    if database.is_sqlite:
        numbers = "WITH RECURSIVE numbers (n) AS (VALUES ({0}) UNION ALL SELECT n + 1 FROM numbers WHERE n < {1} - 1)"
        hexadecimal, source = f"printf('%08x', n * {_SPREAD} % 4294967296)", "numbers"
    else:
        numbers, source = "", "generate_series({0}, {1} - 1) AS n"
        hexadecimal = f"lpad(to_hex(n::bigint * {_SPREAD} % 4294967296), 8, '0')"
    document = (
        """'{{"enabled": true, "ext": {{"serial": "SN-' || n || '", "batch": ' || (n / 100) || ', "brand": "brand-' """
        """|| (n % 100) || '"}}}}'"""
    )
    secrets = """'{{"secrets": [{{"id": "s", "pwd-hash": "AAAA", "hash-function": "sha-256"}}]}}'"""
    if not database.is_sqlite:
        document, secrets = f"CAST({document} AS jsonb)", f"CAST({secrets} AS jsonb)"
    devices = (
        "INSERT INTO devices (tenant_id, device_id, version, credentials_version, document, created_at,"
        f" auto_provisioned, notification_sent) {numbers} SELECT 'acme', {hexadecimal}, 'v', 'v', {document},"
        f" 1750000000 + n, false, false FROM {source}"
    )
    credentials = (
        f"INSERT INTO credentials (tenant_id, type, auth_id, device_id, document) {numbers}"
        f" SELECT 'acme', 'hashed-password', 'sensor-' || n, {hexadecimal}, {secrets} FROM {source}"
    )
    for start in range(first, beyond, BATCH):
        with database.writing() as connection:
            for statement in (devices, credentials):
                connection.execute(text(statement.format(start, min(beyond, start + BATCH))))
    if not database.is_sqlite:
        with database.reading() as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")  # autovacuum would have done it by and by
    database.close()


def _requests(size: int) -> Mapping[str, Callable[[Client, int], object]]:
    def some(number: int) -> str:
        return device_id(number * 7919 % size)

    def find(field: str, value: object) -> str:
        return f"/v1/devices/acme?filterJson={quote(json.dumps({'field': field, 'value': value}))}&pageSize={PAGE}"

    path = "/v1/devices/acme"
    brand = find("/ext/brand", "brand-7")
    last = size // PAGE - 2
    ranks = {"page 1": 0, f"page {PAGES:,}": PAGES - 1, "last page": last}
    pages = {name: f"{path}?pageSize={PAGE}&pageOffset={index}" for name, index in ranks.items()}
    deep = f"{path}?pageSize={PAGE}&pageToken={base64.urlsafe_b64encode(b'fff').decode()}"
    newest = f"{path}?pageSize={PAGE}&sortJson={quote(json.dumps({'field': '/status/created', 'direction': 'desc'}))}"
    new = {"ext": {"serial": "new", "batch": -1, "brand": "brand-new"}}
    return {
        "create": lambda client, n: client.send("POST", f"{path}/new-{size}-{n}", new, 201),
        "get": lambda client, n: client.send("GET", f"{path}/{some(n)}"),
        "credentials of a device": lambda client, n: client.send("GET", f"/v1/credentials/acme/{some(n)}"),
        **{name: partial(_get, page) for name, page in pages.items()},
        "page by token, from 93 %": lambda client, _: client.send("GET", deep),
        "newest first": lambda client, _: client.send("GET", newest),
        "one match": lambda client, n: client.send("GET", find("/ext/serial", f"SN-{n * 7919 % size}")),
        "100 matches": lambda client, n: client.send("GET", find("/ext/batch", n * 7919 % size // 100)),
        "id begins with": lambda client, n: client.send("GET", find("/id", some(n)[:7] + "*")),
        "enabled": lambda client, _: client.send("GET", find("/enabled", True)),
        "1 % match": lambda client, _: client.send("GET", brand),
        "1 % match, by token": lambda client, _: client.send("GET", brand + "&pageToken="),
    }


def _get(path: str, client: Client, _: int) -> bytes:
    return client.send("GET", path)


def _time(port: int, once: Callable[[Client, int], object]) -> Measured:
    client, taken = Client(port), []
    once(client, ROUNDS)  # the first one also opens the connection
    for number in range(ROUNDS):
        begun = time.perf_counter()
        once(client, number)
        taken.append(time.perf_counter() - begun)
    cuts = statistics.quantiles(taken, n=100)
    quiet = min(statistics.median(taken[start : start + SLICE]) for start in range(0, ROUNDS, SLICE))
    return Measured(cuts[49] * 1e3, cuts[98] * 1e3, quiet * 1e3)


def _memory(port: int, pid: int, size: int, requests: int) -> list[str]:
    """Read the resident memory of the workers at a tenth, a half and all of the requests."""
    client, kinds, lines = Client(port), list(_requests(size).values())[1:], []
    for number in range(1, requests + 1):
        kinds[number % len(kinds)](client, number)
        if number in (requests // 10, requests // 2, requests):
            lines.append(f"{number:>10,} requests {_resident_mib(pid):>8.1f} MiB")
    return lines


def _resident_mib(pid: int) -> float:
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    statuses = [Path(f"/proc/{worker}/status").read_text() for worker in workers]
    return sum(int(status.partition("VmRSS:")[2].split()[0]) for status in statuses) / 1024


@contextlib.contextmanager
def _server(folder: Path, url: str) -> Iterator[tuple[int, int]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    command: list[str | Path] = [Path(sys.executable).parent / "onboarding-api", "serve", "--bind", f"127.0.0.1:{port}"]
    command += ["--database", url, "--key-file", folder / "registry.key", "--issuer", "bench"]
    command += ["--account-rate", "0", "--tenant-rate", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline().startswith("ready")
            yield port, server.pid
        finally:
            server.terminate()


def table(kind: str, figures: Mapping[int, Mapping[str, Measured]], memory: Sequence[str]) -> str:
    """Return the figures of one database as a table."""
    first, *others = figures
    head = f"{kind + ': p50 / p99 ms, ratio':34}" + "".join(f"{f'{size:,}':>26}" for size in figures)
    lines = [head]
    for name, begun in figures[first].items():
        line = f"{name:34}{begun.p50_ms:>11.2f} /{begun.p99_ms:>6.2f}       "
        for size in others:
            each = figures[size][name]
            line += f"{each.p50_ms:>11.2f} /{each.p99_ms:>6.2f}{each.quiet_ms / begun.quiet_ms:>5.1f} x"
        lines.append(line)
    return "\n".join([*lines, "memory of the server:", *memory])


def run(sizes: Sequence[int] = SIZES, requests: int = REQUESTS) -> None:
    """Measure both databases, and print a table each."""
    print(table("SQLite", *measure("", sizes, requests)), "\n", flush=True)
    with PostgreSQL.started() as server:
        print(table("PostgreSQL", *measure(server.create("registry"), sizes, requests)))


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make bench", description="Print figures.")
    parser.add_argument("--full", action="store_true", help="10^6 devices, too: some ten minutes")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="for the memory of the server")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] = ()) -> None:
    """Print the tables."""
    asked = options(arguments)
    run(FULL if asked.full else SIZES, asked.requests)


if __name__ == "__main__":
    main(sys.argv[1:])

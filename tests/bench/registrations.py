"""Registrations per second over real HTTP, beside the floor of what cannot be left out, measured in the same run.

The floor is one process that only verifies the signing request, verifies the label proof, issues the certificate and
commits one row durably. The load is prepared beforehand (challenges, keys, signatures), so that the two cores are
the server's, apart from a client that only writes and reads sockets.

Run: python -m tests.bench.registrations
"""

import base64
import contextlib
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_api.domain.accounts import Role
from onboarding_api.domain.certificates import create_authority, issue_leaf, new_serial
from onboarding_api.domain.identifiers import (
    AuthorityId,
    DeviceKey,
    HardwareId,
    OnboardingId,
    TenantId,
    Timestamp,
    new_device_id,
    new_uuid,
)
from onboarding_api.domain.onboardings import CHALLENGE_LIFE_S, OpenOnboarding
from onboarding_api.domain.ownership import Claimant
from onboarding_api.key_file import create_key_file, load_seal
from onboarding_api.services.accounts import Accounts
from onboarding_api.services.signing_keys import ensure_signing_keys
from onboarding_api.services.tenants import Tenants
from onboarding_api.services.token_keys import TokenKeys
from onboarding_api.services.tokens import Tokens
from onboarding_api.storage.database import Database
from onboarding_api.storage.migrations import upgrade
from onboarding_api.storage.onboardings import open_onboarding
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.identity import (
    create_signing_request,
    sign_label_proof,
    verify_label_proof,
    verify_signing_request,
)

SECONDS = 5.0
CONNECTIONS = 8
WORKERS = 2
PREPARED = 8_000
FLOOR_ROUNDS = 1_000
_ACME = TenantId("acme")


@dataclass(frozen=True)
class Prepared:
    """One registration, ready to be sent."""

    onboarding: str
    label: BootstrappingKey
    challenge: bytes
    request: bytes
    proof: bytes


@dataclass(frozen=True)
class Rate:
    """How often per second, and how long each took."""

    per_second: float
    p50_ms: float
    p99_ms: float
    worst_ms: float

    @classmethod
    def of(cls, durations: list[float], elapsed: float) -> "Rate":
        """Summarise durations in seconds."""
        cuts = statistics.quantiles(durations, n=100)
        return cls(len(durations) / elapsed, cuts[49] * 1e3, cuts[98] * 1e3, max(durations) * 1e3)


@dataclass(frozen=True)
class Figures:
    """What one run measured."""

    http: Rate
    floor: Rate


def measure(seconds: float = SECONDS, prepared: int = PREPARED) -> Figures:
    """Measure the floor, then the server."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        load, token = _prepare(folder, prepared)
        floor = _measure_floor(folder, load[:FLOOR_ROUNDS])
        with _server(folder) as port:
            return Figures(_measure_http(port, token, load, seconds), floor)


def _prepare(folder: Path, count: int) -> tuple[list[Prepared], str]:
    database = Database(f"sqlite:///{folder}/registry.db")
    upgrade(database)
    create_key_file(folder / "registry.key", os.urandom)
    seal, now = load_seal(folder / "registry.key"), Timestamp(int(time.time()))
    ensure_signing_keys(database, seal, os.urandom, now)
    Tenants(database, seal, os.urandom).create(_ACME, "mqtts://127.0.0.1:8883", None, now)
    account = Accounts(database, os.urandom).create("ann", "correct horse battery", Role.OWNER, _ACME, now)
    claimant = Claimant(_ACME, account.id)
    load = [_prepare_one() for _ in range(count)]
    with database.writing() as connection:
        for each in load:
            expires_at = Timestamp(now + CHALLENGE_LIFE_S)
            hardware = HardwareId(each.label.key_hash)
            opened = OpenOnboarding(OnboardingId(each.onboarding), hardware, each.challenge, expires_at, None)
            open_onboarding(connection, claimant, opened, each.label.spki, now)
    token = Tokens("bench", TokenKeys(database, seal), os.urandom).issue(account, now)
    database.close()
    return load, token


def _prepare_one() -> Prepared:
    label, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    challenge = os.urandom(16)
    request = create_signing_request(key, challenge)
    public = BootstrappingKey.from_public_key(label.public_key())
    return Prepared(new_uuid(os.urandom), public, challenge, request, sign_label_proof(label, request, 0))


def _measure_floor(folder: Path, load: list[Prepared]) -> Rate:
    now = Timestamp(int(time.time()))
    key = ec.generate_private_key(ec.SECP256R1())
    authority = create_authority(AuthorityId("floor"), _ACME, key, new_serial(os.urandom), now)
    device = DeviceKey(_ACME, new_device_id(os.urandom))
    with contextlib.closing(sqlite3.connect(folder / "floor.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE floor (fingerprint BLOB PRIMARY KEY, leaf BLOB)")

        def once(each: Prepared) -> None:
            verified = verify_signing_request(each.request, each.challenge)
            verify_label_proof(each.label, each.request, 0, each.proof)
            leaf = issue_leaf(authority, device, verified.public_key, new_serial(os.urandom), now)
            database.execute("INSERT INTO floor VALUES (?, ?)", (leaf.fingerprint, leaf.der))

        return _timed(load, once)


def _timed(load: list[Prepared], once: Callable[[Prepared], None]) -> Rate:
    durations, started = [], time.perf_counter()
    for each in load:
        begun = time.perf_counter()
        once(each)
        durations.append(time.perf_counter() - begun)
    return Rate.of(durations, time.perf_counter() - started)


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    command: list[str | Path] = [Path(sys.executable).parent / "onboarding-api", "serve", "--bind", f"127.0.0.1:{port}"]
    command += ["--database", f"sqlite:///{folder}/registry.db", "--key-file", folder / "registry.key"]
    command += ["--issuer", "bench", "--workers", str(WORKERS), "--account-rate", "0", "--tenant-rate", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline().startswith("ready")
            yield port
        finally:
            server.terminate()


def _measure_http(port: int, token: str, load: list[Prepared], seconds: float) -> Rate:
    requests = [_http_request(each, token) for each in load]
    shares = [requests[number::CONNECTIONS] for number in range(CONNECTIONS)]
    durations: list[list[float]] = [[] for _ in shares]
    started = time.perf_counter()
    until = started + seconds
    pairs = zip(shares, durations, strict=True)
    clients = [threading.Thread(target=_send_all, args=(port, share, taken, until)) for share, taken in pairs]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return Rate.of([each for taken in durations for each in taken], time.perf_counter() - started)


def _send_all(port: int, requests: list[bytes], taken: list[float], until: float) -> None:
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in requests:
            begun = time.perf_counter()
            if begun > until:
                return
            link.sendall(request)
            answer = link.recv(65536)
            while not _complete(answer):
                answer += link.recv(65536)
            assert answer.startswith(b"HTTP/1.1 201 "), answer
            taken.append(time.perf_counter() - begun)


def _complete(answer: bytes) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(length)


def _http_request(each: Prepared, token: str) -> bytes:
    csr, proof = base64.b64encode(each.request).decode(), base64.urlsafe_b64encode(each.proof).rstrip(b"=").decode()
    body = f'{{"csr":"{csr}","proof":"{proof}","resets":0,"serial":"SN-1","model":"m","firmware":"1"}}'
    return (
        f"POST /v1/onboardings/{each.onboarding}/device HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def table(figures: Figures) -> str:
    """Return the figures as a table."""
    rows = [
        (f"HTTP, {WORKERS} workers, {CONNECTIONS} connections", figures.http),
        ("floor: verify, prove, issue, commit; 1 process", figures.floor),
    ]
    head = f"{'':48}{'per s':>8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}"
    lines = [f"{name:48}{r.per_second:8.0f}{r.p50_ms:9.2f}{r.p99_ms:9.2f}{r.worst_ms:9.2f}" for name, r in rows]
    return "\n".join([head, *lines])


def main() -> None:
    """Print the table."""
    sys.stdout.write(table(measure()) + "\n")


if __name__ == "__main__":
    main()

"""The real onboarding API as a process of its own, with two tenants, and a way to play a device's endpoint."""

import contextlib
import ctypes
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import jwt
import pytest

from onboarding_api.domain.identifiers import DeviceId, DeviceKey, TenantId, Timestamp
from onboarding_api.services.contacts import Contacts
from onboarding_api.storage.database import Database
from onboarding_protocol.members import Grant

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
PROGRAM = Path(sys.executable).parent / "onboarding-api"


@dataclass(frozen=True)
class Api:
    url: str
    database: Path
    contacts: Contacts
    passwords: dict[str, str] = field(repr=False)
    """By user: alice and carol of tenant acme, bob of tenant other."""

    def contact(self, grant: Grant) -> None:
        """Play the endpoint: the device of this grant has connected."""
        claims = jwt.decode(grant.assignment, options={"verify_signature": False})
        key = DeviceKey(TenantId(claims["tenant"]), DeviceId(claims["sub"]))
        self.contacts.seen(key, claims["seq"], Timestamp(int(time.time())))

    def expire_challenges(self) -> None:
        """Let every challenge that waits for its answer be too old."""
        with contextlib.closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute("UPDATE onboardings SET expires_at = 0 WHERE used_at IS NULL")


def _end_with_parent() -> None:
    """Have the kernel end this process when the tests are killed; it then ends its workers itself."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("api")
    database = f"sqlite:///{folder}/registry.db"
    options, key = ["--database", database], ["--key-file", str(folder / "key")]
    passwords = {user: secrets.token_urlsafe(12) for user in ("alice", "bob", "carol")}

    def run(*arguments: str, text: str = "") -> None:
        subprocess.run([PROGRAM, *arguments], input=text, text=True, check=True, stdout=subprocess.DEVNULL)

    run("db", "upgrade", *options, *key)
    for tenant in ("acme", "other"):
        run("tenant", "create", tenant, "--endpoint", "mqtts://127.0.0.1:1", *options, *key)
    for user, tenant in (("alice", "acme"), ("carol", "acme"), ("bob", "other")):
        account = ["--role", "owner", "--tenant", tenant, "--password-stdin"]
        run("user", "create", user, *account, *options, text=passwords[user] + "\n")
    bind = f"127.0.0.1:{free_port()}"
    command: list[str | Path] = [PROGRAM, "serve", "--bind", bind, *options, *key, "--json"]
    opened = Database(database)
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_end_with_parent,  # noqa: PLW1509  # no thread runs yet that holds a lock
    ) as server:
        assert server.stdout is not None
        while "ready" not in (line := server.stdout.readline()):
            assert line, "the API did not start"
        yield Api(f"http://{bind}", folder / "registry.db", Contacts(opened), passwords)
        server.terminate()
    opened.close()

"""The operator's side, in the site's namespace: broker, API and listener. Its database is made on the host, faster.

The phone stands in the same house and reaches the API by loopback; the device reaches only the broker.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path

from tests.vm.guest import Guest
from tests.vm.site import GATEWAY, INSIDE_SITE
from tests.world.broker import BrokerFiles
from tests.world.process import Process
from tests.world.world import BIN, TENANT, USER, Command, run

API_URL = "http://127.0.0.1:8080"
_BROKER_PORT = 8883
_RUNNING = Path("/run/registry")
_IN_GUEST: Command = ["--database", f"sqlite:///{_RUNNING}/registry.db", "--key-file", _RUNNING / "registry.key"]


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything that runs for the operator. Build it with `start`."""

    broker: Process
    api: Process
    listener: Process
    password_file: Path

    @classmethod
    async def start(cls, guest: Guest) -> "Registry":
        """Set the registry up, then start what serves it."""
        prepared = guest.folder / "registry"
        prepared.mkdir()
        files = BrokerFiles(guest.folder / "broker", _BROKER_PORT, GATEWAY)
        password_file = await _set_up(prepared, files)
        await guest.run("cp", "-r", prepared, _RUNNING)
        broker = await guest.start("broker", [*INSIDE_SITE, "mosquitto", "-c", files.folder / "mosquitto.conf"])
        api = await guest.start(
            "api",
            [
                *INSIDE_SITE,
                "onboarding-api",
                "serve",
                "--bind",
                "127.0.0.1:8080",
                *_IN_GUEST,
                "--issuer",
                API_URL,
                "--json",
            ],
        )
        identity: Command = ["--certificate", files.folder / "listener.pem", "--key", files.folder / "listener.key"]
        of_broker: Command = ["--broker", files.url, "--broker-ca", files.authority, *identity]
        listener = await guest.start(
            "listener", [*INSIDE_SITE, "onboarding-api", "listen", *of_broker, *_IN_GUEST, "--json"]
        )
        await api.wait_event("ready")
        await listener.wait_event("listening")
        return cls(broker, api, listener, password_file)


async def _set_up(folder: Path, files: BrokerFiles) -> Path:
    program: Command = [BIN / "onboarding-api"]
    database: Command = ["--database", f"sqlite:///{folder}/registry.db"]
    keys: Command = ["--key-file", folder / "registry.key"]
    await run(folder, [*program, "db", "upgrade", *database, *keys])
    tenant: Command = ["tenant", "create", TENANT, "--endpoint", files.url, "--endpoint-ca", files.authority]
    await run(folder, [*program, *tenant, *database, *keys])
    files.trust("\n".join(await run(folder, [*program, "tenant", "ca", "--all", *database])) + "\n")
    password = secrets.token_urlsafe(16)
    user: Command = ["user", "create", USER, "--role", "owner", "--tenant", TENANT, "--password-stdin"]
    await run(folder, [*program, *user, *database], f"{password}\n".encode())
    file = folder / "password"
    file.touch(mode=0o600)
    file.write_text(password)
    return file

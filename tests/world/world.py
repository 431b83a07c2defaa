"""The whole world of one onboarding, in one folder: radio, broker, API and listener, devices, phones.

async with World.start(folder) as world:
    device = await world.add_device("SN-0001")
    await device.run()
    result = await world.onboard(device)
"""

import json
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.world.broker import BrokerFiles
from tests.world.process import Process, ProcessError

BIN = Path(sys.executable).parent
TENANT = "acme"
USER = "alice"
SSID = "Home"
PASSPHRASE = "correct horse battery"
_NETWORKS = f"""\
[[network]]
ssid = "{SSID}"
passphrase = "{PASSPHRASE}"
akm = "psk"
rssi = -48
channel = "81/6"

[[network]]
ssid = "Neighbour"
passphrase = "none of our business"
akm = "sae"
rssi = -71
channel = "81/11"
"""
Command = list[str | Path]
_CONFIG = """\
state = "state"
serial = "{serial}"
model = "demo-sensor"
firmware = "1.0.0"
window_seconds = {window_seconds}
peripheral = "{peripheral}"

[wifi]
backend = "simulated"
networks = "networks.toml"
"""


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@dataclass
class Device:
    """One device: its folder, its label, its agent."""

    world: "World"
    folder: Path
    bus: str
    agent: Process | None = None
    environment: dict[str, str] = field(default_factory=dict)
    """What its commands need besides, to reach the place of its keys."""

    @property
    def label(self) -> Path:
        """The picture of its label."""
        return self.folder / "label.png"

    @property
    def command(self) -> Command:
        """Its agent's command line, without the subcommand."""
        return [BIN / "device-agent", "--config", self.folder / "agent.toml"]

    @property
    def networks(self) -> Path:
        """The file that says which Wi-Fi networks it hears."""
        return self.folder / "networks.toml"

    async def ask(self, *arguments: str) -> dict[str, object]:
        """Run a `device-agent` command with --json and return what it says."""
        lines = await self.world.command([*self.command, *arguments, "--json"], environment=self.environment)
        answer: dict[str, object] = json.loads(lines[-1])
        return answer

    async def run(self, *, window: bool = True) -> Process:
        """Start the agent and wait until it is ready, and advertising if the window is to be open."""
        environment = {"DBUS_SYSTEM_BUS_ADDRESS": self.bus, **self.environment}
        arguments = ["run", "--json", *(["--open"] if window else [])]
        self.agent = await Process.start(
            f"agent-{self.folder.name}", [*self.command, *arguments], self.world.folder, environment
        )
        self.world.processes.push_async_callback(self.agent.stop)
        await self.agent.wait_event("ready")
        if window:
            await self.agent.wait_event("window", open=True)
        return self.agent

    async def open(self, seconds: int | None = None) -> None:
        """Press the button."""
        await self.ask("open", *([] if seconds is None else ["--seconds", str(seconds)]))


@dataclass
class World:
    """Everybody who takes part. Build it with `start`."""

    folder: Path
    radio: Process
    broker: Process
    broker_files: BrokerFiles
    api: Process
    listener: Process
    api_url: str
    api_options: list[str]
    password_file: Path
    buses: dict[str, str]
    processes: AsyncExitStack
    life: list[str]
    """The option that says how long certificates live, if it is not the usual time."""
    devices: list[Device] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        folder: Path,
        parties: tuple[str, ...] = ("device", "phone"),
        mtu: int = 517,
        certificate_seconds: int | None = None,
    ) -> AsyncIterator["World"]:
        """Bring everybody up in `folder`, which must not exist; take everybody down at the end."""
        folder.mkdir(parents=True)
        async with AsyncExitStack() as processes:
            radio = await _start_radio(folder, parties, mtu, processes)
            buses = (await radio.wait_for(lambda event: "parties" in event))["parties"]
            assert isinstance(buses, dict)
            files = BrokerFiles(folder / "broker", free_port())
            options = ["--database", f"sqlite:///{folder}/registry.db"]
            password_file = await _set_up_api(folder, options, files)
            broker = await _started("broker", files.command, folder, processes)
            api_url = f"http://127.0.0.1:{free_port()}"
            life = [] if certificate_seconds is None else ["--certificate-seconds", str(certificate_seconds)]
            api = await start_api(folder, api_url, [*options, *life], processes)
            listener = await _start_listener(folder, [*options, *life], files, processes)
            yield cls(
                folder, radio, broker, files, api, listener, api_url, options, password_file, buses, processes, life
            )

    async def add_device(
        self,
        serial: str,
        party: str = "device",
        window_seconds: int = 300,
        peripheral: str = "auto",
        more: str = "",
        environment: dict[str, str] | None = None,
    ) -> Device:
        """Make a factory-fresh device, with `more` in its configuration, and print its label; it does not run yet."""
        device = Device(self, self.folder / serial, self.buses[party], environment=environment or {})
        device.folder.mkdir()
        config = _CONFIG.format(serial=serial, window_seconds=window_seconds, peripheral=peripheral)
        (device.folder / "agent.toml").write_text(config + more)
        device.networks.write_text(_NETWORKS)
        await device.ask("label", "--png", str(device.label))
        self.devices.append(device)
        return device

    async def app(self, *arguments: str | Path, party: str = "phone", name: str = "app") -> Process:
        """Start `app-sim` as this party, signed in as the world's user."""
        environment = {
            "DBUS_SYSTEM_BUS_ADDRESS": self.buses[party],
            "ONBOARDING_API": self.api_url,
            "ONBOARDING_USER": USER,
            "ONBOARDING_PASSWORD_FILE": str(self.password_file),
        }
        process = await Process.start(name, [BIN / "app-sim", *arguments], self.folder, environment)
        self.processes.push_async_callback(process.stop)
        return process

    async def begin_onboarding(
        self,
        label: Path | str,
        *arguments: str | Path,
        passphrases: tuple[str, ...] = (PASSPHRASE,),
        ssid: str = SSID,
        party: str = "phone",
    ) -> Process:
        """Start `app-sim onboard --json`."""
        file = self.folder / f"wifi-{secrets.token_hex(4)}"
        file.write_text("".join(f"{passphrase}\n" for passphrase in passphrases))
        wifi: Command = ["--wifi", ssid, "--wifi-password-file", file]
        return await self.app(
            "onboard", "--label", label, *wifi, *arguments, "--json", party=party, name=f"app-{party}"
        )

    async def onboard(
        self,
        label: Path | str,
        *arguments: str | Path,
        passphrases: tuple[str, ...] = (PASSPHRASE,),
        ssid: str = SSID,
        party: str = "phone",
    ) -> Process:
        """Run `app-sim onboard --json` to its end."""
        app = await self.begin_onboarding(label, *arguments, passphrases=passphrases, ssid=ssid, party=party)
        await app.finish()
        return app

    async def add_user(self, name: str, tenant: str = TENANT) -> list[str | Path]:
        """Create another account; return the app's options that sign in with it."""
        password = secrets.token_urlsafe(16)
        user: Command = ["user", "create", name, "--role", "owner", "--tenant", tenant, "--password-stdin"]
        await self.command([BIN / "onboarding-api", *user, *self.api_options], f"{password}\n".encode())
        file = self.folder / f"password-{name}"
        file.write_text(password)
        return ["--user", name, "--password-file", file]

    async def add_tenant(self, tenant: str) -> None:
        """Create another tenant with the same endpoint. The broker learns of its devices at its next start."""
        endpoint: Command = ["--endpoint", self.broker_files.url, "--endpoint-ca", self.broker_files.authority]
        options: Command = [*self.api_options, *_key(self.folder)]
        await self.command([BIN / "onboarding-api", "tenant", "create", tenant, *endpoint, *options])

    async def restart_api(self) -> None:
        """Start the API again after it was stopped, at the same address."""
        self.api = await start_api(self.folder, self.api_url, [*self.api_options, *self.life], self.processes)

    async def restart_listener(self) -> None:
        """Start the listener again after it was stopped."""
        options = [*self.api_options, *self.life]
        self.listener = await _start_listener(self.folder, options, self.broker_files, self.processes)

    async def restart_broker(self) -> None:
        """Start the broker again after it was stopped, at the same address."""
        self.broker = await _started("broker", self.broker_files.command, self.folder, self.processes)

    async def command(
        self, command: Command, standard_input: bytes | None = None, environment: dict[str, str] | None = None
    ) -> list[str]:
        """Run a program to its end and return its lines; ProcessError unless it succeeds."""
        return await run(self.folder, command, standard_input, environment)


async def run(
    folder: Path,
    command: Command,
    standard_input: bytes | None = None,
    environment: dict[str, str] | None = None,
) -> list[str]:
    """Run a program to its end and return its lines; ProcessError unless it succeeds."""
    process = await Process.start("command", command, folder, environment, standard_input)
    if await process.finish() != 0:
        raise ProcessError(f"{' '.join(map(str, command))} failed\n{process.story}")
    return process.text


async def start_api(folder: Path, url: str, options: list[str], processes: AsyncExitStack) -> Process:
    """Start the API and wait until it answers."""
    bind = url.removeprefix("http://")
    command: Command = [
        BIN / "onboarding-api",
        "serve",
        "--bind",
        bind,
        *options,
        *_key(folder),
        "--issuer",
        url,
        "--json",
    ]
    api = await _started("api", command, folder, processes)
    await api.wait_event("ready")
    return api


async def _start_radio(folder: Path, parties: tuple[str, ...], mtu: int, processes: AsyncExitStack) -> Process:
    named = [argument for party in parties for argument in ("--party", party)]
    command: Command = [BIN / "virtual-bluez", *named, "--mtu", str(mtu), "--directory", folder / "bus", "--json"]
    return await _started("radio", [*command, "--counters", folder / "counters.json"], folder, processes)


async def _set_up_api(folder: Path, options: list[str], files: BrokerFiles) -> Path:
    program: Command = [BIN / "onboarding-api"]
    await run(folder, [*program, "db", "upgrade", *options, *_key(folder)])
    tenant: Command = ["tenant", "create", TENANT, "--endpoint", files.url, "--endpoint-ca", files.authority]
    await run(folder, [*program, *tenant, *options, *_key(folder)])
    files.trust("\n".join(await run(folder, [*program, "tenant", "ca", "--all", *options])) + "\n")
    password = secrets.token_urlsafe(16)
    user = ["user", "create", USER, "--role", "owner", "--tenant", TENANT, "--password-stdin"]
    await run(folder, [*program, *user, *options], f"{password}\n".encode())
    password_file = folder / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    return password_file


async def _start_listener(folder: Path, options: list[str], files: BrokerFiles, processes: AsyncExitStack) -> Process:
    identity: Command = ["--certificate", files.folder / "listener.pem", "--key", files.folder / "listener.key"]
    broker: Command = ["--broker", files.url, "--broker-ca", files.authority]
    command: Command = [BIN / "onboarding-api", "listen", *broker, *identity, *options, *_key(folder), "--json"]
    listener = await _started("listener", command, folder, processes)
    await listener.wait_event("listening")
    return listener


async def _started(name: str, command: Command, folder: Path, processes: AsyncExitStack) -> Process:
    process = await Process.start(name, command, folder)
    processes.push_async_callback(process.stop)
    return process


def _key(folder: Path) -> list[str]:
    return ["--key-file", str(folder / "registry.key")]

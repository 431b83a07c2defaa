"""One device and its agent as a process, on a simulated radio, with phones that are bleak in other processes."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import dbus_fast
from dbus_fast.aio import MessageBus

from device_agent.control import ask
from device_agent.store import label_key
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import (
    AuthenticationConfirm,
    AuthenticationRequest,
    Capability,
    ConfigurationResponse,
    Connection,
    ConnectionStatusResult,
    Event,
    ForeignMessage,
    Message,
    Status,
)
from onboarding_protocol.dpp.frames import MessageReader
from onboarding_protocol.gatt import NOTIFY_CHARACTERISTIC_UUID, WRITE_CHARACTERISTIC_UUID, chunks
from onboarding_protocol.hint import Hint, read_hint
from tests.device_agent.phone import PASSPHRASE, network
from tests.virtual_bluez.conftest import Program
from tests.world.process import Process
from tests.world.world import BIN, Command
from virtual_bluez import VirtualBluez

CONFIG = 'state = "state"\nserial = "SN-1"\n[wifi]\nnetworks = "networks.toml"\n'
NETWORKS = f'[[network]]\nssid = "Home"\npassphrase = "{PASSPHRASE}"\n'
PATIENCE_S = 20


class Phone:
    """A central that has read the label."""

    def __init__(self, central: Program, key: BootstrappingKey, mtu: int) -> None:
        self.central = central
        self.key = key
        self.mtu = mtu
        self.connection = Connection.initiator(key, Capability.CONFIGURATOR)
        self.hints: list[bytes] = []

    async def connect(self) -> None:
        assert await self.central.ask("find", name=self.key.name) is not None
        await self.central.ask("connect", name=self.key.name)
        await self.central.ask("subscribe", uuid=NOTIFY_CHARACTERISTIC_UUID)

    async def write(self, octets: bytes) -> None:
        values = [value.hex() for value in chunks(octets, self.mtu)]
        await self.central.ask("write", uuid=WRITE_CHARACTERISTIC_UUID, values=values)

    async def hear(self) -> Event:
        """Return the next event of the exchange, putting hints aside."""
        while True:
            notified = await self.central.event("notified")
            for event in self.connection.receive(bytes.fromhex(notified["value"]), 0.0):
                if not isinstance(event, ForeignMessage):
                    return event
                self.hints.append(event.octets)

    async def overhear(self, wanted: Hint) -> None:
        """Wait for a hint among all that is said to anybody."""
        reader = MessageReader()
        while True:
            notified = await self.central.event("notified")
            if wanted in [read_hint(message) for message in reader.receive(bytes.fromhex(notified["value"]))]:
                return

    async def tell(self, message: Message) -> Event:
        await self.write(self.connection.send(message, 0.0))
        return await self.hear()

    async def authenticate(self) -> None:
        await self.tell(AuthenticationRequest())
        await self.tell(AuthenticationConfirm())

    async def give_wifi(self) -> Status:
        await self.authenticate()
        await self.tell(ConfigurationResponse(objects=(network(),)))
        status = await self.hear()
        assert isinstance(status, ConnectionStatusResult)
        return status.status.result


class Scene:
    """One device, its agent and the phones around it."""

    def __init__(self, folder: Path, world: VirtualBluez, mtu: int, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.world = world
        self.mtu = mtu
        self.stack = stack
        (folder / "agent.toml").write_text(CONFIG)
        (folder / "networks.toml").write_text(NETWORKS)
        self.key = BootstrappingKey.from_public_key(label_key(folder / "state").public_key())

    async def agent(self, *arguments: str, bus: str | None = None) -> Process:
        command: Command = [BIN / "device-agent", "--config", self.folder / "agent.toml", "run", "--json", *arguments]
        environment = {"DBUS_SYSTEM_BUS_ADDRESS": bus or self.world.bus_address("device")}
        agent = await Process.start("agent", command, self.folder, environment)
        self.stack.push_async_callback(agent.stop)
        await agent.wait_event("ready")
        return agent

    async def open_agent(self) -> Process:
        agent = await self.agent("--open")
        await agent.wait_event("window", open=True)
        return agent

    async def phone(self, party: str = "phone") -> Phone:
        central = await Program.start("bleak_central", self.world.bus_address(party))
        self.stack.push_async_callback(central.close)
        return Phone(central, self.key, self.mtu)

    async def power(self, *, on: bool) -> None:
        bus = await MessageBus(bus_address=self.world.bus_address("device")).connect()
        body = ["org.bluez.Adapter1", "Powered", dbus_fast.Variant("b", on)]
        properties = "org.freedesktop.DBus.Properties"
        await bus.call(dbus_fast.Message("org.bluez", "/org/bluez/hci0", properties, "Set", signature="ssv", body=body))
        bus.disconnect()

    async def ask(self, command: str, **facts: object) -> dict[str, object]:
        return await asyncio.to_thread(ask, self.folder / "state" / "control.sock", {"command": command, **facts})

    @property
    def log(self) -> str:
        return (self.folder / "agent.log").read_text()

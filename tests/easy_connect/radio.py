"""Virtual Bluetooth with a device's party and a phone's, and the programs that run there."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.world.process import Process
from tests.world.world import BIN, Command


@dataclass
class Radio:
    folder: Path
    buses: dict[str, str]
    processes: AsyncExitStack

    @classmethod
    async def start(cls, folder: Path, mtu: int, processes: AsyncExitStack) -> Self:
        parties: Command = ["--party", "device", "--party", "phone"]
        command: Command = [BIN / "virtual-bluez", *parties, "--mtu", str(mtu), "--directory", folder / "bus", "--json"]
        radio = await Process.start("radio", command, folder)
        processes.push_async_callback(radio.stop)
        buses = (await radio.wait_for(lambda event: "parties" in event))["parties"]
        assert isinstance(buses, dict)
        return cls(folder, buses, processes)

    async def run(self, party: str, name: str, *command: str | Path) -> Process:
        """Start a program as this party."""
        environment = {"DBUS_SYSTEM_BUS_ADDRESS": self.buses[party]}
        process = await Process.start(name, list(command), self.folder, environment)
        self.processes.push_async_callback(process.stop)
        return process

    async def app(self, *arguments: str | Path) -> Process:
        """Run `app-sim easy-connect … --json` as the phone, to its end."""
        process = await self.run("phone", "app", BIN / "app-sim", "easy-connect", *arguments, "--json")
        await process.finish()
        return process

"""Stock wpa_supplicant behind our GATT service: `python -m tests.easy_connect.bridge FOLDER`.

A real peripheral on the bus of DBUS_SYSTEM_BUS_ADDRESS, which knows nothing of Easy Connect: what is written goes to
`wpa_station`, what comes from there is notified. Events are JSON lines.
"""

import asyncio
import sys
from pathlib import Path

from device_agent.config import Config
from device_agent.peripheral import PeripheralEvent, Written, open_peripheral
from onboarding_protocol.bootstrapping import BootstrappingUri
from tests.easy_connect.wpa_scenarios import NAMESPACE
from tests.easy_connect.wpa_station import SOCKET, say
from tests.world.process import Process
from tests.world.world import Command


class Bridge:
    """A connection to the station for each central; when wpa_supplicant hangs up, so does the peripheral."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events: asyncio.Queue[PeripheralEvent] = asyncio.Queue()
        self._peripheral = open_peripheral(Config(), self._events.put_nowait)
        self._peers: dict[str, asyncio.StreamWriter] = {}

    async def run(self, uri: str) -> None:
        """Offer the service under the name that this label has."""
        await self._peripheral.start(BootstrappingUri.parse(uri).key.name)
        say("ready", uri=uri)
        async with asyncio.TaskGroup() as group:
            while True:
                event = await self._events.get()
                if isinstance(event, Written):
                    await self._write(event, group)

    async def _write(self, written: Written, group: asyncio.TaskGroup) -> None:
        if written.peer not in self._peers:
            say("connected", mtu=written.mtu)
            inward, self._peers[written.peer] = await asyncio.open_unix_connection(self._folder / SOCKET)
            group.create_task(self._notify(written, inward))
        self._peers[written.peer].write(written.octets)

    async def _notify(self, written: Written, inward: asyncio.StreamReader) -> None:
        while octets := await inward.read(4096):
            await self._peripheral.notify(written.peer, octets, written.mtu)
        self._peers.pop(written.peer).close()
        await self._peripheral.stop()


async def main(folder: Path) -> None:
    command: Command = [*NAMESPACE, sys.executable, "-B", "-m", "tests.easy_connect.wpa_station", folder]
    station = await Process.start("station", command, folder)
    try:
        ready = await station.wait_event("ready")
        bridging = asyncio.create_task(Bridge(folder).run(str(ready["uri"])))
        async for event in station.every_event():
            if event is not ready:
                print(station.text[station.events.index(event)], flush=True)
        await bridging
    finally:
        await station.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

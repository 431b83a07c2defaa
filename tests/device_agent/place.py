"""A device among one network and one broker: real ones, but for the radio."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from device_agent.connectivity import Connectivity
from device_agent.record import Record, WifiProfile
from device_agent.store import Store
from device_agent.trust import accept
from device_agent.wifi import Wifi
from device_agent.wifi.simulated import SimulatedWifi
from onboarding_protocol.assignment import Endpoint, TrustAnchor
from onboarding_protocol.dpp import Akm, ConnectionStatus, Status
from onboarding_protocol.members import DeviceState, EndpointResult, EndpointStatus
from tests.device_agent.operator import NONCE, Operator
from tests.world.broker import BrokerFiles
from tests.world.process import Process
from tests.world.world import free_port

HOME = WifiProfile(ssid=b"Home", akm=Akm.PSK, passphrase="correct horse battery")
WRONG = replace(HOME, passphrase="wrong horse battery")
NETWORKS = '[[network]]\nssid = "Home"\npassphrase = "correct horse battery"\njoin_seconds = {seconds}\n'
PATIENCE_S = 20


class Place:
    """A device among one network and one broker."""

    def __init__(self, folder: Path, store: Store, wifi: Wifi | None = None) -> None:
        self.folder = folder
        self.store = store
        self.files = BrokerFiles(folder / "broker", free_port())
        self.operator = Operator(endpoint=Endpoint(self.files.url, self.anchor))
        self.networks = folder / "networks.toml"
        self.networks.write_text(NETWORKS.format(seconds=0.0))
        self.events: list[tuple[str, dict[str, object]]] = []
        self.changes: asyncio.Queue[EndpointStatus] = asyncio.Queue()
        self.connectivity = Connectivity(store, wifi or SimulatedWifi(self.networks), self._changed, self._told)
        self.first: asyncio.Future[ConnectionStatus] = asyncio.get_running_loop().create_future()

    @property
    def anchor(self) -> TrustAnchor:
        return TrustAnchor.from_certificate(x509.load_pem_x509_certificate(self.files.authority.read_bytes()))

    def _told(self, event: str, **facts: object) -> None:
        self.events.append((event, facts))

    def _changed(self) -> None:
        self.changes.put_nowait(self.connectivity.endpoint)

    def configure(self, *wifi: WifiProfile, owned: bool = True, trusted: bool = True) -> None:
        if trusted:
            self.files.trust(self.operator.authority.public_bytes(Encoding.PEM).decode())
        key = self.store.operational_key.public_key()
        ownership, _ = accept(self.operator.grant(key), Record(nonces=(NONCE,)), key)
        self.store.save(
            Record(state=DeviceState.ASSIGNED, ownership=ownership, wifi=wifi) if owned else Record(wifi=wifi)
        )

    @asynccontextmanager
    async def broker(self) -> AsyncIterator[Process]:
        broker = await Process.start("broker", self.files.command, self.folder)
        try:
            await self.listening()
            yield broker
        finally:
            await broker.stop()

    async def listening(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.files.port)
                except OSError:
                    await asyncio.sleep(0.01)  # there is no event for a port that begins to listen
                else:
                    writer.close()
                    await writer.wait_closed()
                    return

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.connectivity.run(self.first.set_result))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    async def told(self) -> tuple[Status, EndpointStatus | None]:
        async with asyncio.timeout(PATIENCE_S):
            status = await self.first
        return status.result, EndpointStatus.from_members(status.members)

    async def contact(self, wanted: EndpointResult) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while (await self.changes.get()).endpoint is not wanted:
                pass


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    with closing(Store(tmp_path / "state")) as store:
        yield Place(tmp_path, store)

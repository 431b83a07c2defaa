"""Joining and connecting, with a real broker and a simulated radio."""

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from device_agent.connectivity import Connectivity
from device_agent.errors import WifiError
from device_agent.record import Record, WifiEnterprise, WifiProfile
from device_agent.store import Store
from device_agent.trust import accept
from device_agent.wifi import JoinResult, StationIdentity, Wifi
from device_agent.wifi.simulated import SimulatedWifi
from onboarding_protocol.assignment import Endpoint, TrustAnchor, event_topic
from onboarding_protocol.dpp import Akm, ConnectionStatus, Status
from onboarding_protocol.members import DeviceState, EndpointResult, EndpointStatus
from tests.device_agent.operator import DEVICE, NONCE, Operator, certificate, new_key
from tests.world.broker import BrokerFiles
from tests.world.process import Process
from tests.world.world import free_port

HOME = WifiProfile(ssid=b"Home", akm=Akm.PSK, passphrase="correct horse battery")
CORP = WifiProfile(ssid=b"Corp", akm=Akm.DOT1X)
LEAF = certificate("station", new_key().public_key(), "Lab", new_key()).public_bytes(Encoding.DER)
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


class EndingBroker:
    """Takes one connection as far as its CONNECT, and then ends it."""

    def __init__(self, files: BrokerFiles) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(files.folder / "broker.pem", files.folder / "broker.key")
        self._listener = socket.create_server(("127.0.0.1", files.port))
        self.asked, self.left = threading.Event(), threading.Event()
        self._refuse, self._refused = threading.Event(), threading.Event()

    def serve_one(self) -> None:
        with self._listener, self._listener.accept()[0] as plain:
            with self._context.wrap_socket(plain, server_side=True) as link:
                link.recv(1024)
                self.asked.set()
                self._refuse.wait(PATIENCE_S)
            self._refused.set()

    def serve_one_until_it_leaves(self) -> None:
        """Never answer."""
        with self._listener, self._listener.accept()[0] as plain:
            plain.settimeout(PATIENCE_S)
            with self._context.wrap_socket(plain, server_side=True) as link:
                link.recv(1024)
                self.asked.set()
                if not link.recv(1024):
                    self.left.set()

    def refuse(self) -> None:
        """End the connection; it has ended when this returns."""
        self._refuse.set()
        self._refused.wait(PATIENCE_S)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    with closing(Store(tmp_path / "state")) as store:
        yield Place(tmp_path, store)


async def test_a_configured_device_connects_and_says_so(place: Place) -> None:
    place.configure(HOME)
    context = ssl.create_default_context(cafile=place.files.authority)
    context.load_cert_chain(place.files.folder / "listener.pem", place.files.folder / "listener.key")
    listener = aiomqtt.Client("127.0.0.1", place.files.port, tls_context=context)
    async with place.broker(), listener:
        await listener.subscribe("event/#", qos=1)
        async with place.running(), asyncio.timeout(PATIENCE_S):
            assert await place.told() == (Status.OK, EndpointStatus(EndpointResult.CONNECTED))
            event = await anext(aiter(listener.messages))
    assert str(event.topic) == event_topic("acme", DEVICE)
    assert event.payload == b'{"event": "connected", "sequence": 1}'
    assert place.store.record.state is DeviceState.CONNECTED
    assert place.connectivity.endpoint == EndpointStatus(EndpointResult.UNTRIED)


async def test_a_certificate_the_broker_does_not_know_is_refused(place: Place) -> None:
    place.configure(HOME, trusted=False)
    async with place.broker(), place.running():
        status, contact = await place.told()
    assert (status, contact and contact.endpoint) == (Status.OK, EndpointResult.REFUSED)
    assert place.store.record.state is DeviceState.ASSIGNED


async def test_a_broker_of_another_authority_is_not_trusted(place: Place) -> None:
    key = new_key()
    namesake = certificate("Broker CA", key.public_key(), "Broker CA", key)
    place.operator.endpoint = Endpoint(place.files.url, TrustAnchor.from_certificate(namesake))
    place.configure(HOME)
    async with place.broker(), place.running():
        status, contact = await place.told()
    assert (status, contact and contact.endpoint) == (Status.OK, EndpointResult.UNTRUSTED)


@pytest.mark.parametrize(
    "url",
    [None, "https://127.0.0.1", "mqtts://", "mqtts://[::1", "mqtts://127.0.0.1:99999", "mqtts://127.0.0.1:x", "%"],
)
async def test_an_endpoint_where_nobody_is_is_unreachable(place: Place, url: str | None) -> None:
    place.operator.endpoint = Endpoint(url or place.files.url, place.anchor)
    place.configure(HOME)
    async with place.running():
        status, contact = await place.told()
    assert (status, contact and contact.endpoint) == (Status.OK, EndpointResult.UNREACHABLE)


async def test_a_broker_that_was_restarted_is_found_again(place: Place) -> None:
    place.configure(HOME)
    async with place.running():
        async with place.broker():
            await place.contact(EndpointResult.CONNECTED)
        await place.contact(EndpointResult.UNREACHABLE)
        async with place.broker():
            await place.contact(EndpointResult.CONNECTED)


async def test_a_wrong_new_network_is_told_and_the_one_that_worked_taken_up_again(place: Place) -> None:
    place.configure(WRONG, HOME)
    async with place.broker(), place.running():
        status, contact = await place.told()
        assert (status, contact and contact.endpoint) == (Status.AUTH_FAILURE, EndpointResult.UNTRIED)
        await place.contact(EndpointResult.CONNECTED)
    assert place.store.record.wifi == (HOME,)


async def test_a_new_network_that_works_replaces_the_old_one(place: Place) -> None:
    place.configure(HOME, WRONG, owned=False)
    async with place.running():
        assert await place.told() == (Status.OK, EndpointStatus(EndpointResult.UNTRIED))
    assert place.store.record.wifi == (HOME,)


@pytest.mark.parametrize("wifi", [(HOME, WRONG), (WRONG, HOME)], ids=["newest works", "older works"])
async def test_an_attempt_overtaken_by_a_newer_configuration_does_not_undo_it(
    place: Place, wifi: tuple[WifiProfile, ...]
) -> None:
    place.networks.write_text(NETWORKS.format(seconds=0.2))
    place.configure(*wifi, owned=False)
    newer = (replace(HOME, ssid=b"Newer"), HOME)
    async with place.running():
        await asyncio.sleep(0)  # the attempt begins
        place.store.update(lambda record: replace(record, wifi=newer))
        await place.told()
    assert place.store.record.wifi == newer


async def test_a_contact_made_for_an_owner_who_is_gone_leaves_a_new_device_new(place: Place) -> None:
    place.networks.write_text(NETWORKS.format(seconds=0.2))
    place.configure(HOME)
    owner = place.store.record.ownership
    assert owner is not None
    place.store.reset()
    place.connectivity._contacted(owner, EndpointStatus(EndpointResult.CONNECTED))
    assert place.store.record == Record(resets=1, wifi_to_forget=True)


async def test_a_full_disk_does_not_end_a_link_that_works(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.configure(WRONG, HOME)
    assert place.store.record.ownership is not None
    place.store.tls_identity(place.store.record.ownership)
    certificates = place.folder / "state"
    async with place.broker(), place.running():
        await place.told()
        await place.contact(EndpointResult.CONNECTED)
    place.store.save(replace(place.store.record, state=DeviceState.ASSIGNED))
    place.first = asyncio.get_running_loop().create_future()
    place.store.update(lambda record: replace(record, wifi=(HOME, WRONG)))
    (certificates / "record.json").unlink()
    (certificates / "record.json").mkdir()  # a rename onto it fails, while the keys can still be read
    with caplog.at_level(logging.ERROR):
        async with place.broker(), place.running():
            assert await place.told() == (Status.OK, EndpointStatus(EndpointResult.CONNECTED))
            assert "cannot be written" in caplog.text
    assert place.store.record.state is DeviceState.ASSIGNED


async def test_a_broken_radio_is_a_result_and_tried_again(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.networks.write_text("[[[")
    place.configure(HOME)
    async with place.broker(), place.running():
        status, _ = await place.told()
        assert status is Status.CONFIGURE_FAILURE
        place.networks.write_text(NETWORKS.format(seconds=0.0))
        await place.contact(EndpointResult.CONNECTED)
    assert "Traceback" not in caplog.text


BRICKS: dict[str, dict[str, Any]] = {
    "an enterprise certificate": {"wifi": replace(CORP, enterprise=WifiEnterprise(certificates=(b"",), key=b""))},
    "its key": {"wifi": replace(CORP, enterprise=WifiEnterprise(certificates=(LEAF,), key=b"garbage"))},
    "no certificate": {"ownership": {"certificates": ()}},
    "the certificate": {"ownership": {"certificates": (b"garbage",)}},
    "the anchor": {"ownership": {"anchor_name": b"garbage", "anchor_key": b"garbage"}},
}


@pytest.mark.parametrize("brick", BRICKS.values(), ids=BRICKS)
async def test_whatever_a_record_holds_is_told_and_a_reset_still_happens(place: Place, brick: dict[str, Any]) -> None:
    place.configure(brick.get("wifi", HOME))
    held = place.store.record.ownership
    assert held is not None
    bent = replace(held, **brick.get("ownership", {}))
    place.store.update(lambda record: replace(record, ownership=bent))
    async with place.running() as task:
        _, contact = await place.told()
        assert contact is not None
        assert contact.endpoint is not EndpointResult.CONNECTED
        assert not task.done()
    place.store.reset()
    assert place.store.record == Record(resets=1, wifi_to_forget=True)


class ForgetfulWifi(SimulatedWifi):
    """Fails to forget in a way that nobody has foreseen, as often as it is told to."""

    def __init__(self, networks: Path, failures: int) -> None:
        super().__init__(networks)
        self._failures = failures

    async def forget(self) -> None:
        if self._failures:
            self._failures -= 1
            raise LookupError("what nobody has foreseen")


async def test_whatever_goes_wrong_in_forgetting_is_told_and_tried_again(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.store.save(Record(wifi_to_forget=True))
    place.connectivity = Connectivity(place.store, ForgetfulWifi(place.networks, 1), place._changed, place._told)
    async with asyncio.timeout(PATIENCE_S):
        await place.connectivity.run(place.first.set_result)
    assert not place.store.record.wifi_to_forget
    assert "please report it" in caplog.text


class LosingWifi(SimulatedWifi):
    """Loses the first cancellation while it cleans up, as a Wi-Fi program that is gone makes it."""

    def __init__(self, networks: Path) -> None:
        super().__init__(networks)
        self.joining = asyncio.Event()
        self._lost = False

    async def join(
        self, profile: WifiProfile, identity: StationIdentity | None = None, *, gently: bool = False
    ) -> JoinResult:
        self.joining.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            if not self._lost:
                self._lost = True
                raise WifiError("the clean-up failed", "Start the Wi-Fi program.") from error
            raise
        return await super().join(profile, identity, gently=gently)


@pytest.mark.parametrize("wifi", [(HOME,), (WRONG, HOME)], ids=["one network", "two"])
async def test_a_cancellation_that_the_wifi_program_loses_ends_the_attempt(
    place: Place, wifi: tuple[WifiProfile, ...]
) -> None:
    place.configure(*wifi)
    losing = LosingWifi(place.networks)
    place.connectivity = Connectivity(place.store, losing, place._changed, place._told)
    async with place.running() as task:
        await losing.joining.wait()
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=PATIENCE_S)
    assert done
    assert not place.first.done()


async def test_a_cancellation_in_the_very_turn_of_a_refusal_is_not_lost(place: Place) -> None:
    place.configure(HOME)
    broker = EndingBroker(place.files)
    threading.Thread(target=broker.serve_one, daemon=True).start()
    async with place.running() as task:
        await asyncio.to_thread(broker.asked.wait, PATIENCE_S)
        broker.refuse()  # while the loop stands still: the refusal and the cancellation are met in one turn
        asyncio.get_running_loop().call_soon(task.cancel)
        done, _ = await asyncio.wait([task], timeout=PATIENCE_S)
    assert done


async def test_a_key_that_is_not_the_certificates_is_not_the_endpoints_refusal(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.configure(HOME)
    held = place.store.record.ownership
    assert held is not None
    foreign = replace(held, certificates=(place.operator.certify(new_key().public_key()),))
    place.store.update(lambda record: replace(record, ownership=foreign))
    async with place.broker(), place.running():
        _, contact = await place.told()
    assert contact == EndpointStatus(EndpointResult.UNTRIED, "internal-error")
    assert "device-agent reset --yes" in caplog.text


async def test_a_link_that_is_left_during_tls_is_gone(place: Place) -> None:
    """The broker is slow to answer; the device is reset meanwhile."""
    go_on, connected, gone = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def relay(device: asyncio.StreamReader, to_device: asyncio.StreamWriter) -> None:
        connected.set()
        await go_on.wait()
        broker, to_broker = await asyncio.open_connection("127.0.0.1", place.files.port)
        answering = asyncio.create_task(pump(broker, to_device))
        await pump(device, to_broker)
        gone.set()
        await answering

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while octets := await source.read(65536):
                target.write(octets)
                await target.drain()
        target.close()

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        place.operator.endpoint = Endpoint(f"mqtts://127.0.0.1:{server.sockets[0].getsockname()[1]}", place.anchor)
        place.configure(HOME)
        async with place.broker(), place.running() as task, asyncio.timeout(PATIENCE_S):
            await connected.wait()
            task.cancel()
            await asyncio.wait([task])
            go_on.set()
            await gone.wait()
    assert DEVICE not in (place.folder / "broker.log").read_text()


async def test_a_link_that_is_left_before_it_is_accepted_is_gone(place: Place) -> None:
    place.configure(HOME)
    broker = EndingBroker(place.files)
    threading.Thread(target=broker.serve_one_until_it_leaves, daemon=True).start()
    async with place.running() as task, asyncio.timeout(PATIENCE_S):
        await asyncio.to_thread(broker.asked.wait, PATIENCE_S)
        task.cancel()
        await asyncio.wait([task])
        assert await asyncio.to_thread(broker.left.wait, 5)


async def test_a_certificate_that_cannot_be_written_is_a_result_and_tried_again(place: Place) -> None:
    place.configure(HOME)
    folder, aside = place.folder / "state", place.folder / "aside"
    folder.rename(aside)
    async with place.broker(), place.running() as task:
        status, contact = await place.told()
        assert (status, contact) == (Status.OK, EndpointStatus(EndpointResult.UNTRIED, "internal-error"))
        aside.rename(folder)
        await place.contact(EndpointResult.CONNECTED)
        assert not task.done()

"""The link to the broker is gone once it is left, at whatever moment that is."""

import asyncio
import socket
import ssl
import threading
from contextlib import suppress

from onboarding_protocol.assignment import Endpoint
from tests.device_agent.operator import DEVICE
from tests.device_agent.place import HOME, PATIENCE_S, Place
from tests.device_agent.place import place as place
from tests.world.broker import BrokerFiles


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

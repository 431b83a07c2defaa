"""Our ends over real TCP on loopback: framing, bounds, a clean end."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from app_sim.easy_connect import tcp
from app_sim.easy_connect.configurator import Configured, Offer
from app_sim.easy_connect.enrollee import Enrolled, first_success
from app_sim.easy_connect.errors import (
    AddressError,
    PeerUnreachableError,
    StreamEndedError,
)
from app_sim.easy_connect.tcp import Address, Listener, TcpLink
from app_sim.errors import AppError
from onboarding_protocol.dpp import (
    Akm,
    ConfiguratorKey,
    Status,
    delimit,
)
from tests.easy_connect.ends import answer, give
from tests.protocol import samples

ANY_PORT = Address("127.0.0.1", 0)


async def over_tcp(serve: Callable[[TcpLink], Awaitable[Enrolled]], offer: Offer) -> tuple[Enrolled, Configured]:
    async with tcp.listen(ANY_PORT) as listener:
        enrolling = asyncio.create_task(first_success(listener, serve, lambda *_: None))
        link = await tcp.connect(listener.address, 5)
        configured = await give(link, offer)
        await link.close()
        return await enrolling, configured


@pytest.mark.parametrize("akm", [akm for akm in Akm if akm is not Akm.DOT1X])
async def test_our_configurator_and_our_enrollee_understand_each_other_over_tcp(akm: Akm) -> None:
    key = ConfiguratorKey.generate() if "dpp" in akm.split("+") else None
    offer = Offer(b"Home", akm, None if akm is Akm.DPP else samples.PASSPHRASE, {"/example": 1}, key)
    enrolled, configured = await over_tcp(answer, offer)
    assert configured.enrollee.name == "us"
    assert configured.result is Status.OK
    assert configured.status is not None
    assert configured.status.result is Status.OK
    (given,) = enrolled.objects
    assert (given.ssid, given.credential.akm, given.credential.passphrase) == (b"Home", akm, offer.passphrase)
    assert (given.credential.connector is not None) == (key is not None)
    assert given.members == {"/example": 1}


async def test_length_and_message_leave_in_one_piece() -> None:
    received: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        link = await tcp.connect(Address("127.0.0.1", server.getsockname()[1]), 5)
        peer, _ = await loop.sock_accept(server)
        with peer:
            await link.send(delimit(bytes(7000)))
            received.put_nowait(await loop.sock_recv(peer, 65536))
    await link.close()
    assert received.get_nowait() == delimit(bytes(7000))


async def test_a_listener_is_bound_to_exactly_its_address() -> None:
    async with tcp.listen(Address("127.0.0.2", 0)) as listener:
        assert listener.address.host == "127.0.0.2"
        with pytest.raises(PeerUnreachableError):
            await tcp.connect(Address("127.0.0.1", listener.address.port), 5)
        await (await tcp.connect(listener.address, 5)).close()


@pytest.mark.parametrize("host", ["localhost", "203.0.113.1"])
async def test_an_address_that_is_not_this_machine_s_or_not_one_address_is_refused(host: str) -> None:
    with pytest.raises(AddressError):
        async with tcp.listen(Address(host, 0)):
            pass


async def test_strangers_neither_block_the_enrollee_nor_stop_it() -> None:
    refusals: list[tuple[str, AppError]] = []
    async with tcp.listen(ANY_PORT) as listener:
        enrolling = asyncio.create_task(first_success(listener, answer, lambda *told: refusals.append(told)))
        silent = await tcp.connect(listener.address, 5)
        noisy = await tcp.connect(listener.address, 5)
        await noisy.send(b"GET / HTTP/1.1\r\n\r\n" * 100)
        await noisy.close()
        link = await tcp.connect(listener.address, 5)
        await give(link)
        assert (await enrolling).objects
        await link.close()
        await silent.close()
    assert [type(error) for _, error in refusals] == [StreamEndedError]


async def test_a_crowd_is_turned_away_and_makes_room_again() -> None:
    async with tcp.listen(ANY_PORT) as listener:
        crowd = [await tcp.connect(listener.address, 5) for _ in range(8)]
        accepted = [await listener.accept() for _ in crowd]
        ninth = await tcp.connect(listener.address, 5)
        with pytest.raises(StreamEndedError):
            await ninth.receive()
        await listener.release(accepted[0])
        await ninth.close()
        tenth = await tcp.connect(listener.address, 5)
        await room_for_one(listener)
        for link in (*crowd, tenth):
            await link.close()


async def room_for_one(listener: Listener) -> None:
    async with asyncio.timeout(5):
        await listener.accept()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", Address("192.0.2.1", 8908)),
        ("host.example:1", Address("host.example", 1)),
        ("[::1]:9", Address("::1", 9)),
        ("[::1]", Address("::1", 8908)),
        ("::1", Address("::1", 8908)),
    ],
)
def test_an_address_is_read_as_people_write_it(text: str, address: Address) -> None:
    assert Address.parse(text) == address
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize("text", ["", ":1", "host:", "host:x", "host:65536", "[::1", "[::1]x", "host:-1", "host:¹"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        Address.parse(text)

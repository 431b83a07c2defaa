import asyncio

import pytest

from device_agent.errors import PeripheralError
from device_agent.peripheral.notify_socket import NotifySocket

BURST = 5000


async def fill(held: NotifySocket) -> None:
    for number in range(BURST):
        await held.send(number.to_bytes(4, "big"))


async def test_a_full_socket_makes_the_sender_wait_and_packets_stay_whole() -> None:
    held = NotifySocket(lambda _: None)
    filling = asyncio.create_task(fill(held))
    loop = asyncio.get_running_loop()
    got = [await loop.sock_recv(held.their_end, 512) for _ in range(BURST)]
    await filling
    assert got == [number.to_bytes(4, "big") for number in range(BURST)]
    held.close()


async def test_a_sender_that_waits_hears_at_once_that_the_other_end_is_closed() -> None:
    closed: list[NotifySocket] = []
    held = NotifySocket(closed.append)
    filling = asyncio.create_task(fill(held))
    await asyncio.wait([filling], timeout=0.2)
    assert not filling.done()
    held.their_end.close()
    async with asyncio.timeout(5):
        with pytest.raises(PeripheralError, match="no more notifications"):
            await filling
    assert held in closed


async def test_a_sender_that_waits_hears_at_once_that_this_end_is_closed() -> None:
    held = NotifySocket(lambda _: None)
    filling = asyncio.create_task(fill(held))
    await asyncio.wait([filling], timeout=0.2)
    held.close()
    async with asyncio.timeout(5):
        with pytest.raises(PeripheralError):
            await filling


async def test_nobody_subscribed_any_more_is_told_once() -> None:
    told = asyncio.Queue[NotifySocket]()
    held = NotifySocket(told.put_nowait)
    held.their_end.close()
    async with asyncio.timeout(5):
        assert await told.get() is held
    with pytest.raises(PeripheralError):
        await held.send(b"1")
    held.close()

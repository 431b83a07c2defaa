"""Several stateless servers over one PostgreSQL: whichever a request meets, the answer is the same."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import httpx
import pytest

from onboarding_api.storage.database import Database
from tests.onboarding_api.actors import FactoryDevice, database_url
from tests.onboarding_api.balancer import Balancer
from tests.onboarding_api.conftest import settle
from tests.onboarding_api.postgresql import PostgreSQL
from tests.onboarding_api.processes import HttpUser, serving
from tests.world.process import Process


@pytest.fixture
def shared(postgresql: PostgreSQL, tmp_path: Path) -> Path:
    url = postgresql.create()
    settle(tmp_path, url)
    (tmp_path / "database.url").write_text(url)
    return tmp_path


@asynccontextmanager
async def two_servers(folder: Path) -> AsyncIterator[list[tuple[Process, str]]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving(folder)) for _ in range(2)]


async def test_who_signs_in_at_one_server_works_at_the_other(shared: Path) -> None:
    async with two_servers(shared) as ((_, here), (_, there)), HttpUser.signed_in(here) as ann:
        device = FactoryDevice()
        opened = await ann.open(device)
        body = device.answer(opened)
        async with httpx.AsyncClient(base_url=there, headers=ann.http.headers) as http:
            first = await HttpUser(http).register(opened, body)
            again = await ann.register(opened, body)
            onboarding = (await http.get(f"/v1/onboardings/{opened['id']}")).json()
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.content == again.content
    assert onboarding["state"] == "assigned"


async def test_a_stream_at_one_server_tells_what_came_through_the_other(shared: Path) -> None:
    device, seen = FactoryDevice(), []
    async with two_servers(shared) as ((_, here), (_, there)), HttpUser.signed_in(here) as ann, asyncio.timeout(20):
        opened = await ann.open(device)
        async with (
            httpx.AsyncClient(base_url=there, headers=ann.http.headers) as elsewhere,
            ann.http.stream("GET", f"/v1/onboardings/{opened['id']}/events") as response,
        ):
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    seen.append(json.loads(line.removeprefix("data: "))["state"])
                    if seen == ["open"]:
                        await HttpUser(elsewhere).register(opened, device.answer(opened))
                    if seen[-1] == "assigned":
                        break
    assert seen == ["open", "assigned"]


async def test_a_server_killed_behind_a_balancer_costs_no_acknowledged_registration(shared: Path) -> None:
    acknowledged: list[str] = []

    async def onboard_until_cancelled(url: str) -> None:
        async with HttpUser.signed_in(url) as ann:
            while True:
                try:
                    acknowledged.append((await ann.onboard(FactoryDevice()))["device"]["id"])
                except httpx.TransportError:
                    continue  # what a phone does: it begins anew, and whichever server it meets knows all

    async def until(count: int, clients: list[asyncio.Task[None]]) -> None:
        while len(acknowledged) < count:
            done, _ = await asyncio.wait(clients, timeout=0.01)
            for client in done:
                client.result()

    async with two_servers(shared) as servers, Balancer.over([url for _, url in servers]) as url, asyncio.timeout(60):
        clients = [asyncio.create_task(onboard_until_cancelled(url)) for _ in range(4)]
        await until(20, clients)
        servers[0][0].kill_group(signal.SIGKILL)
        await until(len(acknowledged) + 20, clients)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
    assert set(acknowledged) <= stored_devices(shared)


def stored_devices(folder: Path) -> set[str]:
    with closing(Database(database_url(folder))) as database, database.reading() as connection:
        return set(connection.exec_driver_sql("SELECT device_id FROM hardware").scalars())

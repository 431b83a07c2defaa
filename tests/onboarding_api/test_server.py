"""`onboarding-api serve` as a process: workers, streams, signals, and what survives a kill."""

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from pathlib import Path

import httpx
import pytest

from onboarding_api.domain.identifiers import DeviceId, DeviceKey, TenantId, Timestamp
from onboarding_api.services.contacts import Contacts
from onboarding_api.storage.database import Database
from tests.onboarding_api.actors import PASSWORD, FactoryDevice, Json, database_url, sequence
from tests.onboarding_api.processes import HttpUser, serving
from tests.world.process import ProcessError


async def events(user: HttpUser, opened: Json) -> AsyncGenerator[Json]:
    async with user.http.stream("GET", f"/v1/onboardings/{opened['id']}/events") as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream"
        async for line in response.aiter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


def contact_from_another_process(folder: Path, registered: Json) -> None:
    key = DeviceKey(TenantId(registered["device"]["tenant"]), DeviceId(registered["device"]["id"]))
    with closing(Database(database_url(folder))) as database:
        Contacts(database).seen(key, sequence(registered), Timestamp(int(time.time())))


async def test_a_stream_tells_what_another_process_committed(folder: Path) -> None:
    async with serving(folder) as (_, url), HttpUser.signed_in(url) as user:
        device = FactoryDevice()
        opened = await user.open(device)
        seen: list[str] = []
        async with aclosing(events(user, opened)) as stream, asyncio.timeout(10):
            async for view in stream:
                seen.append(view["state"])
                if view["state"] == "open":
                    registered = (await user.register(opened, device.answer(opened))).json()
                elif view["state"] == "assigned":
                    await asyncio.to_thread(contact_from_another_process, folder, registered)
        assert seen == ["open", "assigned", "connected"]


async def test_open_streams_leave_threads_for_other_requests(folder: Path) -> None:
    async with serving(folder, "--streams", "3") as (_, url), HttpUser.signed_in(url) as user:
        opened = await user.open(FactoryDevice())
        streams = [events(user, opened) for _ in range(3)]
        for stream in streams:
            assert (await anext(stream))["state"] == "open"
        refused = await user.http.get(f"/v1/onboardings/{opened['id']}/events")
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:onboarding:problem:too-many-streams")
        assert (await user.http.get("/healthz")).status_code == 200
        await user.onboard(FactoryDevice())
        for stream in streams:
            await stream.aclose()


async def test_two_workers_share_one_registry(folder: Path) -> None:
    async with serving(folder, "--workers", "2") as (_, url):
        device = FactoryDevice()
        async with HttpUser.signed_in(url) as user:
            opened = await user.open(device)
        body = device.answer(opened)

        async def one() -> httpx.Response:
            async with HttpUser.signed_in(url) as copy:
                return await copy.register(opened, body)

        answers = await asyncio.gather(*(one() for _ in range(8)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 7}
    assert len({answer.content for answer in answers}) == 1


async def test_sigterm_ends_the_server_at_once_and_without_complaint(folder: Path) -> None:
    async with serving(folder) as (process, url), HttpUser.signed_in(url) as user:
        await user.onboard(FactoryDevice())
        process.kill(signal.SIGTERM)
        assert await process.finish(10) == 0
        assert [event["event"] for event in process.events] == ["ready"]


async def test_the_log_of_a_server_holds_events_and_no_secrets(folder: Path) -> None:
    device = FactoryDevice()
    async with serving(folder) as (process, url), HttpUser.signed_in(url) as user:
        opened = await user.open(device)
        body = device.answer(opened)
        await user.register(opened, body)
        token = user.http.headers["Authorization"].removeprefix("Bearer ")
    logged = process.log.read_text()
    told = {json.loads(line)["event"] for line in logged.splitlines()}
    assert told == {"onboarding.opened", "device.registered", "request"}
    for secret in (PASSWORD, token, body["proof"], body["csr"], opened["challenge"]):
        assert secret not in logged


async def test_a_taken_port_is_refused(folder: Path) -> None:
    async with serving(folder) as (_, url):
        with pytest.raises(ProcessError, match="cannot listen"):
            async with serving(folder, port=int(url.rpartition(":")[2])):
                pass


@pytest.mark.parametrize("round_", range(3))
async def test_a_killed_server_loses_no_acknowledged_registration(folder: Path, round_: int) -> None:
    acknowledged: list[str] = []

    async def load(url: str) -> None:
        async with HttpUser.signed_in(url) as user:
            while True:
                acknowledged.append((await user.onboard(FactoryDevice()))["device"]["id"])

    async with serving(folder, "--workers", "2") as (process, url):
        clients = [asyncio.create_task(load(url)) for _ in range(4)]
        while len(acknowledged) < 20 + 7 * round_:
            await asyncio.wait(clients, timeout=0.005)
        started = await process.wait_event("ready")
        os.killpg(int(str(started["pid"])), signal.SIGKILL)  # the workers, too: they would outlive their parent
        await asyncio.gather(*clients, return_exceptions=True)
    with closing(Database(database_url(folder))) as database, database.reading() as connection:
        stored = set(connection.exec_driver_sql("SELECT device_id FROM hardware").scalars())
        counts = {
            connection.exec_driver_sql(f"SELECT count(*) FROM {t}").scalar()
            for t in ("devices", "credentials", "owners", "certificates", "hardware")
        }
        if database.is_sqlite:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    assert set(acknowledged) <= stored
    assert counts == {len(stored)}

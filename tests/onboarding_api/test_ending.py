"""How a server ends: it finishes what it has, takes nothing new, and ends its streams."""

import asyncio
import base64
import signal
from pathlib import Path

import httpx

from tests.onboarding_api.actors import PASSWORD, FactoryDevice
from tests.onboarding_api.processes import HttpUser, serving

BODY = b'{"enabled": true}'


async def begin_request(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send the head of a request; return when the application has asked for the body, and so is in the middle of it."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    authorization = base64.b64encode(f"root:{PASSWORD}".encode()).decode()
    head = (
        f"POST /v1/devices/acme/last HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\nExpect: 100-continue\r\n\r\n"
    )
    writer.write(head.encode())
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    return reader, writer


async def until_refused(url: str) -> None:
    while True:
        try:
            async with httpx.AsyncClient(base_url=url) as client:
                await client.get("/healthz")
        except httpx.TransportError:
            return


async def test_a_request_in_progress_at_sigterm_is_answered_and_a_new_one_is_not(folder: Path) -> None:
    async with serving(folder) as (process, url), asyncio.timeout(20):
        reader, writer = await begin_request(url)
        process.kill(signal.SIGTERM)
        await until_refused(url)
        writer.write(BODY)
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 201 "), answer
        assert b'{"id":"last"}' in answer
        writer.close()
        assert await process.finish(10) == 0


async def test_streams_end_at_sigterm_and_nothing_has_to_be_killed(folder: Path) -> None:
    async with serving(folder) as (process, url), HttpUser.signed_in(url) as user, asyncio.timeout(20):
        opened = await user.open(FactoryDevice())
        async with user.http.stream("GET", f"/v1/onboardings/{opened['id']}/events") as response:
            lines = response.aiter_lines()
            assert await anext(lines) == "event: onboarding"
            process.kill(signal.SIGTERM)
            assert [line async for line in lines if line.startswith("event")] == []
        assert await process.finish(10) == 0
    assert "Killing" not in process.log.read_text()


async def test_a_draining_server_says_so_and_still_answers(folder: Path) -> None:
    async with serving(folder, "--drain", "60", "--workers", "2") as (process, url), asyncio.timeout(20):
        process.kill(signal.SIGTERM)
        status = 200
        while status == 200:
            async with httpx.AsyncClient(base_url=url) as client:
                ready = await client.get("/readyz")
            status = ready.status_code
        assert [each["check"] for each in ready.json()["reasons"]] == ["draining"]
        async with HttpUser.signed_in(url) as user:
            await user.onboard(FactoryDevice())
        process.kill(signal.SIGTERM)
        assert await process.finish(10) == 0

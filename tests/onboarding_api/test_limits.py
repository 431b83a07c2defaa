"""Bodies, heads and addresses that are too large, at a real server, however they are announced."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.onboarding_api.actors import PASSWORD
from tests.onboarding_api.processes import serving

JSON = {"Content-Type": "application/json"}
PATHS = [
    ("POST", "/v1/tokens"),
    ("POST", "/v1/onboardings"),
    ("PUT", "/v1/tenants/acme"),
    ("POST", "/v1/devices/acme"),
    ("PUT", "/v1/credentials/acme/d1"),
]


async def in_chunks(octets: int) -> AsyncIterator[bytes]:
    for _ in range(octets // 1000):
        yield b" " * 1000


async def test_a_body_that_is_too_large_is_refused_whether_or_not_its_length_is_told(folder: Path) -> None:
    async with serving(folder) as (_, url), httpx.AsyncClient(base_url=url) as member:
        token = await member.post("/v1/tokens", json={"username": "ann", "password": PASSWORD})
        member.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
        for method, path in PATHS:
            auth = ("root", PASSWORD) if "tokens" not in path and "onboardings" not in path else None
            for body in (b" " * 100_000, in_chunks(100_000)):
                answer = await member.request(method, path, content=body, headers=JSON, auth=auth)
                assert answer.status_code == 413, (path, answer.text)
                assert answer.headers["Content-Type"] == "application/problem+json"
        assert (await member.get("/healthz")).status_code == 200


async def raw(url: str, octets: bytes) -> bytes:
    """Send octets; return the status line of what comes back, or nothing if the server only hangs up."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(octets)
        await writer.drain()
        return await reader.readline()
    except OSError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Large: " + b"x" * 200_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + b"".join(b"X-%d: x\r\n" % number for number in range(500)) + b"\r\n",
    ],
    ids=["address", "header", "headers"],
)
async def test_a_head_that_is_too_large_never_reaches_the_application(folder: Path, head: bytes) -> None:
    async with serving(folder) as (process, url), asyncio.timeout(20):
        assert (await raw(url, head))[:12] in (b"", b"HTTP/1.1 414", b"HTTP/1.1 431", b"HTTP/1.1 400")
        assert (await raw(url, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")).startswith(b"HTTP/1.1 200")
    assert process.log.read_text().count('"event": "request"') == 1


async def test_a_body_that_never_comes_keeps_no_other_tenant_waiting(folder: Path) -> None:
    async with serving(folder) as (_, url), asyncio.timeout(20):
        host, _, port = url.removeprefix("http://").partition(":")
        head = b"POST /v1/tokens HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n"
        slow = [await asyncio.open_connection(host, int(port)) for _ in range(8)]
        for _, writer in slow:
            writer.write(head)
            await writer.drain()
        async with httpx.AsyncClient(base_url=url, auth=("amy", PASSWORD)) as client:
            assert (await client.get("/v1/tenants/acme")).status_code == 200
        for _, writer in slow:
            writer.close()

"""Hono's paths at the real server: what only octets on a connection can show."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.onboarding_api.actors import PASSWORD
from tests.onboarding_api.processes import serving


@asynccontextmanager
async def managing(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Root at a server that has a device d1 of acme."""
    async with (
        serving(folder) as (_, url),
        httpx.AsyncClient(base_url=url, auth=("root", PASSWORD), timeout=10, follow_redirects=True) as http,
    ):
        assert (await http.post("/v1/devices/acme/d1")).status_code == 201
        yield http


async def octets(http: httpx.AsyncClient, request: str, *headers: bytes) -> tuple[int, bytes]:
    """Send a request as it stands there, and return status and what else came."""
    reader, writer = await asyncio.open_connection(http.base_url.host, http.base_url.port)
    credentials = base64.b64encode(f"root:{PASSWORD}".encode())
    lines = [request.encode() + b" HTTP/1.1", b"Host: x", b"Connection: close", b"Authorization: Basic " + credentials]
    writer.write(b"\r\n".join([*lines, *headers, b"", b""]))
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return int(answer.split(b" ", 2)[1]), answer


@pytest.mark.parametrize("value", [b"\xfc", b"\xc3\xbc", b"nonsense\xff", b"\xa0", b""])
async def test_an_if_match_that_is_not_ascii_is_no_permission(folder: Path, value: bytes) -> None:
    async with managing(folder) as http:
        for path in ("/v1/devices/acme/d1", "/v1/tenants/acme"):
            status, answer = await octets(http, f"DELETE {path}", b"If-Match: " + value)
            assert status == 400, answer
            assert b"urn:onboarding:problem:precondition-refused" in answer
            assert (await http.get(path)).status_code == 200


async def test_empty_segments_and_forgotten_ids_delete_nothing(folder: Path) -> None:
    async with managing(folder) as http:
        for path in ("/v1/devices//acme", "/v1/devices//acme/d1", "/v1//devices/acme", "/v1/devices/acme//d1"):
            status, answer = await octets(http, f"DELETE {path}")
            assert (status, b"Location" in answer) == (404, False), answer
            assert (await http.delete(path)).status_code == 404
        assert (await http.delete("/v1/devices/acme/")).status_code == 405
        assert (await http.get("/v1/devices/acme/d1")).status_code == 200


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for each in given:
        yield each


def body(size: int) -> Iterable[bytes]:
    return b'{"ext": {"a": "', b"x" * (size - 19), b'"}} '


async def test_a_body_in_chunks_is_bounded_like_any_other(folder: Path) -> None:
    headers = {"Content-Type": "application/json"}
    async with managing(folder) as http:
        for size, status in ((15_999, 204), (16_001, 413), (40_000, 413)):
            answer = await http.put("/v1/devices/acme/d1", content=pieces(*body(size)), headers=headers)
            assert answer.status_code == status, answer.text
            if status == 413:
                assert answer.json()["error"]
        assert (await http.post("/v1/devices/acme/d2", content=pieces(), headers=headers)).status_code == 201
        assert (await http.put("/v1/devices/acme/d2", content=pieces(), headers=headers)).status_code == 400

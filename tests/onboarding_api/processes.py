"""The real programs: `onboarding-api serve` as a process over a test's registry, and an HTTP user of it."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.onboarding_api.actors import PASSWORD, FactoryDevice, Json, database_url
from tests.world.process import Process
from tests.world.world import free_port

PROGRAM = Path(sys.executable).parent / "onboarding-api"


@asynccontextmanager
async def serving(folder: Path, *options: str, port: int | None = None) -> AsyncIterator[tuple[Process, str]]:
    address = f"127.0.0.1:{port or free_port()}"
    where = ["--database", database_url(folder), "--key-file", str(folder / "registry.key")]
    command: list[str | Path] = [PROGRAM, "serve", "--bind", address, *where, "--issuer", "test", "--json", *options]
    process = await Process.start("api", command, folder)
    try:
        await process.wait_event("ready")
        yield process, f"http://{address}"
    finally:
        await process.stop()


class HttpUser:
    """A user who is signed in at a real server."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    @classmethod
    @asynccontextmanager
    async def signed_in(cls, url: str, name: str = "ann") -> AsyncIterator["HttpUser"]:
        async with httpx.AsyncClient(base_url=url, timeout=10) as http:
            answer = await http.post("/v1/tokens", json={"username": name, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield cls(http)

    async def open(self, device: FactoryDevice) -> Json:
        answer = await self.http.post("/v1/onboardings", json=device.opening())
        assert answer.status_code == 201, answer.text
        opened: Json = answer.json()
        return opened

    async def register(self, opened: Json, body: Json) -> httpx.Response:
        return await self.http.post(f"/v1/onboardings/{opened['id']}/device", json=body)

    async def onboard(self, device: FactoryDevice) -> Json:
        opened = await self.open(device)
        answer = await self.register(opened, device.answer(opened))
        assert answer.status_code == 201, answer.text
        registered: Json = answer.json()
        return registered

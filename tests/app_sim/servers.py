"""Real sockets that misbehave: a server that gives one answer to everything, and a proxy that loses replies."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[str]:
    """Answer every request with these octets and close; with None, accept and never answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_length(head))
        if answer is not None:
            writer.write(answer)
        else:
            await reader.read()

    async with _listening(serve) as url:
        yield url


@asynccontextmanager
async def _listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """Serve each connection; at the end wait until the last is closed, so that no test leaves a socket behind."""
    serving: list[asyncio.Task[None]] = []

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.append(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serve(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(attend, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await asyncio.gather(*serving)


def http(status: int, body: bytes, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


@dataclass
class Proxy:
    """Hands on to the real API, but no streams; the replies to the next `losses` requests for `path` are lost."""

    upstream: str
    path: bytes = b"/device "
    losses: int = 0
    requests: list[bytes] = field(default_factory=list)
    """The bodies of the requests for `path`."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        async with _listening(self._serve) as url:
            yield url

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = urlsplit(self.upstream)
        inner, outer = await asyncio.open_connection(address.hostname, address.port)
        try:
            while await self._exchange(reader, writer, inner, outer):
                pass
        finally:
            outer.close()
            await outer.wait_closed()

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        inner: asyncio.StreamReader,
        outer: asyncio.StreamWriter,
    ) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/events " in head.split(b"\r\n")[0]:
            return False
        body = await reader.readexactly(_length(head))
        outer.write(head + body)
        answer_head = await inner.readuntil(b"\r\n\r\n")
        answer = answer_head + await inner.readexactly(_length(answer_head))
        if self.path in head.split(b"\r\n")[0]:
            self.requests.append(body)
            if self.losses:
                self.losses -= 1
                return False
        writer.write(answer)
        return True


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0

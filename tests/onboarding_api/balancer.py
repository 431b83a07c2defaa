"""A TCP balancer: each connection goes to the next server that accepts it, as with a real one after a health check."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

_CHUNK = 64 * 1024


class Balancer:
    """Forwards connections, in turn."""

    def __init__(self, servers: Sequence[str]) -> None:
        self._addresses = [url.removeprefix("http://").split(":") for url in servers]
        self._turns = itertools.cycle(range(len(servers)))

    @classmethod
    @asynccontextmanager
    async def over(cls, servers: Sequence[str]) -> AsyncIterator[str]:
        """Balance over these servers; yield the URL to use instead of theirs."""
        server = await asyncio.start_server(cls(servers)._forward, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        try:
            yield f"http://{host}:{port}"
        finally:
            server.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = next(self._turns)
        for number in range(len(self._addresses)):
            host, port = self._addresses[(first + number) % len(self._addresses)]
            with suppress(OSError):
                there_reader, there_writer = await asyncio.open_connection(host, int(port))
                break
        else:
            writer.close()
            return
        await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while octets := await reader.read(_CHUNK):
            writer.write(octets)
            await writer.drain()
    writer.close()

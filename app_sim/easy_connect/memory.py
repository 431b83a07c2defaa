"""Two links joined in memory: what one sends the other receives, in the same pieces."""

import asyncio

from app_sim.easy_connect.errors import StreamEndedError

CHUNKS_MAX = 1024
"""Chunks on their way; whoever sends more waits until they are received."""


class MemoryLink:
    """One end; build both with `pair`."""

    def __init__(self, inward: "asyncio.Queue[bytes | None]", outward: "asyncio.Queue[bytes | None]") -> None:
        self._inward = inward
        self._outward = outward
        self._closed = False

    async def send(self, octets: bytes) -> None:
        """Hand the octets over; StreamEndedError once this end is closed."""
        if self._closed:
            raise StreamEndedError("the link is closed")
        await self._outward.put(octets)

    async def receive(self) -> bytes:
        """Return the next octets; StreamEndedError when the link has ended and everything that came was returned."""
        octets = await self._inward.get()
        if octets is None:
            self._inward.put_nowait(None)
            raise StreamEndedError("the peer has ended the link")
        return octets

    async def close(self) -> None:
        """End the link for both."""
        if not self._closed:
            self._closed = True
            await self._outward.put(None)


def pair() -> tuple[MemoryLink, MemoryLink]:
    """Return both ends of a new link."""
    there: asyncio.Queue[bytes | None] = asyncio.Queue(CHUNKS_MAX)
    back: asyncio.Queue[bytes | None] = asyncio.Queue(CHUNKS_MAX)
    return MemoryLink(back, there), MemoryLink(there, back)

"""Easy Connect over TCP (section 6.1): the same octets as over GATT, on one stream, port 8908 by default.

Rules kept here: length and message leave in one piece, because wpa_supplicant gives up on a length that comes
alone; a listener is bound to the one address it was told; neither end can make the other hold more than a few
messages, or wait for ever.
"""

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator
from dataclasses import dataclass

from app_sim.easy_connect.errors import AddressError, PeerUnreachableError, StreamEndedError
from onboarding_protocol.dpp import MESSAGE_MAX_OCTETS

PORT = 8908
LOOPBACK = "127.0.0.1"
SEND_S = 10.0
"""How long a peer may refuse to take octets."""
CLOSE_S = 2.0
_BUFFER_OCTETS = 2 * MESSAGE_MAX_OCTETS
_CHUNK_OCTETS = 4096
_CONNECTIONS_MAX = 8


@dataclass(frozen=True, slots=True)
class Address:
    """Host and port, written `HOST`, `HOST:PORT` or `[IPV6]:PORT`."""

    host: str
    port: int = PORT

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read an address; ValueError says what is wrong with it."""
        host, port = text, str(PORT)
        if text.startswith("["):
            host, bracket, rest = text[1:].partition("]")
            if not bracket or (rest and not rest.startswith(":")):
                raise ValueError(f"{text!r} is no address: an IPv6 address is written [ADDRESS]:PORT")
            port = rest[1:] or port
        elif text.count(":") == 1:
            host, _, port = text.partition(":")
        if not host or not port.isascii() or not port.isdecimal() or int(port) > 0xFFFF:
            raise ValueError(f"{text!r} is no address: HOST, HOST:PORT or [IPV6]:PORT")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class TcpLink:
    """One connection; build it with `connect`, or get it from a `Listener`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def peer(self) -> str:
        """Where the other end is."""
        host, port, *_ = self._writer.get_extra_info("peername") or ("?", 0)
        return str(Address(host, port))

    async def send(self, octets: bytes) -> None:
        """Write all octets in one piece; StreamEndedError if the peer has gone or does not take them."""
        try:
            self._writer.write(octets)
            async with asyncio.timeout(SEND_S):
                await self._writer.drain()
        except OSError as error:
            raise StreamEndedError("the TCP connection broke while sending") from error

    async def receive(self) -> bytes:
        """Return the next octets; StreamEndedError when the peer has hung up and everything that came was returned."""
        try:
            octets = await self._reader.read(_CHUNK_OCTETS)
        except OSError as error:
            raise StreamEndedError("the TCP connection broke") from error
        if not octets:
            raise StreamEndedError("the peer has hung up")
        return octets

    async def close(self) -> None:
        """End the connection; what was sent still goes out. Never fails."""
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._writer.wait_closed()
        except OSError:
            self._writer.transport.abort()


async def connect(address: Address, patience_s: float) -> TcpLink:
    """Connect to a listening peer; PeerUnreachableError if that does not work in time."""
    try:
        async with asyncio.timeout(patience_s):
            return TcpLink(*await asyncio.open_connection(address.host, address.port, limit=_BUFFER_OCTETS))
    except (OSError, UnicodeError) as error:
        reason = "no answer" if isinstance(error, TimeoutError) else error
        raise PeerUnreachableError(f"no connection to {address}: {reason}") from error


class Listener:
    """Connections as they come; build it with `listen`."""

    def __init__(self) -> None:
        self._arrived: asyncio.Queue[TcpLink] = asyncio.Queue()
        self._server: asyncio.Server | None = None
        self._open: set[TcpLink] = set()
        self.address = Address(LOOPBACK, 0)
        """Where it listens, with the port that was chosen."""

    async def start(self, address: Address) -> None:
        """Bind to exactly this address."""
        try:
            literal = ipaddress.ip_address(address.host)
            self._server = await asyncio.start_server(
                self._arrive, str(literal), address.port, limit=_BUFFER_OCTETS, backlog=_CONNECTIONS_MAX
            )
        except ValueError as error:
            raise AddressError(f"{address.host} is not an IP address; a name may stand for several") from error
        except OSError as error:
            raise AddressError(f"nothing can listen at {address}: {error.strerror or error}") from error
        host, port, *_ = self._server.sockets[0].getsockname()
        self.address = Address(host, port)

    async def accept(self) -> TcpLink:
        """Return the next connection. Beyond a handful of open ones, newcomers are turned away."""
        return await self._arrived.get()

    async def release(self, link: TcpLink) -> None:
        """Close a connection and make room for another."""
        self._open.discard(link)
        await link.close()

    async def stop(self) -> None:
        """Hear no more, and end what is open."""
        if self._server is not None:
            self._server.close()
        for link in tuple(self._open):
            await self.release(link)

    async def _arrive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= _CONNECTIONS_MAX:
            writer.transport.abort()
            return
        link = TcpLink(reader, writer)
        self._open.add(link)
        self._arrived.put_nowait(link)


@contextlib.asynccontextmanager
async def listen(address: Address) -> AsyncIterator[Listener]:
    """Listen for peers; AddressError if that address cannot be used."""
    listener = Listener()
    try:
        await listener.start(address)
        yield listener
    finally:
        await listener.stop()

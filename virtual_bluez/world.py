"""All parties in range of each other, as an asynchronous context manager: the package's Python API."""

import re
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from virtual_bluez.counters import Counters
from virtual_bluez.ether import Ether
from virtual_bluez.message_bus import BusError
from virtual_bluez.party import Party

__all__ = ["DEFAULT_MTU", "LARGEST_MTU", "SMALLEST_MTU", "VirtualBluez"]

SMALLEST_MTU = 23
DEFAULT_MTU = LARGEST_MTU = 517
"""What bluetoothd offers; beyond it no value would fit the 512 octets an attribute may have."""
MOST_PARTIES = 255


class VirtualBluez:
    """`org.bluez` for each of *parties*, until the context ends.

    *directory* is where the sockets go; it is made (0700) and removed if it does not exist, and a temporary one is
    used without it. *latency_ms* is the time to the next connection event, for each direction of each link. Without
    *sockets* applications are asked for none, as before BlueZ 5.48.
    Raises BusError if a bus cannot be started, ValueError for names or an MTU that cannot be.
    """

    def __init__(
        self,
        parties: Sequence[str],
        *,
        mtu: int = DEFAULT_MTU,
        latency_ms: float = 0.0,
        sockets: bool = True,
        directory: Path | None = None,
    ) -> None:
        if not SMALLEST_MTU <= mtu <= LARGEST_MTU:
            raise ValueError(f"an MTU is {SMALLEST_MTU} to {LARGEST_MTU}, not {mtu}")
        if not parties or len(set(parties)) != len(parties) or len(parties) > MOST_PARTIES:
            raise ValueError(f"name 1 to {MOST_PARTIES} different parties")
        for name in parties:
            if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
                raise ValueError(f"a party is named by letters, digits, _ and -, not {name!r}")
        self._names = tuple(parties)
        self._mtu = mtu
        self._latency_s = latency_ms / 1000
        self._sockets = sockets
        self._directory = directory
        self._parties: dict[str, Party] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            directory = self._make_directory(stack)
            ether = Ether(self._latency_s)
            for number, name in enumerate(self._names, start=1):
                party = Party(name, f"00:AA:01:00:00:{number:02X}", ether, self._mtu, directory, self._sockets)
                self._parties[name] = await stack.enter_async_context(party)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def parties(self) -> tuple[str, ...]:
        """The names of the parties, in their order."""
        return self._names

    def bus_address(self, party: str) -> str:
        """Return the value of DBUS_SYSTEM_BUS_ADDRESS that makes a program this party."""
        return self._parties[party].bus_address

    def counters(self, party: str) -> Counters:
        """Return what *party* has sent so far; the object goes on counting."""
        return self._parties[party].radio.controller.counters

    async def drop_links(self, party: str) -> None:
        """End all links of *party*, as if it had been out of range for a moment."""
        self._parties[party].radio.lose_links()

    async def restart(self, party: str) -> None:
        """End `org.bluez` of *party* and start it again; programs notice, and have to register again."""
        await self._parties[party].restart()

    def _make_directory(self, stack: AsyncExitStack) -> Path:
        if self._directory is None:
            return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="virtual-bluez-")))
        directory = self._directory.absolute()
        if not directory.exists():
            try:
                directory.mkdir(mode=0o700, parents=True)
            except OSError as error:
                raise BusError(f"cannot make {directory}: {error.strerror}") from error
            stack.callback(directory.rmdir)
        elif directory.stat().st_mode & 0o077:
            raise BusError(f"{directory} is open to others: chmod 700 {directory}, or name one that does not exist")
        return directory

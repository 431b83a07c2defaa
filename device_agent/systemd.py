"""sd_notify(3): one datagram to the service manager that started us. Without one, nothing is said.

The watchdog is fed by the agent's own loop: a loop that no longer takes its events feeds nothing, and is restarted.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Self

from device_agent.moments import sentence


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """The service manager's end of the conversation, as its environment variables describe it."""

    address: str | None = None
    watchdog_s: float | None = None
    """Without a sign of life for so long, we are killed."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read NOTIFY_SOCKET and WATCHDOG_USEC; a watchdog that is meant for another process is not ours."""
        address = environment.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return cls()
        microseconds = environment.get("WATCHDOG_USEC", "")
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        feeds = ours and microseconds.isascii() and microseconds.isdecimal() and int(microseconds) > 0
        return cls(address, int(microseconds) / 1e6 if feeds else None)

    def tell(self, *assignments: str) -> None:
        """Send assignments such as READY=1; a manager that does not listen is no reason to stop."""
        if self.address is None:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
            link.setblocking(False)
            try:
                link.sendto("\n".join(assignments).encode(), address)
            except OSError:
                return

    def heard(self, event: str, facts: Mapping[str, object]) -> None:
        """Pass an event of the journal on: what `systemctl status` shows, and that we are ready."""
        status = f"STATUS={sentence(event, facts)}"
        self.tell(*(("READY=1", status) if event == "ready" else (status,)))

    async def feed_watchdog(self, come_round: Callable[[], Awaitable[object]]) -> None:
        """Send a sign of life each time `come_round` returns, at four times the pace asked for.

        So a turn of the loop may take three quarters of the time.
        """
        if self.watchdog_s is None:
            return
        while True:
            await come_round()
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_s / 4)

"""A private message bus for one party: a `dbus-daemon` of its own that cannot outlive us.

The bus is of type `system`, for DBUS_SYSTEM_BUS_ADDRESS, allows everything to our user and nothing to others, and
its socket lies in a directory only we can enter (the daemon makes the socket itself world-writable).
"""

import asyncio
import ctypes
import os
import shutil
import signal
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote
from xml.sax.saxutils import escape

__all__ = ["BusError", "PrivateBus"]

DAEMON = "dbus-daemon"
START_TIMEOUT_S = 10.0
SOCKET_PATH_LIMIT = 107
"""Octets of `sun_path` in Linux' `sockaddr_un`, without the final zero."""
PR_SET_PDEATHSIG = 1

_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <deny user="*"/>
    <allow user="{user}"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""
_libc = ctypes.CDLL(None)


class BusError(Exception):
    """A message bus could not be started; the sentence says what to do."""


class PrivateBus:
    """The message bus of the party called *name*, in *directory*."""

    def __init__(self, name: str, directory: Path) -> None:
        self._socket = directory / f"{name}.bus"
        self._configuration = directory / f"{name}.conf"
        self._log = directory / f"{name}.log"
        self._process: Process | None = None

    @property
    def address(self) -> str:
        """The address for DBUS_SYSTEM_BUS_ADDRESS."""
        # D-Bus wants `~` escaped, which `quote` never does.
        return "unix:path=" + quote(str(self._socket), safe="/").replace("~", "%7E")

    async def __aenter__(self) -> Self:
        daemon = shutil.which(DAEMON)
        if daemon is None:
            raise BusError(f"{DAEMON} is missing: apt-get install dbus-daemon")
        if len(os.fsencode(self._socket)) > SOCKET_PATH_LIMIT:
            raise BusError(f"{self._socket} is too long for a socket: choose a shorter --directory")
        self._remove_files()
        self._configuration.write_text(_CONFIGURATION.format(address=escape(self.address), user=os.getuid()))
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                daemon,
                f"--config-file={self._configuration}",
                "--print-address=1",
                "--nofork",
                "--nopidfile",
                stdout=PIPE,
                stderr=log,
                preexec_fn=_die_with_parent,
                # An interrupt from the terminal is ours to handle; the bus is still needed then.
                start_new_session=True,
            )
        try:
            await self._until_ready(self._process)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.communicate()
        self._remove_files()

    async def _until_ready(self, process: Process) -> None:
        """Wait for the printed address: from then on the socket listens."""
        address = b""
        if process.stdout:
            with suppress(TimeoutError):
                async with asyncio.timeout(START_TIMEOUT_S):
                    address = await process.stdout.readline()
        if not address:
            complaint = self._log.read_text(errors="replace").strip() or f"not ready after {START_TIMEOUT_S:g} s"
            raise BusError(f"{DAEMON} did not start: {complaint}")

    def _remove_files(self) -> None:
        for path in (self._socket, self._configuration, self._log):
            path.unlink(missing_ok=True)


def _die_with_parent() -> None:
    """Run in the new process: have the kernel end it when we are killed and cannot clean up."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

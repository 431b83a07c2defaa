"""Starts what the host asks for, tells it what that says and how it ends: JSON lines over a virtio serial port.

    to the guest   {"start": 1, "command": [...], "environment": {...}, "input": null, "log": "/…"}
                   {"signal": 15, "to": 1}
    to the host    {"ready": 2.9}   {"started": 1, "pid": 77}   {"said": 1, "line": "…"}   {"ended": 1, "code": 0}

Standard error goes to the log. The host ends the guest by ending the machine.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

PORT = "commands"
_LINE_MAX = 1 << 20
_PORTS = Path("/sys/class/virtio-ports")


class Commands:
    """The programs that run for the host."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, **message: object) -> None:
        """Send one line to the host."""
        octets = json.dumps(message).encode() + b"\n"
        while octets:
            octets = octets[os.write(self._port, octets) :]

    def take(self, line: bytes) -> None:
        """Do what one line of the host says."""
        message = json.loads(line)
        if "signal" in message:
            self._signal(message["to"], message["signal"])
            return
        task = asyncio.create_task(self._run(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, wanted: dict[str, object]) -> None:
        number, command = wanted["start"], wanted["command"]
        assert isinstance(number, int)
        assert isinstance(command, list)
        try:
            child = await self._start(command, wanted)
        except OSError as error:
            self.tell(said=number, line=f"{command[0]}: {error.strerror}")
            self.tell(ended=number, code=127)
            return
        self._running[number] = child
        self.tell(started=number, pid=child.pid)
        assert child.stdout is not None
        async for line in child.stdout:
            self.tell(said=number, line=line.decode(errors="replace").rstrip("\n"))
        code = await child.wait()
        del self._running[number]
        self.tell(ended=number, code=code)

    async def _start(self, command: list[str], wanted: dict[str, object]) -> asyncio.subprocess.Process:
        given = wanted.get("input")
        environment = wanted.get("environment")
        assert isinstance(environment, dict)
        with Path(str(wanted["log"])).open("ab") as log:  # noqa: ASYNC230 - at worst one start waits for the share
            child = await asyncio.create_subprocess_exec(
                *command,
                stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **environment},
                start_new_session=True,
                limit=_LINE_MAX,
            )
        if child.stdin is not None:
            child.stdin.write(str(given).encode())
            child.stdin.close()
        return child

    def _signal(self, number: int, signal_number: int) -> None:
        child = self._running.get(number)
        if child is not None and child.returncode is None:
            os.killpg(child.pid, signal.Signals(signal_number))


def open_port() -> int:
    """Open the port of our name; without udev nobody else has given it a name."""
    for port in _PORTS.iterdir():
        if (port / "name").read_text().strip() == PORT:
            return os.open(f"/dev/{port.name}", os.O_RDWR)
    sys.exit(f"there is no serial port {PORT}")


async def serve() -> None:
    """Serve until the port is closed."""
    port = open_port()
    reader = asyncio.StreamReader(_LINE_MAX)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(port), "rb", 0))
    os.set_blocking(port, True)  # a line to the host waits for the host
    commands = Commands(port)
    commands.tell(ready=float(Path("/proc/uptime").read_text().split()[0]))
    while line := await reader.readline():
        commands.take(line)


if __name__ == "__main__":
    asyncio.run(serve())

"""What the agent costs a device: memory, processor while nothing happens, and how soon it advertises.

Times are given as multiples of an empty Python's, which this machine starts at the same moment.
"""

import asyncio
import os
import resource
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from tests.device_agent.scene import Scene
from tests.world.world import BIN, World
from virtual_bluez import VirtualBluez

ROUNDS = 5
IDLE_S = 10.0
CONNECTED_S = 120.0
"""Two of MQTT's signs of life, and all that a minute brings."""
COMMANDS = (("status",), ("check-config",), ("label",))


def main() -> None:
    """Print the tables."""
    print("The agent on its device")
    print(f"{'':>18} {'RSS':>9} {'PSS':>9} {'processor':>14}")
    bare = _processor(lambda: [sys.executable, "-c", "pass"])
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        ready, advertising = asyncio.run(_measure(folder))
        asyncio.run(_measure_connected(folder / "world"))
        config = ["--config", str(folder / "agent.toml")]
        lines = {" ".join(words): [str(BIN / "device-agent"), *config, *words] for words in COMMANDS}
        costs = {name: _processor(lambda line=line: line) / bare for name, line in lines.items()}  # type: ignore[misc]
    empty = statistics.median(_wall([sys.executable, "-c", "pass"]) for _ in range(ROUNDS))
    print(f"ready after {ready / empty:.0f} empty Pythons, advertising after {advertising / empty:.0f}")
    print("a command costs " + ", ".join(f"{name} {cost:.1f}" for name, cost in costs.items()) + " empty Pythons")


async def _measure(folder: Path) -> tuple[float, float]:
    async with VirtualBluez(["device", "phone"]) as world, AsyncExitStack() as stack:
        scene = Scene(folder, world, 517, stack)
        times = []
        for _ in range(ROUNDS):
            begun = time.monotonic()
            agent = await scene.agent("--open")
            ready = time.monotonic() - begun
            await agent.wait_event("window", open=True)
            times.append((ready, time.monotonic() - begun))
            await agent.stop()
        agent = await scene.agent()
        process = _process(folder / "state" / "control.sock")
        await _print_idle("waiting", process)
        await scene.ask("open", seconds=300)
        await _print_idle("window open", process)
    return statistics.median(ready for ready, _ in times), statistics.median(whole for _, whole in times)


async def _measure_connected(folder: Path) -> None:
    """With Wi-Fi joined (a simulated one) and its endpoint reached over TLS."""
    async with World.start(folder) as world:
        device = await world.add_device("SN-1")
        agent = await device.run()
        await world.onboard(device.label)
        await agent.wait_event("window", open=False)
        await _print_idle("connected", _process(device.folder / "state" / "control.sock"), CONNECTED_S)


async def _print_idle(name: str, process: int, seconds: float = IDLE_S) -> None:
    begun = _nanoseconds(process)
    await asyncio.sleep(seconds)
    milliseconds = (_nanoseconds(process) - begun) / 1e6 / seconds * 60
    memory = {
        line.split(":")[0]: line.split()[1] for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    }
    sizes = " ".join(f"{int(memory[kind]) / 1024:>6.1f} MB" for kind in ("Rss", "Pss"))
    print(f"{name:>18} {sizes} {milliseconds:>7.1f} ms/min", flush=True)


def _process(control: Path) -> int:
    """Return the number of the process that serves this socket."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(control))
        credentials = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    number: int = struct.unpack("3i", credentials)[0]
    return number


def _nanoseconds(process: int) -> int:
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{process}/task").glob("*/schedstat"))


def _processor(line: Callable[[], list[str]]) -> float:
    return statistics.median(_processor_once(line()) for _ in range(ROUNDS))


def _processor_once(line: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _wall(line)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def _wall(line: list[str]) -> float:
    begun = time.monotonic()
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    return time.monotonic() - begun


if __name__ == "__main__":
    main()

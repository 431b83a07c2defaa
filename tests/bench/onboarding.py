"""Whole onboardings with every party running: wall time, and what really went over the virtual radio."""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.world.process import Process, ProcessError
from tests.world.world import World

MTUS = (23, 185, 247, 517)
ROUNDS = 7
R1 = {23: (96, 71), 185: (12, 10), 247: (9, 8), 517: (6, 5)}
"""Writes and notifications of row R1 in the protocol's design, the aim."""
_SUBSCRIPTION = 1  # the write to the client characteristic configuration, which the counters count as a write


def main() -> None:
    """Print the table."""
    print("Whole onboardings on the virtual radio, no added latency")
    print(f"{'ATT_MTU':>8} {'writes':>7} {'notif.':>7} {'octets':>7} {'R1':>7} {'steps':>9} {'with start':>11}")
    for mtu in MTUS:
        rounds = ROUNDS if mtu == MTUS[-1] else 1
        counts, inner, outer = asyncio.run(_measure(mtu, rounds))
        writes, notifications = counts["writes"] // rounds - _SUBSCRIPTION, counts["notifications"] // rounds
        aim = "+".join(map(str, R1[mtu]))
        times = f"{statistics.median(inner):>7.2f} s {statistics.median(outer):>9.2f} s"
        print(f"{mtu:>8} {writes:>7} {notifications:>7} {counts['octets'] // rounds:>7} {aim:>7} {times}", flush=True)


async def _measure(mtu: int, rounds: int) -> tuple[Mapping[str, int], list[float], list[float]]:
    inner, outer = [], []
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary) / "world"
        async with World.start(folder, mtu=mtu) as world:
            for number in range(rounds):
                device = await world.add_device(f"SN-{number}")
                agent = await device.run()
                started = time.monotonic()
                app = await world.onboard(device.label)
                outer.append(time.monotonic() - started)
                inner.append(_seconds_between_steps(app))
                await agent.stop()
        return _counts(folder / "counters.json"), inner, outer


def _seconds_between_steps(app: Process) -> float:
    if app.returncode != 0:
        raise ProcessError(app.story)
    # Sign-in runs beside the scan, and the challenge beside connecting: only the longer of each pair counts.
    seconds = [(str(event["step"]), event["seconds"]) for event in app.events if "step" in event]
    times = {step: taken for step, taken in seconds if isinstance(taken, float)}
    beside = min(times["sign-in"], times["scan"]) + min(times["challenge"], times["connect"])
    return sum(times.values()) - beside


def _counts(path: Path) -> Mapping[str, int]:
    counters = json.loads(path.read_text())["parties"]
    device, phone = counters["device"], counters["phone"]
    return {
        "writes": phone["write_requests"] + phone["write_commands"],
        "notifications": device["notifications"],
        "octets": device["octets"] + phone["octets"],
    }


if __name__ == "__main__":
    main()

"""Saves one record after another until somebody kills it: `python -m tests.device_agent.saving FOLDER [crash]`."""

import os
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

from device_agent.store import Store

FILLING = 400


def main() -> None:
    store = Store(Path(sys.argv[1]))
    if "crash" in sys.argv:
        sys.addaudithook(crash_at_rename)
    print("ready", flush=True)
    for number in count(store.record.clock_floor + 1):
        nonces = tuple(bytes([number % 256]) * 16 for _ in range(FILLING))
        store.save(replace(store.record, clock_floor=number, nonces=nonces))


def crash_at_rename(event: str, _: tuple[object, ...]) -> None:
    if event == "os.rename":
        os._exit(9)


if __name__ == "__main__":
    main()

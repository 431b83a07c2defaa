import subprocess
import sys
import time
from pathlib import Path

import pytest

from device_agent import clock
from device_agent.config import ClockPolicy

ROOT = Path(__file__).parents[2]
LONG_AGO = 1_000_000
SET_WITHOUT_PRIVILEGE = """
import os, time
from device_agent import clock
from device_agent.config import ClockPolicy
os.setuid(65534)
for issued_at in (1_000_000, 10**30):
    clock.learn(issued_at, ClockPolicy.SET)
clock.raise_to(2**40, ClockPolicy.SET)
print(time.time() > 1_000_000_000)
"""


def test_the_kernel_says_whether_something_keeps_the_clock() -> None:
    assert isinstance(clock.is_synchronised(), bool)


@pytest.mark.parametrize("issued_at", [0, LONG_AGO, 2**40, 10**30])
def test_a_clock_that_somebody_else_keeps_is_never_touched(issued_at: int) -> None:
    before = time.time()
    clock.learn(issued_at, ClockPolicy.KEEP)
    clock.raise_to(issued_at, ClockPolicy.KEEP)
    assert before <= time.time() < before + 60


def test_a_floor_that_has_passed_changes_nothing() -> None:
    before = time.time()
    clock.raise_to(LONG_AGO, ClockPolicy.SET)
    assert before <= time.time() < before + 60


def test_a_clock_that_must_not_be_set_is_no_reason_to_stop() -> None:
    command = [sys.executable, "-c", SET_WITHOUT_PRIVILEGE]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "True\n"
    assert "Traceback" not in said.stderr

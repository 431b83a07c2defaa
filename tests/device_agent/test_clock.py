import platform
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

ASKED_IN_VAIN = """
import ctypes, os, struct, sys
from device_agent import clock
from device_agent.config import ClockPolicy
os.setuid(65534)  # whatever this tries, it is not this machine's clock that is set
LOAD, EQUAL, RETURN, EPERM, ALLOWED = 0x20, 0x15, 0x06, 0x00050001, 0x7FFF0000
first, second = map(int, sys.argv[1:])
steps = [(LOAD, 0, 0, 0), (EQUAL, 1, 0, first), (EQUAL, 0, 1, second), (RETURN, 0, 0, EPERM), (RETURN, 0, 0, ALLOWED)]
octets = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
filter = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(octets))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, filter, 0, 0) == 0  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
print(clock.is_synchronised(), clock.is_doubtful(0), clock.is_doubtful(2**40))
clock.learn(1_000_000, ClockPolicy.SET)
"""
"""A BPF program (seccomp(2)): these two system calls are refused, all others allowed."""


def test_the_kernel_says_whether_something_keeps_the_clock() -> None:
    assert clock.is_synchronised() in (True, False)


def test_a_kernel_that_must_not_be_asked_is_no_wrong_clock() -> None:
    """As in the service's sandbox: adjtimex is answered with EPERM."""
    numbers = {"x86_64": (159, 305), "aarch64": (171, 266)}[platform.machine()]  # adjtimex, clock_adjtime
    command = [sys.executable, "-c", ASKED_IN_VAIN, *map(str, numbers)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "None False True\n"
    assert "examples/clock.conf" in said.stderr


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

"""Runs one scenario with wpa_supplicant in a namespace of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop import wpa

ROOT = Path(__file__).parents[2]
NAMESPACE = ("unshare", "-rn", "--pid", "--fork", "--kill-child")
"""Loopback of its own, no privilege needed, and nothing survives it."""


def play(scenario: str, **arguments: object) -> dict[str, object]:
    """Run one scenario in a network namespace and return what it saw."""
    if wpa.executable() is None:
        pytest.fail(f"wpa_supplicant is not installed: apt-get install {wpa.PACKAGE}")
    command = [*NAMESPACE, sys.executable, "-B", "-m", "tests.interop.scenarios", scenario, json.dumps(arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    seen: dict[str, object] = json.loads(done.stdout)
    return seen

"""The units in docs/systemd: systemd understands them, and they start what exists with variables that are read."""

import re
import subprocess
from pathlib import Path

import click
import pytest

from onboarding_api.cli import onboarding_api
from onboarding_api.cli.checking import unknown_variables
from tests.onboarding_api.processes import PROGRAM

UNITS = sorted((Path(__file__).parents[2] / "docs/systemd").glob("*.service"))
_INSTALLED = "/usr/local/bin/onboarding-api"
ANALYZE = Path("/usr/bin/systemd-analyze")


@pytest.mark.parametrize("unit", UNITS, ids=[unit.stem for unit in UNITS])
def test_systemd_understands_the_unit(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text()
    command = re.search(rf"^ExecStart={_INSTALLED} (\w+)$", text, re.MULTILINE)
    assert command
    assert command[1] in onboarding_api.commands
    copy = tmp_path / unit.name
    copy.write_text(text.replace(_INSTALLED, str(PROGRAM)))
    verified = subprocess.run([ANALYZE, "verify", "--man=no", copy], capture_output=True, text=True, check=False)
    assert (verified.returncode, unit.name in verified.stderr) == (0, False), verified.stderr


@pytest.mark.parametrize("unit", UNITS, ids=[unit.stem for unit in UNITS])
def test_the_variables_that_a_unit_names_are_read(unit: Path) -> None:
    named = dict.fromkeys(re.findall(r"ONBOARDING_[A-Z_]+", unit.read_text()), "")
    assert named
    with click.Context(onboarding_api):
        assert list(unknown_variables(onboarding_api, named)) == []

import json
import subprocess
import sys
from pathlib import Path

import pytest

from device_agent.journal import Journal

ROOT = Path(__file__).parents[2]
TALK = """
import sys
from device_agent.journal import Journal
journal = Journal()
sys.stdin.readline()
for number in range(1000):
    journal.event("state", number=number, filling="x" * 1000)
print("done", file=sys.stderr)
"""


def test_an_event_is_one_json_line_without_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    Journal(as_json=True).event("state", tenant="a\nb", device=None)
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert json.loads(said) == {"event": "state", "tenant": "a\nb"}


@pytest.mark.parametrize("text", ["a\nready control=/evil", "\x1b[2J", "Ünïcödé", "\ud800"])
def test_no_text_makes_a_second_line_or_fails(capsys: pytest.CaptureFixture[str], text: str) -> None:
    Journal().event("state", tenant=text, why="it was open long enough")
    said = capsys.readouterr().out
    assert said == f"state tenant={json.dumps(text)} why=it was open long enough\n"


def test_a_journal_nobody_reads_any_more_does_not_stop_the_device() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", TALK], cwd=ROOT, text=True, **pipes) as device:  # type: ignore[call-overload]
        device.stdout.close()
        device.stdin.write("go\n")
        device.stdin.close()
        said = device.stderr.read()
    assert device.returncode == 0, said
    assert said == "done\n"

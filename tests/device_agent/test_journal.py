import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from device_agent.journal import JOURNAL_SOCKET, Journal, PriorityFormatter, systemd_journal

ROOT = Path(__file__).parents[2]
TALK = """
import sys
from device_agent.journal import JOURNAL_SOCKET, Journal, PriorityFormatter, systemd_journal
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


def test_an_entry_of_systemds_journal_has_a_sentence_and_each_fact_as_a_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journald = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journald.bind(str(tmp_path / "journal"))
    journal = Journal(systemd=tmp_path / "journal")
    journal.event("window", open=True, seconds=60, advertises="ABCD")
    journal.event("trouble", what="a\nPRIORITY=0", remedy="Try again.")
    entries = [dict(line.split("=", 1) for line in journald.recv(65536).decode().splitlines()) for _ in range(2)]
    journald.close()
    assert entries[0] == {
        "MESSAGE": "The provisioning window is open for 60 s, name ABCD",
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "device-agent",
        "DEVICE_AGENT_EVENT": "window",
        "DEVICE_AGENT_OPEN": "True",
        "DEVICE_AGENT_SECONDS": "60",
        "DEVICE_AGENT_ADVERTISES": "ABCD",
    }
    assert (entries[1]["PRIORITY"], entries[1]["DEVICE_AGENT_WHAT"]) == ("4", '"a\\nPRIORITY=0"')
    assert capsys.readouterr().out == ""


def test_a_journal_that_is_not_there_is_written_as_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Journal(systemd=tmp_path / "none").event("ready", control="here")
    assert capsys.readouterr().out == "ready control=here\n"


def test_only_the_stream_that_systemd_names_is_its_journal(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        status = os.fstat(log.fileno())
        assert systemd_journal(f"{status.st_dev}:{status.st_ino}", log.fileno()) == JOURNAL_SOCKET
        assert systemd_journal(f"{status.st_dev}:0", log.fileno()) is None
        assert systemd_journal(None, log.fileno()) is None


def test_each_line_of_a_log_record_has_its_priority() -> None:
    record = logging.LogRecord("agent", logging.ERROR, "", 0, "one\n%s", ("two",), None)
    assert PriorityFormatter("%(name)s: %(message)s").format(record) == "<3>agent: one\n<3>two"

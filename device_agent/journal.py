"""What the running agent tells: a sentence a line, a JSON object a line, or an entry of systemd's journal.

An entry has a MESSAGE for people and each fact as a field of its own, so that
`journalctl DEVICE_AGENT_EVENT=window` finds what a script is after.
"""

import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from device_agent.moments import on_one_line, sentence

JOURNAL_SOCKET = Path("/run/systemd/journal/socket")
Listener = Callable[[str, Mapping[str, object]], None]
_INFORMATION = 6  # sd-daemon(3)
_WARNING = 4
_PRIORITIES = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: _WARNING, logging.INFO: _INFORMATION}
_TROUBLE = {"trouble", "exchange-failed", "renewal-refused"}


@dataclass(frozen=True, slots=True)
class Journal:
    """Writes events and passes them on; secrets never get here, since no event takes one."""

    as_json: bool = False
    systemd: Path | None = None
    """systemd's journal, if that is where standard output goes."""
    listeners: list[Listener] = field(default_factory=list)
    """Hear each event after it was written; they neither wait nor raise."""

    def event(self, name: str, **facts: object) -> None:
        """Write one event at once, so that whoever waits for it sees it."""
        known = {key: value for key, value in facts.items() if value is not None}
        if self.systemd is None or not _enter(self.systemd, name, known):
            self._write(name, known)
        for listener in self.listeners:
            listener(name, known)

    def _write(self, name: str, known: Mapping[str, object]) -> None:
        if self.as_json:
            line = json.dumps({"event": name, **known}, default=str)
        else:
            line = " ".join([name, *(f"{key}={on_one_line(value)}" for key, value in known.items())])
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except OSError:
            _stop_telling()


class PriorityFormatter(logging.Formatter):
    """Begins a line with the priority that systemd reads from it and takes away again."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as lines that each have their priority."""
        return with_priority(record.levelno, super().format(record))


def with_priority(level: int, text: str) -> str:
    """Return a text whose lines each begin with the priority of this level of `logging`."""
    return "\n".join(f"<{_PRIORITIES.get(level, 7)}>{line}" for line in text.split("\n"))


def systemd_journal(stream: str | None, descriptor: int) -> Path | None:
    """Return the journal's socket if this descriptor is the one that $JOURNAL_STREAM names."""
    status = os.fstat(descriptor)
    return JOURNAL_SOCKET if stream == f"{status.st_dev}:{status.st_ino}" else None


def _enter(journal: Path, name: str, facts: Mapping[str, object]) -> bool:
    fields = {
        "MESSAGE": sentence(name, facts),
        "PRIORITY": str(_WARNING if name in _TROUBLE else _INFORMATION),
        "SYSLOG_IDENTIFIER": "device-agent",
        "DEVICE_AGENT_EVENT": name,
        **{f"DEVICE_AGENT_{key.upper()}": on_one_line(value) for key, value in facts.items()},
    }
    entry = "".join(f"{key}={value}\n" for key, value in fields.items())
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.setblocking(False)
            link.sendto(entry.encode("ascii"), str(journal))
    except OSError:
        return False
    return True


def _stop_telling() -> None:
    # Whoever listened has gone. The device goes on; what is still in the buffer must not fail again at exit.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)

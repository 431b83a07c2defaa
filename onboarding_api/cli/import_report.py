"""How an import tells what it does: a line that moves and sentences for people, a JSON event per line for scripts."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import click

from onboarding_api.cli.journal import Progress
from onboarding_api.domain.bulk.rows import Entry, Fault

_EVERY_S = 0.5
_TOLD_MAX = 20
"""So many refused rows are told on a terminal; all of them are in the file of refused rows."""
CLEAR = "\r\x1b[K"


class Report(Protocol):
    """Who is told."""

    def began(self, size: int, progress: Progress, *, resumed: bool) -> None:
        """Tell that it begins, or where it goes on."""

    def refused(self, entry: Entry, fault: Fault) -> None:
        """Tell why a row is refused."""

    def advanced(self, progress: Progress) -> None:
        """Tell how far it came; called after each batch."""

    def done(self, counts: Mapping[str, int], refused: Path | None, *, dry_run: bool) -> None:
        """Tell what became of all rows."""


class _Paced:
    """How fast it goes, and when it is time to say so again."""

    def __init__(self) -> None:
        self.size = 0
        self._begun = time.monotonic()
        self._told = float("-inf")
        self._before = 0

    def begin(self, size: int, progress: Progress) -> None:
        self.size = size
        self._before = sum(progress.counts.values())

    def share(self, progress: Progress) -> float:
        return progress.offset / self.size

    def due(self, progress: Progress) -> bool:
        now = time.monotonic()
        if now - self._told < _EVERY_S or progress.offset >= self.size:
            return False
        self._told = now
        return True

    def rate(self, counts: Mapping[str, int]) -> int:
        """Return how many devices a second this process has done."""
        return int((sum(counts.values()) - self._before) / max(time.monotonic() - self._begun, 0.001))

    def seconds(self) -> float:
        return round(time.monotonic() - self._begun, 1)


class JsonReport(_Paced):
    """Tells a script."""

    def began(self, size: int, progress: Progress, *, resumed: bool) -> None:
        """Tell that it begins, or where it goes on."""
        self.begin(size, progress)
        _event("resumed" if resumed else "started", octets=size, line=progress.line)

    def refused(self, entry: Entry, fault: Fault) -> None:
        """Tell why a row is refused."""
        errors = [{"member": fault.member, "reason": fault.reason}]
        _event("rejected", line=entry.line, device_id=entry.device, errors=errors)

    def advanced(self, progress: Progress) -> None:
        """Tell how far it came."""
        if self.due(progress):
            share = round(self.share(progress), 3)
            counts = progress.counts
            _event("progress", line=progress.line - 1, share=share, **counts, per_second=self.rate(counts))

    def done(self, counts: Mapping[str, int], refused: Path | None, *, dry_run: bool) -> None:
        """Tell what became of all rows."""
        path = None if refused is None else str(refused)
        _event("done", **counts, rejects=path, dry_run=dry_run, seconds=self.seconds(), per_second=self.rate(counts))


class TerminalReport(_Paced):
    """Tells a person: what is in the way of a result goes to standard error."""

    def __init__(self) -> None:
        super().__init__()
        self._moving = sys.stderr.isatty()
        self._told_rows = 0

    def began(self, size: int, progress: Progress, *, resumed: bool) -> None:
        """Tell where it goes on."""
        self.begin(size, progress)
        if resumed:
            click.echo(f"going on at line {progress.line}", err=True)

    def refused(self, entry: Entry, fault: Fault) -> None:
        """Tell why a row is refused."""
        self._told_rows += 1
        if self._told_rows > _TOLD_MAX:
            return
        device = f"{entry.device!r}: " if entry.device else ""
        self._say(f"line {entry.line}: {device}{fault}")
        if self._told_rows == _TOLD_MAX:
            self._say("… further refused rows are not shown here")

    def advanced(self, progress: Progress) -> None:
        """Tell how far it came."""
        if self._moving and self.due(progress):
            done = f"{self.share(progress):.0%}  line {progress.line - 1:,}"
            line = f"{done}  {_counted(progress.counts)}  {self.rate(progress.counts):,}/s"
            click.echo(CLEAR + line, err=True, nl=False)

    def done(self, counts: Mapping[str, int], refused: Path | None, *, dry_run: bool) -> None:
        """Tell what became of all rows."""
        if self._moving:
            click.echo(CLEAR, err=True, nl=False)
        trial = " (nothing was written: --dry-run)" if dry_run else ""
        click.echo(f"{_counted(counts)} in {self.seconds()} s{trial}")
        if refused is not None:
            click.echo(f"correct the rows in {click.format_filename(refused)} and import that file")

    def _say(self, sentence: str) -> None:
        shown = "".join(character if character.isprintable() else "�" for character in sentence)
        click.echo(f"{CLEAR if self._moving else ''}{shown}", err=True)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {outcome}" for outcome, number in counts.items() if number) or "no rows"


def _event(event: str, **facts: object) -> None:
    named = {name.replace("_", "-"): value for name, value in facts.items()}
    click.echo(json.dumps({"event": event} | named))

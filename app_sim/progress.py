"""The steps of the story as they happen, each with its time: lines for a person, JSON lines for a program."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console
from rich.status import Status
from rich.text import Text

from app_sim.errors import AppError
from app_sim.text import shown

Fact = str | int | bool | None


class StepName(StrEnum):
    """The steps, in the order of the story."""

    LABEL = "label"
    SIGN_IN = "sign-in"
    SCAN = "scan"
    CHALLENGE = "challenge"
    CONNECT = "connect"
    AUTHENTICATE = "authenticate"
    REGISTER = "register"
    WIFI = "wifi"
    CONFIGURE = "configure"
    JOIN = "join"
    CONTACT = "contact"


@dataclass(slots=True)
class Step:
    """One step; a context manager. `facts` may be added until it ends."""

    name: StepName
    sentence: str
    progress: "Progress"
    began: float = 0.0
    seconds: float = 0.0
    facts: dict[str, Fact] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.began = self.progress.clock()
        self.progress.view.began(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.seconds = self.progress.clock() - self.began
        if isinstance(error, AppError) and error.step is None:
            error.step = self.name
        self.progress.view.ended(self, ok=error is None)


class View(Protocol):
    """How steps are shown."""

    def began(self, step: Step) -> None:
        """A step begins."""

    def ended(self, step: Step, *, ok: bool) -> None:
        """A step has ended; an error is told elsewhere, once."""

    def asking(self) -> contextlib.AbstractContextManager[None]:
        """Leave the screen to a question meanwhile."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Begins steps and shows them."""

    view: View
    clock: Callable[[], float]

    def step(self, name: StepName, sentence: str) -> Step:
        """Return a step to be entered; `sentence` says what is being done."""
        return Step(name, sentence, self)


class Lines:
    """One line per step that has succeeded; on a terminal also what is going on now."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._running: list[Step] = []
        self._status = Status("", console=console) if console.is_terminal else None

    def began(self, step: Step) -> None:
        """Show it as going on."""
        self._running.append(step)
        self._refresh()

    def ended(self, step: Step, *, ok: bool) -> None:
        """Write its line."""
        self._running.remove(step)
        self._refresh()
        if ok:
            facts = ", ".join(f"{name} {shown(str(fact))}" for name, fact in step.facts.items() if fact is not None)
            mark = Text(f"{step.seconds:7.2f} s  ", "dim") + Text(f"{step.name:13}", "bold")
            self._console.print(mark + Text(shown(step.sentence) + (f": {facts}" if facts else "")), soft_wrap=True)

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Stop the animation meanwhile."""
        if self._status is not None:
            self._status.stop()
        yield
        self._refresh()

    def _refresh(self) -> None:
        if self._status is not None and self._running:
            self._status.update(Text(", ".join(step.name for step in self._running) + " …"))
            self._status.start()
        elif self._status is not None:
            self._status.stop()


class JsonLines:
    """One JSON object per ended step."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def began(self, step: Step) -> None:
        """Nothing: a program waits for the end of a step."""

    def ended(self, step: Step, *, ok: bool) -> None:
        """Write its object."""
        line = {"step": step.name, "ok": ok, "seconds": round(step.seconds, 3), "facts": step.facts}
        write_json(line, self._out)

    def asking(self) -> contextlib.AbstractContextManager[None]:
        """Nothing: questions go to stderr."""
        return contextlib.nullcontext()


def write_json(document: object, out: TextIO) -> None:
    """Write one line of JSON, ASCII only, at once."""
    out.write(json.dumps(document) + "\n")
    out.flush()

"""What the agent cannot do, with what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self


class AgentError(Exception):
    """Base: the sentence says what happened, `remedy` what to do next."""

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(sentence)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in one configuration file."""

    file: Path
    key: str | None
    """With the names of its tables: `wifi.networks`. None if it is the file as a whole."""
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}" if self.key is None else f"{self.file}: {self.key}: {self.what}"


class ConfigurationFileError(AgentError):
    """The configuration cannot be used; `problems` has one by one what its files say wrong."""

    problems: tuple[Problem, ...] = ()

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> Self:
        """Return the error that tells all of these problems."""
        *others, last = problems
        error = cls("\n".join([*(f"{problem}. {problem.remedy}" for problem in others), str(last)]), last.remedy)
        error.problems = tuple(problems)
        return error


class StateError(AgentError):
    """What the device keeps on disk cannot be read or written."""


class StateInUseError(StateError):
    """Another process holds the state directory."""


class KeyUnusableError(StateError):
    """A private key is there and cannot be used, or the place where keys live cannot be reached."""


class PeripheralError(AgentError):
    """Bluetooth is not there, or does not do what it is asked."""


class ButtonError(AgentError):
    """The button cannot be read."""


class ControlError(AgentError):
    """The running agent cannot be reached, or refuses."""


class NotRunningError(ControlError):
    """No agent runs."""


class WifiError(AgentError):
    """The Wi-Fi backend itself failed; a network that refuses us is no error but a result."""

"""The base of all errors of the app."""

from collections.abc import Mapping
from typing import ClassVar


class AppError(Exception):
    """Base of everything that ends a command with a sentence instead of a traceback; never raised itself."""

    type: ClassVar[str]
    remedy: str = "Run the same command again; every step may be repeated."
    step: str | None = None
    """The step of the story that did not succeed; filled in on the way out."""

    @property
    def facts(self) -> Mapping[str, object]:
        """Machine-readable particulars."""
        return {}

    def to_json(self) -> dict[str, object]:
        """Return the error as the last JSON line shows it."""
        step = {} if self.step is None else {"step": self.step}
        return {"type": self.type, "message": str(self), "remedy": self.remedy, **step, **self.facts}

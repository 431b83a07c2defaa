"""A button, from edges to presses: debouncing, and the long press. Pure; `now` is a monotonic clock in seconds."""

from dataclasses import dataclass
from enum import StrEnum


class Press(StrEnum):
    """What a person asked for with the button; the control socket knows the commands by the same names."""

    OPEN = "open"
    RESET = "reset"


@dataclass(slots=True)
class Button:
    """One button. Call `moved` with each edge, and `expire` at `deadline`, when all edges until then are told.

    A press opens when it is released, or at once where no long press has a meaning; a long one resets while still
    held, so that the person sees when to let go.
    """

    debounce_s: float
    reset_s: float | None = None
    _is_down: bool = False
    _moved_at: float = 0.0
    _counts_as_down: bool = False
    _down_since: float = 0.0
    _spent: bool = False

    def moved(self, down: bool | None, now: float) -> Press | None:
        """Take an edge; what was settled before it may be a press. None says that edges are lost."""
        if down is None:  # nobody knows how long what is under way was or will be held: it is no press
            self._is_down = self._counts_as_down = False
            return None
        press = self.expire(now)
        if down != self._is_down:
            self._is_down, self._moved_at = down, now
        return press

    def expire(self, now: float) -> Press | None:
        """Return the press that has become certain by `now`."""
        if self._is_down != self._counts_as_down and now >= self._moved_at + self.debounce_s:
            return self._settle()
        if self._is_down and self._counts_as_down and self._is_held(now):
            self._spent = True
            return Press.RESET
        return None

    @property
    def deadline(self) -> float | None:
        """When `expire` has something to decide."""
        if self._is_down != self._counts_as_down:
            return self._moved_at + self.debounce_s
        if self._counts_as_down and self.reset_s is not None and not self._spent:
            return self._down_since + self.reset_s
        return None

    def _settle(self) -> Press | None:
        self._counts_as_down = self._is_down
        if self._counts_as_down:
            self._down_since, self._spent = self._moved_at, self.reset_s is None
            return Press.OPEN if self._spent else None
        if self._spent:
            return None
        return Press.RESET if self._is_held(self._moved_at) else Press.OPEN

    def _is_held(self, now: float) -> bool:
        return self.reset_s is not None and not self._spent and now >= self._down_since + self.reset_s

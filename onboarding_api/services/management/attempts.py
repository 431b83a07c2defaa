"""Doing it again when somebody else changed the same rows; what was judged before is then judged anew."""

from collections.abc import Callable
from typing import TypeVar

from onboarding_api.domain.errors import ConcurrentChangeError

_ATTEMPTS = 8
Result = TypeVar("Result")


def until_settled(attempt: Callable[[], Result]) -> Result:
    """Return what `attempt` returns once nobody interferes; give up after as many rivals as can be expected."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return attempt()
        except ConcurrentChangeError:
            continue
    return attempt()


def expect(changed: bool) -> None:
    """Refuse to go on if an update did not find what was judged."""
    if not changed:
        raise ConcurrentChangeError("another request changed the same rows")

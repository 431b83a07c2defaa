"""Where a request whose sender is known enters, and where it leaves: limits and the log learn who it is here.

The rule kept here: refusing must cost almost nothing, or a flood of refusals is a flood. So the credentials of a
request that came too early are remembered until the moment when another one may come; before that, the same
credentials are refused without being looked at, which tells nothing new to whoever has them.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from flask import Flask, current_app, g, request

from onboarding_api.domain.accounts import Principal
from onboarding_api.domain.errors import RateExceededError
from onboarding_api.services.admission import Admission

_ADMISSION, _EARLY = "onboarding-admission", "onboarding-early"
_REMEMBERED = 1024


class Early:
    """Credentials that may not come again before a moment, the longest known forgotten first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: OrderedDict[bytes, tuple[float, RateExceededError]] = OrderedDict()

    def remember(self, credentials: str, error: RateExceededError) -> None:
        """Refuse these credentials for as long as this refusal holds."""
        self._until[_digest(credentials)] = self._clock() + error.wait_s, error
        while len(self._until) > _REMEMBERED:
            self._until.popitem(last=False)

    def require_late_enough(self, credentials: str) -> None:
        """Refuse credentials that come too early."""
        until, error = self._until.get(_digest(credentials), (0.0, None))
        if error is not None and self._clock() < until:
            raise RateExceededError(str(error), error.retry_after_s, error.wait_s)


def _digest(credentials: str) -> bytes:
    return hashlib.sha256(credentials.encode()).digest()


def install_admission(app: Flask, admission: Admission) -> None:
    """Have every request leave when it is answered; a stream does not count while it waits."""
    app.extensions[_ADMISSION] = admission
    early = app.extensions[_EARLY] = Early()

    @app.before_request
    def refuse_early() -> None:
        if credentials := request.headers.get("Authorization"):
            early.require_late_enough(credentials)

    @app.teardown_request
    def leave(_: BaseException | None) -> None:
        place: ExitStack | None = g.pop("place", None)
        if place is not None:
            place.close()


def admitting(credentials: str) -> Callable[[Principal], object]:
    """Return what lets in whoever these credentials of a body belong to; refuse them at once if they come too early."""
    early: Early = current_app.extensions[_EARLY]
    early.require_late_enough(credentials)
    return partial(admitted, credentials=credentials)


def admitted(principal: Principal, credentials: str | None = None) -> Principal:
    """Let the request of this principal in, or refuse it for now; credentials are those of the head unless given."""
    g.user, g.tenant = principal.user, principal.tenant
    place = ExitStack()
    try:
        place.enter_context(current_app.extensions[_ADMISSION].entering(principal))
    except RateExceededError as error:
        current_app.extensions[_EARLY].remember(credentials or request.headers["Authorization"], error)
        raise
    g.place = place
    return principal

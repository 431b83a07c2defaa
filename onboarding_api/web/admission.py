"""Where a request whose sender is known enters, and where it leaves: limits and the log learn who it is here."""

from contextlib import ExitStack

from flask import Flask, current_app, g

from onboarding_api.domain.accounts import Principal
from onboarding_api.services.admission import Admission

_ADMISSION = "onboarding-admission"


def install_admission(app: Flask, admission: Admission) -> None:
    """Have every request leave when it is answered; a stream does not count while it waits."""
    app.extensions[_ADMISSION] = admission

    @app.teardown_request
    def leave(_: BaseException | None) -> None:
        place: ExitStack | None = g.pop("place", None)
        if place is not None:
            place.close()


def admitted(principal: Principal) -> Principal:
    """Let the request of this principal in, or refuse it for now."""
    g.user, g.tenant = principal.user, principal.tenant
    place = ExitStack()
    place.enter_context(current_app.extensions[_ADMISSION].entering(principal))
    g.place = place
    return principal

"""What is written down about each request: an id that both sides can name, one line in the log, the metrics.

The rules kept here: the log has the route's template and never a path or a query, which may hold what a log must not;
an id from outside is taken only if it can do no harm in a log; a stream is written down when it ends.
"""

import re
import time

import structlog
from flask import Flask, Response, g, request

from onboarding_api.domain.identifiers import Randomness
from onboarding_api.web.metrics import Metrics

REQUEST_ID = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
_log = structlog.get_logger()


def install_observation(app: Flask, metrics: Metrics, randomness: Randomness) -> None:
    """Give every request an id, and write down how it was answered."""

    @app.before_request
    def begin() -> None:
        g.begun = time.perf_counter()
        given = request.headers.get(REQUEST_ID, "")
        g.request_id = given if _SANE.fullmatch(given) else randomness(8).hex()

    @app.after_request
    def answer(response: Response) -> Response:
        response.headers[REQUEST_ID] = g.request_id
        observed = Observed(response)
        metrics.answered(observed.method, observed.route, observed.status, observed.elapsed_s(), observed.problem)
        if response.is_streamed:
            response.call_on_close(observed.write_down)
        else:
            observed.write_down()
        return response


class Observed:
    """One request, as far as it is anybody's business. It outlives the request, because a stream does."""

    def __init__(self, response: Response) -> None:
        self.method = request.method if request.method in _METHODS else "other"
        self.route = request.url_rule.rule if request.url_rule else "none"
        self.status = response.status_code
        self.problem: str | None = g.get("problem")
        self._begun: float = g.begun
        self._facts = {
            "request": g.request_id,
            "octets_in": request.content_length,
            "octets_out": response.content_length,
            "user": g.get("user"),
            "tenant": g.get("tenant"),
            "problem": self.problem,
        }

    def elapsed_s(self) -> float:
        """Return how long it has taken so far."""
        return time.perf_counter() - self._begun

    def write_down(self) -> None:
        """Write the line."""
        facts = {name: value for name, value in self._facts.items() if value is not None}
        milliseconds = round(self.elapsed_s() * 1000, 2)
        _log.info("request", method=self.method, route=self.route, status=self.status, ms=milliseconds, **facts)

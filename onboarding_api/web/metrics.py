"""Figures for Prometheus, right over several worker processes.

The rules kept here: labels are routes, methods, status codes and kinds of problems, never a path, a tenant or a user,
so that nobody can make this grow; workers write to files that they share, and whichever is asked adds them up.
"""

import os
from pathlib import Path

from flask import Blueprint, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

from onboarding_api.services.registry import Registry
from onboarding_api.web.management.requests import manager

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


def share_between_processes(folder: Path) -> None:
    """Have every metric made from now on in this process write to files in `folder`."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # the library offers no other way to say it
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]


class Metrics:
    """The figures of one worker, and of all of them if they share a folder."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._own = CollectorRegistry()
        self._requests = Counter(
            "onboarding_http_requests", "Requests answered.", ("method", "route", "status"), registry=self._own
        )
        self._seconds = Histogram(
            "onboarding_http_request_seconds",
            "From a request's head to its answer's; a stream's body is not waited for.",
            ("route",),
            buckets=_BUCKETS,
            registry=self._own,
        )
        self._problems = Counter("onboarding_problems", "Refusals and failures.", ("problem",), registry=self._own)

    def answered(self, method: str, route: str, status: int, seconds: float, problem: str | None) -> None:
        """Take note of an answer."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        if problem is not None:
            self._problems.labels(problem).inc()

    def exposition(self) -> bytes:
        """Return all figures in Prometheus's text format."""
        if self._folder is None:
            return generate_latest(self._own)
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody, str(self._folder))  # type: ignore[no-untyped-call]
        return generate_latest(everybody)


def metric_views(registry: Registry, metrics: Metrics) -> Blueprint:
    """Return the view of the figures: for operators, because they tell how busy whose service is."""
    views = Blueprint("metrics", __name__)

    @views.get("/metrics")
    def show() -> Response:
        manager(registry).require_operator()
        return Response(metrics.exposition(), 200, content_type=CONTENT_TYPE_PLAIN_0_0_4)

    return views

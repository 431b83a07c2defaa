"""The production server: granian's worker processes, each with its own application.

Threads: an event stream holds a thread for as long as it waits, so each worker may have as many threads as streams
plus a few that work. Few, because they share one interpreter lock and more of them only make single requests slower;
streams are bounded, because without a bound they could take every thread and sign-in would wait for a stream to end.
Some more only wait for their tenant's turn (`services/admission.py`).

The end: at SIGTERM the server says at /readyz that it is about to end, for as long as its operator wants; then workers
end their streams, refuse connections, finish the requests they have, and exit. A second signal skips the waiting.
"""

import ctypes
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from flask import Flask
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from onboarding_api.app import REGISTRY, Shared, create_app
from onboarding_api.config import Config
from onboarding_api.domain.errors import AddressRefusedError
from onboarding_api.logs import configure_logging
from onboarding_api.services.buckets import Buckets
from onboarding_api.services.registry import Registry
from onboarding_api.web.metrics import share_between_processes

WORKING_THREADS = 16
_HEADERS_MAX_OCTETS = 64 * 1024
_HEAD_S = 10
"""How long a client may take for the head of a request."""
_PR_SET_PDEATHSIG = 1
_GRACE_S = 5
"""How long a worker may finish what it does after SIGTERM; what still runs is then cut."""


class _Server(MPServer):
    """A server that says when it is about to end, before it does."""

    def prepare(self, drain_s: float) -> tuple[int, int]:
        """Return a pipe that ends for its reader when the server is about to end, and the end that it must close."""
        self._drain_s = drain_s
        self._told = False
        ending, self._tell_ending = os.pipe()
        return ending, self._tell_ending

    def signal_handler_interrupt(self, *_: object) -> None:
        """Begin to end; called again, end."""
        if self._told or not self._drain_s:
            super().signal_handler_interrupt()  # type: ignore[no-untyped-call]
        else:
            waiting = threading.Timer(self._drain_s, super().signal_handler_interrupt)
            waiting.daemon = True
            waiting.start()
        if not self._told:
            self._told = True
            os.close(self._tell_ending)


@dataclass(frozen=True, slots=True)
class _Worker:
    """What a worker process is made of, and what it shares with the others."""

    config: Config
    shared: Shared
    ending: tuple[int, int]
    built: Connection


def serve(config: Config, host: str, port: int, workers: int, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; call `ready` once all workers are built and connections are accepted."""
    require_free(host, port)
    built, tell_built = multiprocessing.Pipe(duplex=False)
    server = _Server(
        "onboarding_api",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEAD_S * 1000, max_buffer_size=_HEADERS_MAX_OCTETS),
        websockets=False,
        workers=workers,
        blocking_threads=WORKING_THREADS + config.streams,
        workers_kill_timeout=_GRACE_S,
        respawn_failed_workers=True,
        log_level=LogLevels.error,
    )
    announcer = threading.Thread(target=_announce, args=(built, workers, host, port, ready), daemon=True)
    server.on_startup(announcer.start)
    with tempfile.TemporaryDirectory(prefix="onboarding-metrics-", ignore_cleanup_errors=True) as metrics:
        shared = Shared(Buckets(os.urandom), Path(metrics))
        worker = _Worker(config, shared, server.prepare(config.drain_s), tell_built)
        server.serve(target_loader=partial(_load, worker), wrap_loader=False)


def _load(worker: _Worker) -> Flask:
    _end_with_server()
    configure_logging()
    if worker.shared.metrics is not None:
        share_between_processes(worker.shared.metrics)
    app = create_app(worker.config, shared=worker.shared)
    threading.Thread(target=_await_end, args=(worker.ending, app), name="ending", daemon=True).start()
    worker.built.send_bytes(b"built")
    return app


def _await_end(ending: tuple[int, int], app: Flask) -> None:
    """Wait until the server lets go of its end of the pipe; then end what would not end by itself."""
    told, tell = ending
    os.close(tell)
    os.read(told, 1)
    registry: Registry = app.extensions[REGISTRY]
    registry.readiness.drain()
    registry.watching.end()


def _end_with_server() -> None:
    """Have the kernel end this worker with its server: an orphan would keep the port and answer in its place."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def require_free(host: str, port: int) -> None:
    """Refuse a port that is taken: workers share theirs (SO_REUSEPORT), so a second server would silently join."""
    try:
        with socket.create_server((host, port), family=_family(host)):
            pass
    except OSError as error:
        raise AddressRefusedError(f"cannot listen on {host}:{port}: {error.strerror}") from error


def _announce(built: Connection, workers: int, host: str, port: int, ready: Callable[[], None]) -> None:
    """Wait until every worker is built, then until the port answers.

    Until the workers exist this thread only blocks: they are forked, and would inherit any lock it held.
    """
    for _ in range(workers):
        built.recv_bytes()
    patience = threading.Event()
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            patience.wait(0.02)
        else:
            return ready()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET

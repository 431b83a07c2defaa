"""The production server: granian's worker processes, each with its own application.

Threads: an event stream holds a thread for as long as it waits, so each worker may have as many threads as streams
plus a few that work. Few, because they share one interpreter lock and more of them only make single requests slower;
streams are bounded, because without a bound they could take every thread and sign-in would wait for a stream to end.
"""

import ctypes
import multiprocessing
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from onboarding_api.app import create_app
from onboarding_api.config import Config
from onboarding_api.domain.errors import AddressRefusedError
from onboarding_api.logs import configure_logging

WORKING_THREADS = 4
_PR_SET_PDEATHSIG = 1
_GRACE_S = 5
"""How long a worker may finish what it does after SIGTERM; open event streams are then cut, and clients reconnect."""


def serve(config: Config, host: str, port: int, workers: int, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; call `ready` once all workers are built and connections are accepted."""
    _require_free(host, port)
    built, tell_built = multiprocessing.Pipe(duplex=False)
    server = Granian(
        "onboarding_api",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=workers,
        blocking_threads=WORKING_THREADS + config.streams,
        workers_kill_timeout=_GRACE_S,
        respawn_failed_workers=True,
        log_level=LogLevels.error,
    )
    announcer = threading.Thread(target=_announce, args=(built, workers, host, port, ready), daemon=True)
    server.on_startup(announcer.start)
    server.serve(target_loader=partial(_load, config, tell_built), wrap_loader=False)


def _load(config: Config, tell_built: Connection) -> Flask:
    _end_with_server()
    configure_logging()
    app = create_app(config)
    tell_built.send_bytes(b"built")
    return app


def _end_with_server() -> None:
    """Have the kernel end this worker with its server: an orphan would keep the port and answer in its place."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _require_free(host: str, port: int) -> None:
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

"""Authenticated time for a device that may have none (docs/protocol.md, «The assignment»)."""

import ctypes
import logging
import time

from device_agent.config import ClockPolicy

_TIMEX_OCTETS = 208  # struct timex of Linux on every 64-bit machine; zero means: change nothing
_TIME_ERROR = 5  # clock not synchronised, adjtimex(2)
_log = logging.getLogger(__name__)


def is_synchronised() -> bool | None:
    """Whether the kernel says that something keeps its clock, as NTP does; None if it does not let us ask."""
    state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_OCTETS))
    return None if state < 0 else state < _TIME_ERROR


def is_doubtful(floor: int) -> bool:
    """Tell whether the clock may be wrong: it is behind a time that has passed, or is known to be kept by nothing."""
    return time.time() < floor or is_synchronised() is False


def raise_to(floor: int, policy: ClockPolicy) -> None:
    """Take a time that has passed for certain, where the clock is behind it: a device without one, switched on."""
    if time.time() < floor:
        learn(floor, policy)


def learn(issued_at: int, policy: ClockPolicy) -> None:
    """Take the time of an assignment that answers our own nonce, before certificates are judged by the clock."""
    if policy is ClockPolicy.KEEP:
        return
    kept = is_synchronised()
    if kept is None:
        _log.warning(
            "the clock is not set: the kernel does not say whether something keeps it. See examples/clock.conf"
        )
    if kept is not False:
        return
    try:
        time.clock_settime(time.CLOCK_REALTIME, issued_at)
    except PermissionError:
        _log.warning("the clock is not synchronised and must not be set: CAP_SYS_TIME is missing")
    except (OSError, OverflowError):
        _log.warning("the clock does not take the assignment's time, %d", issued_at)
    else:
        _log.info("the clock was set to the assignment's time, %d", issued_at)

"""Cancellations that arrive, although something on the way may lose one.

asyncio.wait_for in Python 3.11, which aiomqtt waits by, loses a cancellation that comes in the same turn as what it
waits for; an error that is raised while cleaning up takes its place. But a task still knows that it was told to end.
"""

import asyncio
import logging

PATIENCES_S = (15.0, 5.0)
"""How long a task may clean up after the first cancellation, and after the second: less than systemd waits for us."""
_log = logging.getLogger(__name__)


def heed_cancellation() -> None:
    """Raise CancelledError if the current task was told to end, and something has lost that."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def end(task: asyncio.Task[None]) -> None:
    """Cancel the task and wait until it has ended; one that does not, told again, is left to itself."""
    for seconds in PATIENCES_S:
        task.cancel()
        await asyncio.wait([task], timeout=seconds)
        if task.done():
            return
    _log.error("a task does not end: %s. Restart the agent, and report this", task.get_name())

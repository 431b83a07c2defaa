"""What must be done once an attempt to join, or an offer on the air, is over, whatever became of it."""

import asyncio
import logging
from collections.abc import Coroutine

from device_agent.errors import WifiError

AFTERWARDS_S = 15.0
"""A program that takes longer to put things back hangs, and is not waited for."""
_log = logging.getLogger(__name__)


async def see_through(work: Coroutine[object, object, None]) -> None:
    """Do this to its end, whoever cancels meanwhile; a cancellation is raised then.

    A failure is logged only: it must not take the place of what came before it, least of all of a cancellation.
    """
    task = asyncio.create_task(_within_reason(work))
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError


async def _within_reason(work: Coroutine[object, object, None]) -> None:
    try:
        async with asyncio.timeout(AFTERWARDS_S):
            await work
    except WifiError as error:
        _log.warning("Wi-Fi could not be put in order again: %s. %s", error, error.remedy)
    except TimeoutError:
        _log.warning("Wi-Fi could not be put in order again: no answer for %.0f s", AFTERWARDS_S)

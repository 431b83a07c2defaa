"""Programs of the device's maker, run when something happened: one after the other, without a shell, each for a while.

A program gets the event and its facts in environment variables that begin with DEVICE_AGENT_, and nothing else of the
agent's environment. It can hold up other programs, never the agent.
"""

import asyncio
import logging
import os
import signal
import subprocess
from collections.abc import Mapping

from device_agent.config import HooksConfig
from device_agent.moments import Moment, on_one_line

WAITING_MAX = 32
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_log = logging.getLogger(__name__)


class Hooks:
    """Runs what the configuration names for a moment."""

    def __init__(self, config: HooksConfig) -> None:
        self._programs: dict[Moment, tuple[str, ...]] = {
            moment: program for moment in Moment if (program := getattr(config, moment, None)) is not None
        }
        self._seconds = config.seconds
        self._waiting: asyncio.Queue[tuple[Moment, dict[str, str]]] = asyncio.Queue(WAITING_MAX)

    def note(self, moment: Moment, facts: Mapping[str, object]) -> None:
        """Let the program for this moment run when its turn comes."""
        if moment not in self._programs:
            return
        told = {f"DEVICE_AGENT_{name.upper()}": on_one_line(value) for name, value in facts.items()}
        try:
            self._waiting.put_nowait((moment, {**told, "DEVICE_AGENT_EVENT": moment, "PATH": _PATH}))
        except asyncio.QueueFull:
            _log.warning("the program for %s is left out: %d others wait", moment, WAITING_MAX)

    async def run(self) -> None:
        """Run programs until cancelled; a running one is killed then."""
        while True:
            moment, environment = await self._waiting.get()
            await self._run(moment, environment)

    async def _run(self, moment: Moment, environment: Mapping[str, str]) -> None:
        program = self._programs[moment]
        try:
            child = await asyncio.create_subprocess_exec(
                *program,
                stdin=subprocess.DEVNULL,
                stdout=2,  # standard output is for events alone
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            _log.error("hooks.%s: %s cannot be run: %s. Name a program.", moment, program[0], error.strerror)
            return
        try:
            async with asyncio.timeout(self._seconds):
                code = await child.wait()
        except TimeoutError:
            _log.warning("hooks.%s: %s took more than %d s and was killed", moment, program[0], self._seconds)
        else:
            if code:
                _log.warning("hooks.%s: %s ended with %d", moment, program[0], code)
        finally:
            _kill_group(child.pid)
            await child.wait()


def _kill_group(group: int) -> None:
    # Its own children too: nothing that a hook started outlasts it.
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return

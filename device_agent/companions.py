"""What goes on beside the agent's loop: lamp, hooks, control socket, button, watchdog.

They hear the journal and ask for commands. None of them can hold the loop up or end the agent by what the world does to
it; a bug in one ends the agent, loudly.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence

from device_agent import control
from device_agent.agent import Agent
from device_agent.button_source import watch
from device_agent.commands import commands_of
from device_agent.config import ButtonConfig, Config
from device_agent.errors import AgentError, ButtonError
from device_agent.hooks import Hooks
from device_agent.journal import Journal
from device_agent.led import LEDS, Led
from device_agent.moments import Moments
from device_agent.systemd import ServiceManager

BUTTON_RETRY_S = 10.0


class Reactions:
    """Lamp and hooks, set off by the journal's events."""

    def __init__(self, config: Config) -> None:
        self._moments = Moments()
        self.led = None if config.led is None else Led(LEDS / config.led)
        self.hooks = Hooks(config.hooks)

    def heard(self, event: str, facts: Mapping[str, object]) -> None:
        """React to one event."""
        moment = self._moments.of(event, facts)
        if moment is None:
            return
        if self.led is not None:
            self.led.show(moment)
        self.hooks.note(moment, facts)


async def accompany(
    agent: Agent, open_at_once: bool, config: Config, journal: Journal, manager: ServiceManager
) -> None:
    """Run the agent and what belongs beside it, until cancelled or until one of them fails."""
    reactions = Reactions(config)
    journal.listeners.extend((manager.heard, reactions.heard))
    commands = commands_of(agent, config.window_seconds)
    try:
        async with control.serve(config.control_socket, commands):
            works: list[Awaitable[None]] = [
                agent.run(open_at_once),
                reactions.hooks.run(),
                manager.feed_watchdog(agent.come_round),
            ]
            if reactions.led is not None:
                works.append(reactions.led.run())
            if config.button.input is not None:
                works.append(_watch_button(commands, config.button, journal))
            await _together(works)
    finally:
        manager.tell("STOPPING=1")


async def _watch_button(commands: Mapping[str, control.Command], config: ButtonConfig, journal: Journal) -> None:
    told = ""
    while True:
        try:
            await watch(config, lambda press: _press(commands[press]))
        except ButtonError as error:
            if str(error) != told:
                told = str(error)
                journal.event("trouble", what=told, remedy=error.remedy)
        await asyncio.sleep(BUTTON_RETRY_S)


async def _press(command: control.Command) -> None:
    try:
        await command({})
    except AgentError:
        return  # the agent has told its journal; there is nobody else here to tell


async def _together(works: Sequence[Awaitable[None]]) -> None:
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

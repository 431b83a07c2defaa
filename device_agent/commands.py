"""What the control socket, the button and the watchdog may ask a running agent for."""

from collections.abc import Mapping

from device_agent.agent import Agent
from device_agent.config import WINDOW_SECONDS_MAX
from device_agent.control import Answer, Command
from device_agent.errors import ControlError


def commands_of(agent: Agent, window_seconds: int) -> Mapping[str, Command]:
    """Return each command by its name; a window that nobody says the length of is open `window_seconds`."""

    async def open_window(request: Mapping[str, object]) -> Answer:
        seconds = request.get("seconds")
        if seconds is None:
            seconds = window_seconds
        if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 < seconds <= WINDOW_SECONDS_MAX:
            raise ControlError(f"a window is open 1 to {WINDOW_SECONDS_MAX} seconds", "Give another --seconds.")
        name = await agent.open(seconds)
        return {"window": {"open": True, "seconds": seconds, "name": name}}

    async def ping(_: Mapping[str, object]) -> Answer:
        await agent.come_round()
        return {"pong": True}

    async def reset(_: Mapping[str, object]) -> Answer:
        record = await agent.reset()
        left = {"wifi_to_forget": True} if record.wifi_to_forget else {}
        return {"reset": True, "resets": record.resets, **left}

    async def status(_: Mapping[str, object]) -> Answer:
        return {**agent.status(), "running": True}

    return {"open": open_window, "ping": ping, "reset": reset, "status": status}

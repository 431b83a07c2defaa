"""What the agent's loop meets, besides what the peripheral reports."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from device_agent.peripheral import PeripheralEvent
from device_agent.record import WifiProfile
from onboarding_protocol.dpp import ConnectionStatus


@dataclass(frozen=True, slots=True)
class Attempted:
    """The first attempt with a configuration has ended."""

    connecting: int
    """Which connecting it was; a later configuration makes it void."""
    status: ConnectionStatus


@dataclass(frozen=True, slots=True)
class GivenOnAir:
    """A configurator has given a network over the air."""

    profile: WifiProfile


@dataclass(frozen=True, slots=True)
class ConnectingEnded:
    """Connecting has failed, which is a bug; the agent ends with it, not in silence without it."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody presses the button, or asks for a reset, and is told how that went."""

    action: Callable[[], Awaitable[None]]
    done: asyncio.Future[None] | None = None


AgentEvent = PeripheralEvent | Attempted | GivenOnAir | ConnectingEnded | Asked

"""The running agent: one loop over everything that happens, so that no two things happen at once.

Phones write, links are lost, somebody presses the button, an attempt to connect ends: each is an event in one
queue, and each is dealt with before the next. Only joining and connecting take long; they are a task of their own
that reports back through the queue.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from device_agent import clock, control
from device_agent.config import WINDOW_SECONDS_MAX, Config
from device_agent.connectivity import Connectivity
from device_agent.enrollee import Begun, Configured, Enrollee, Failed, Outcome, Say
from device_agent.errors import ControlError
from device_agent.journal import Journal
from device_agent.peripheral import PeerGone, Peripheral, Written
from device_agent.phones import Phones
from device_agent.statement import Particulars
from device_agent.store import Store
from device_agent.wifi import open_wifi
from device_agent.window import Window
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import ConnectionStatus, Status
from onboarding_protocol.members import EndpointResult, EndpointStatus, HeardNetwork

STATUS_PATIENCE_S = 50.0
"""Our app waits a minute for a Connection Status."""
FOREIGN_STATUS_PATIENCE_S = 14.0
"""wpa_supplicant as configurator waits 16 seconds."""
FAREWELL_S = 5.0
"""How long a phone's link may outlast the window, so that the last notification arrives."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempted:
    """The first attempt with a new configuration has ended."""

    status: ConnectionStatus


@dataclass(frozen=True, slots=True)
class Opened:
    """The button was pressed."""

    seconds: float


@dataclass(frozen=True, slots=True)
class WasReset:
    """The device was reset to factory state."""


AgentEvent = Written | PeerGone | Attempted | Opened | WasReset


class Agent:
    """One device. `run` lasts until it is cancelled."""

    def __init__(self, config: Config, store: Store, journal: Journal) -> None:
        self._config = config
        self._store = store
        self._journal = journal
        self._events: asyncio.Queue[AgentEvent] = asyncio.Queue()
        self._wifi = open_wifi(config.wifi)
        self._connectivity = Connectivity(store, self._wifi, self._changed)
        self._connecting: asyncio.Task[None] | None = None
        self._peripheral = Peripheral(config.adapter, self._events.put_nowait)
        self._window: Window | None = None
        self._farewell: float | None = None
        self._status_due: float | None = None
        self._heard: tuple[HeardNetwork, ...] = ()
        self._particulars = Particulars(config.serial, config.model, config.firmware)
        self._phones = self._no_phones()

    async def run(self, open_at_once: bool = False) -> None:
        """Serve until cancelled; leaves no advertisement and no socket behind."""
        commands = {"open": self._open_command, "status": self._status_command, "reset": self._reset_command}
        async with control.serve(self._config.control_socket, commands):
            self._journal.event("ready", control=str(self._config.control_socket))
            if open_at_once:
                self._events.put_nowait(Opened(self._config.window_seconds))
            if self._store.record.wifi:
                self._connect()
            try:
                while True:
                    await self._turn()
            finally:
                await self._stop_connecting()
                await self._peripheral.stop()

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout_at(self._next_deadline()):
                event = await self._events.get()
        except TimeoutError:
            await self._expire(self._now())
        else:
            await self._meet(event, self._now())
        if self._window is not None and not self._window.is_open(self._now()):
            await self._close("it was open long enough" if self._window.failures == 0 else "too many tries failed")

    async def _meet(self, event: AgentEvent, now: float) -> None:
        match event:
            case Written(peer, mtu, octets):
                await self._carry_out(self._phones.written(peer, mtu, octets, now))
            case PeerGone(peer):
                self._phones.gone(peer)
                if self._farewell is not None and not self._phones.any_left:
                    await self._take_away()
            case Attempted(status):
                await self._report(status, now)
            case Opened(seconds):
                await self._open(seconds, now)
            case WasReset():
                await self._stop_connecting()
                await self._close("the device was reset")
                await self._take_away()

    async def _expire(self, now: float) -> None:
        await self._carry_out(self._phones.expire(now))
        if self._status_due is not None and now >= self._status_due:
            unknown = EndpointStatus(EndpointResult.UNREACHABLE, "still-trying").to_members()
            await self._report(ConnectionStatus(Status.NO_AP, members=unknown), now)
        if self._farewell is not None and now >= self._farewell:
            await self._take_away()

    async def _carry_out(self, outcomes: Iterable[tuple[str, Outcome]]) -> None:
        for peer, outcome in outcomes:
            match outcome:
                case Say(octets):
                    await self._peripheral.notify(octets, self._phones.mtu(peer))
                case Begun():
                    self._journal.event("exchange", phone=peer)
                case Configured(foreign, issued_at):
                    await self._configured(foreign, issued_at)
                case Failed(detail):
                    self._journal.event("exchange-failed", detail=detail)
                    if self._window is not None:
                        self._window = self._window.failed()

    async def _configured(self, foreign: bool, issued_at: int | None) -> None:
        self._changed()
        if issued_at is not None:
            clock.learn(issued_at, self._config.clock)
        await self._stop_connecting()
        self._status_due = self._now() + (FOREIGN_STATUS_PATIENCE_S if foreign else STATUS_PATIENCE_S)
        self._connect()

    async def _report(self, status: ConnectionStatus, now: float) -> None:
        self._status_due = None
        contact = EndpointStatus.from_members(status.members)
        self._journal.event(
            "attempt",
            wifi=status.result.name,
            endpoint=None if contact is None else contact.endpoint,
            reason=None if contact is None else contact.reason,
        )
        await self._carry_out(self._phones.report(status, now))
        unowned = self._store.record.ownership is None
        if status.result is Status.OK and (unowned or self._connectivity.endpoint.endpoint is EndpointResult.CONNECTED):
            await self._close("the device is set up")

    def _connect(self) -> None:
        def on_first(status: ConnectionStatus) -> None:
            self._events.put_nowait(Attempted(status))

        self._connecting = asyncio.create_task(self._connectivity.run(on_first))

    async def _stop_connecting(self) -> None:
        task, self._connecting = self._connecting, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _open(self, seconds: float, now: float) -> None:
        if self._window is None:
            await self._take_away()
            self._heard = await self._wifi.scan()
            await self._peripheral.start(self._key.name)
        self._window = Window.opened(now, seconds)
        self._journal.event("window", open=True, advertises=self._key.name, seconds=seconds)

    async def _close(self, why: str) -> None:
        if self._window is None:
            return
        self._window = None
        self._farewell = self._now() + FAREWELL_S
        await self._peripheral.conceal()
        self._journal.event("window", open=False, why=why)
        if not self._phones.any_left:
            await self._take_away()

    async def _take_away(self) -> None:
        self._farewell = None
        self._phones = self._no_phones()
        await self._peripheral.stop()

    def _next_deadline(self) -> float | None:
        closes_at = None if self._window is None else self._window.closes_at
        deadlines = (closes_at, self._farewell, self._status_due, self._phones.deadline)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _no_phones(self) -> Phones:
        return Phones(lambda: Enrollee(self._store, self._particulars, lambda: self._heard))

    def _changed(self) -> None:
        self._journal.event("state", **self._state())

    def _state(self) -> dict[str, object]:
        record = self._store.record
        owner = record.ownership
        return {
            "state": record.state,
            "device": None if owner is None else owner.device,
            "tenant": None if owner is None else owner.tenant,
            "endpoint": None if owner is None else owner.endpoint,
            "contact": self._connectivity.endpoint.endpoint,
        }

    @property
    def _key(self) -> BootstrappingKey:
        return BootstrappingKey.from_public_key(self._store.bootstrapping_key.public_key())

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _open_command(self, request: Mapping[str, object]) -> control.Answer:
        seconds = request.get("seconds") or self._config.window_seconds
        if not isinstance(seconds, int) or not 0 < seconds <= WINDOW_SECONDS_MAX:
            raise ControlError(f"a window is open 1 to {WINDOW_SECONDS_MAX} seconds", "Give another --seconds.")
        self._events.put_nowait(Opened(seconds))
        return {"window": {"open": True, "seconds": seconds, "name": self._key.name}}

    def _status_command(self, _: Mapping[str, object]) -> control.Answer:
        window = None if self._window is None else {"seconds": round(self._window.closes_at - self._now())}
        return {**self._state(), "running": True, "window": window}

    def _reset_command(self, _: Mapping[str, object]) -> control.Answer:
        self._store.reset()
        self._events.put_nowait(WasReset())
        self._changed()
        return {"reset": True, "resets": self._store.record.resets}

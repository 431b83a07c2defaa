"""The running agent: one loop over everything that happens, so that no two things happen at once.

Phones write, links are lost, somebody presses the button, an attempt to connect ends: each is an event in one
queue, and each is dealt with before the next. What takes long is a task of its own that reports back through the queue:
joining and connecting, and offering the label on the air. What a scan has heard waits for the next phone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import partial

from device_agent import clock
from device_agent.air import Air
from device_agent.cancellation import end
from device_agent.config import Config
from device_agent.connectivity import Connectivity
from device_agent.enrollee import Begun, Configured, Enrollee, Failed, Outcome, Say
from device_agent.errors import AgentError
from device_agent.events import AgentEvent, Asked, Attempted, ConnectingEnded, GivenOnAir
from device_agent.journal import Journal
from device_agent.peripheral import BluetoothGone, PeerCame, PeerGone, PeripheralEvent, Written, open_peripheral
from device_agent.phones import Leave, Phones
from device_agent.provisioning import Provisioning
from device_agent.record import Record, WifiProfile
from device_agent.statement import Particulars
from device_agent.store import Store
from device_agent.wifi import open_on_air, open_wifi
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import ConnectionStatus, Status
from onboarding_protocol.members import EndpointResult, EndpointStatus

EVENTS_MAX = 256
"""Writes that come while so many events wait are dropped: a phone that floods us spoils its own messages only."""


class Agent:
    """One device. `run` lasts until it is cancelled."""

    def __init__(self, config: Config, store: Store, journal: Journal) -> None:
        self._config = config
        self._store = store
        self._journal = journal
        self._events: asyncio.Queue[AgentEvent] = asyncio.Queue()
        self._wifi = open_wifi(config.wifi)
        self._air = Air(self._wifi, open_on_air(config.wifi), lambda given: self._events.put_nowait(GivenOnAir(given)))
        self._connectivity = Connectivity(store, self._wifi, self._changed, journal.event)
        self._connecting: asyncio.Task[None] | None = None
        self._connectings = 0
        self._peripheral = open_peripheral(config, self._heard_of)
        self._provisioning = Provisioning()
        self._particulars = Particulars(config.serial, config.model, config.firmware)
        self._phones = self._no_phones()

    async def run(self, open_at_once: bool = False) -> None:
        """Serve until cancelled; leaves no advertisement behind."""
        clock.raise_to(self._store.record.clock_floor, self._config.clock)
        self._journal.event("ready", control=str(self._config.control_socket))
        if open_at_once:
            self._events.put_nowait(Asked(partial(self._open, self._config.window_seconds)))
        self._connect()
        try:
            while True:
                await self._turn()
        finally:
            await self._air.stop()
            await self._stop_connecting()
            await self._peripheral.stop()

    async def open(self, seconds: float) -> str:
        """Open the window, or open it anew for so long; return the name that is advertised."""
        await self._in_turn(partial(self._open, seconds))
        return self._key.name

    async def reset(self) -> Record:
        """Forget owner, Wi-Fi and identity; return what is left."""
        await self._in_turn(self._reset)
        return self._store.record

    async def come_round(self) -> None:
        """Return when the loop has got as far as this: it still goes round."""
        await self._in_turn(partial(asyncio.sleep, 0))

    def status(self) -> dict[str, object]:
        """Return how far the device has come, and the window if there is one."""
        window = self._provisioning.window
        seconds = None if window is None else {"seconds": round(window.closes_at - self._now())}
        return {**self._state(), "window": seconds}

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout_at(self._next_deadline()):
                event = await self._events.get()
        except TimeoutError:
            await self._expire(self._now())
        else:
            await self._meet(event, self._now())
        if (why := self._provisioning.over(self._now())) is not None:
            await self._close(why)

    async def _meet(self, event: AgentEvent, now: float) -> None:
        match event:
            case Written(peer, mtu, octets):
                await self._air.looked()  # what is heard goes to the phone with the first answer after its proof
                await self._carry_out(self._phones.written(peer, mtu, octets, self._now()))
            case PeerCame(peer):
                self._phones.linked(peer, now)
            case PeerGone(peer):
                self._phones.gone(peer)
                if self._provisioning.taking_leave and not self._phones.any_left:
                    await self._take_away()
            case BluetoothGone():
                await self._close("Bluetooth has gone")
                await self._take_away()
            case Attempted(connecting, status):
                if connecting == self._connectings:
                    await self._report(status, now)
            case GivenOnAir(profile):
                await self._do(partial(self._given, profile), None)
            case ConnectingEnded(error):
                raise error
            case Asked(action, done):
                await self._do(action, done)

    async def _do(self, action: Callable[[], Awaitable[None]], done: asyncio.Future[None] | None) -> None:
        try:
            await action()
        except AgentError as error:
            self._journal.event("trouble", what=str(error), remedy=error.remedy)
            if done is not None:
                done.set_exception(error)
        else:
            if done is not None:
                done.set_result(None)

    async def _expire(self, now: float) -> None:
        await self._carry_out(self._phones.expire(now))
        if self._provisioning.status_overdue(now):
            unknown = EndpointStatus(EndpointResult.UNREACHABLE, "still-trying").to_members()
            await self._report(ConnectionStatus(Status.NO_AP, members=unknown), now)
        if self._provisioning.farewell_over(now, self._phones.busy):
            await self._take_away()

    async def _carry_out(self, outcomes: Iterable[tuple[str, Outcome | Leave]]) -> None:
        for peer, outcome in outcomes:
            match outcome:
                case Say(octets):
                    await self._peripheral.notify(peer, octets, self._phones.mtu(peer))
                case Leave():
                    await self._peripheral.disconnect(peer)
                case Begun():
                    self._journal.event("exchange", phone=peer)
                case Configured(foreign, issued_at):
                    await self._configured(foreign, issued_at)
                case Failed(detail):
                    self._journal.event("exchange-failed", detail=detail)
                    self._provisioning.failed()

    async def _configured(self, foreign: bool, issued_at: int | None) -> None:
        await self._air.withdraw()
        await self._stop_connecting()
        self._changed()
        if issued_at is not None:
            clock.learn(issued_at, self._config.clock)
        self._provisioning.configured(self._now(), foreign)
        self._connect()

    async def _given(self, profile: WifiProfile) -> None:
        if self._provisioning.window is not None:
            self._store.update(lambda record: replace(record, wifi=(profile, *record.wifi[-1:])))
            self._journal.event("given-on-air")
            await self._configured(foreign=True, issued_at=None)

    async def _report(self, status: ConnectionStatus, now: float) -> None:
        self._provisioning.attempted()
        contact = EndpointStatus.from_members(status.members)
        self._journal.event(
            "attempt",
            wifi=status.result.name,
            endpoint=None if contact is None else contact.endpoint,
            reason=None if contact is None else contact.reason,
        )
        await self._carry_out(self._phones.report(status, now))
        unowned = self._store.record.ownership is None
        arrived = unowned or (contact is not None and contact.endpoint is EndpointResult.CONNECTED)
        if status.result is Status.OK and arrived and self._provisioning.arrived():
            await self._close("the device is set up")
        elif self._provisioning.window is not None:
            self._air.offer(self._store.bootstrapping_key, self._store.record.clock_floor)

    def _connect(self) -> None:
        number = self._connectings

        def on_first(status: ConnectionStatus) -> None:
            self._events.put_nowait(Attempted(number, status))

        self._connecting = asyncio.create_task(self._connectivity.run(on_first), name="connecting")
        self._connecting.add_done_callback(self._connecting_ended)

    def _connecting_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._events.put_nowait(ConnectingEnded(error))

    async def _stop_connecting(self) -> None:
        self._connectings += 1
        self._provisioning.attempted()
        task, self._connecting = self._connecting, None
        if task is not None:
            await end(task)

    async def _open(self, seconds: float) -> None:
        if self._provisioning.window is None:
            await self._take_away()
            self._air.look()
            await self._peripheral.start(self._key.name)
            self._air.offer(self._store.bootstrapping_key, self._store.record.clock_floor)
        self._provisioning.opened(self._now(), seconds)
        self._journal.event("window", open=True, advertises=self._key.name, seconds=seconds)

    async def _close(self, why: str) -> None:
        if not self._provisioning.closed(self._now()):
            return
        await self._air.stop()
        self._phones.closed = True
        await self._peripheral.conceal()
        self._journal.event("window", open=False, why=why)
        if not self._phones.any_left:
            await self._take_away()

    async def _reset(self) -> None:
        await self._stop_connecting()
        self._provisioning.forgotten()
        try:
            self._store.reset()
            await self._connectivity.forget()
        finally:
            self._connect()  # where something is left: to forget, or to join because it did not happen
        self._changed()
        await self._close("the device was reset")
        await self._take_away()

    async def _take_away(self) -> None:
        self._provisioning.taken_away()
        self._phones = self._no_phones()
        await self._peripheral.stop()

    def _next_deadline(self) -> float | None:
        deadlines = (self._provisioning.deadline, self._phones.deadline)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _no_phones(self) -> Phones:
        return Phones(lambda: Enrollee(self._store, self._particulars, lambda: self._air.heard))

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

    def _heard_of(self, event: PeripheralEvent) -> None:
        if not isinstance(event, Written) or self._events.qsize() < EVENTS_MAX:
            self._events.put_nowait(event)

    async def _in_turn(self, action: Callable[[], Awaitable[None]]) -> None:
        done = asyncio.get_running_loop().create_future()
        self._events.put_nowait(Asked(action, done))
        await asyncio.shield(done)

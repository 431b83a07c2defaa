"""From a stored configuration to a device that is connected and stays so.

An attempt joins Wi-Fi and makes first contact with the endpoint, and gives the result that the phone hears. What
follows is the same whether a phone configured the device or it was just switched on: it keeps trying. What an
attempt learns is noted only if the record still says what the attempt began with.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from device_agent import endpoint
from device_agent.cancellation import heed_cancellation
from device_agent.errors import AgentError
from device_agent.forgetting import forget_wifi
from device_agent.record import Ownership, Record, WifiProfile
from device_agent.renewal import Renewal, Told
from device_agent.station import station_identity
from device_agent.store import Store
from device_agent.wifi import ELSEWHERE, JoinResult, Wifi
from onboarding_protocol.dpp import ConnectionStatus, Status
from onboarding_protocol.members import DeviceState, EndpointResult, EndpointStatus

RETRY_FIRST_S = 1.0
RETRY_MAX_S = 300.0
AGAIN_S = 3600.0
"""How long a network that was not there leaves another one alone that works."""
_REFUSALS = {Status.AUTH_FAILURE, Status.INVALID_CONNECTOR, Status.NO_MATCH}
"""They will be the same until somebody configures the device anew."""
_UNFORESEEN = ConnectionStatus(
    Status.CONFIGURE_FAILURE, members=EndpointStatus(EndpointResult.UNTRIED, "internal-error").to_members()
)
_log = logging.getLogger(__name__)


class Connectivity:
    """Keeps one device joined and connected, by what its record says."""

    def __init__(self, store: Store, wifi: Wifi, on_change: Callable[[], None], told: Told) -> None:
        self._store = store
        self._wifi = wifi
        self._on_change = on_change
        self._told = told
        self._renewal: Renewal | None = None
        self._trouble: str | None = None
        self._failed: dict[WifiProfile, tuple[Status, float]] = {}
        """How the networks of this configuration were last found, and when."""
        self.endpoint = EndpointStatus(EndpointResult.UNTRIED)

    async def run(self, on_first: Callable[[ConnectionStatus], None]) -> None:
        """Forget, join, connect and stay; `on_first` hears once how the first attempt went.

        Ends by cancellation, or when everything is forgotten and there is no network to join.
        """
        if not await self._forgotten():
            return
        self._failed = {}
        delay = RETRY_FIRST_S
        first = True

        def tell(status: ConnectionStatus) -> None:
            nonlocal first
            if first:
                first = False
                on_first(status)

        try:
            while True:
                try:
                    reached = await self._attempt(tell)
                except Exception:  # noqa: BLE001 - whatever its record holds, the device must stay one that can be reset
                    _log.exception("connecting failed in a way that nobody has foreseen: please report it")
                    tell(_UNFORESEEN)
                    reached = False
                heed_cancellation()
                delay = RETRY_FIRST_S if reached else min(delay * 2, RETRY_MAX_S)
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - spreads a fleet, guards nothing
        finally:
            self.endpoint = EndpointStatus(EndpointResult.UNTRIED)

    async def forget(self) -> None:
        """Have what a reset has forgotten forgotten by the program that does Wi-Fi; tells what is in the way, once."""
        try:
            await forget_wifi(self._store, self._wifi)
            self._trouble = None
        except AgentError as error:
            if str(error) != self._trouble:
                self._told("trouble", what=str(error), remedy=error.remedy)
            self._trouble = str(error)
        except Exception:  # noqa: BLE001 - it is owed at each start, and must not keep the agent from starting
            _log.exception("forgetting a network failed in a way that nobody has foreseen: please report it")

    async def _forgotten(self) -> bool:
        """Forget, and return whether there is a network to join; it does not wait for a former one to be forgotten."""
        delay = RETRY_FIRST_S
        await self.forget()
        while self._store.record.wifi_to_forget and not self._store.record.wifi:
            await asyncio.sleep(delay)
            delay = min(delay * 2, RETRY_MAX_S)
            await self.forget()
        return bool(self._store.record.wifi)

    async def _attempt(self, tell: Callable[[ConnectionStatus], None]) -> bool:
        profile, joined = await self._join()
        ownership = self._store.record.ownership
        if joined.status is not Status.OK or ownership is None:
            before, self.endpoint = self.endpoint, EndpointStatus(EndpointResult.UNTRIED)
            if before != self.endpoint:
                _log.warning("Wi-Fi is gone as well: %s", joined.status.name)
                self._on_change()
            tell(_status(profile, joined, EndpointStatus(EndpointResult.UNTRIED, joined.reason)))
            if joined.status is Status.OK:
                await asyncio.Event().wait()  # joined, and there is no endpoint to connect to
            if ownership is None or not self._online():
                return False
        contacted = False

        def on_contact(held: Ownership, status: EndpointStatus) -> None:
            nonlocal contacted
            contacted = True
            self._contacted(held, status)
            tell(_status(profile, joined, status))

        ended = await self._hold(ownership, on_contact)
        self.endpoint = ended
        self._on_change()
        _log.warning("the endpoint link is down: %s, %s", ended.endpoint, ended.reason)
        tell(_status(profile, joined, ended))
        return contacted

    async def _hold(
        self, ownership: Ownership, on_contact: Callable[[Ownership, EndpointStatus], None]
    ) -> EndpointStatus:
        try:
            while True:
                renewal = self._renewal_of(ownership)
                identity = self._store.tls_identity(ownership)
                ended = await endpoint.hold(ownership, identity, renewal, partial(on_contact, ownership))
                if renewal.renewed is None:
                    return ended
                ownership = renewal.renewed  # and connect with it at once
        except AgentError as error:
            _log.error("%s. %s", error, error.remedy)
            return EndpointStatus(EndpointResult.UNTRIED, "internal-error")

    def _renewal_of(self, ownership: Ownership) -> Renewal:
        if self._renewal is None or self._renewal.of != ownership:
            self._renewal = Renewal(self._store, ownership, self._told)
        return self._renewal

    async def _join(self) -> tuple[WifiProfile, JoinResult]:
        profiles = self._store.record.wifi
        newest = await self._try(profiles[0])
        if newest.status is Status.OK:
            self._keep(profiles, profiles[0])
            return profiles[0], newest
        for profile in profiles[1:]:
            if (await self._try(profile)).status is Status.OK:
                _log.info("back on the network that worked before")
                self._keep(profiles, profile)
        return profiles[0], newest

    async def _try(self, profile: WifiProfile) -> JoinResult:
        now = asyncio.get_running_loop().time()
        status, since = self._failed.get(profile, (Status.OK, now))
        gently = status in _REFUSALS or (status is not Status.OK and now - since < AGAIN_S)
        try:
            result = await self._wifi.join(profile, station_identity(self._store, profile), gently=gently)
        except AgentError as error:
            _log.error("Wi-Fi failed: %s. %s", error, error.remedy)
            result = JoinResult(Status.CONFIGURE_FAILURE)
        heed_cancellation()
        if result.reason != ELSEWHERE:
            self._failed[profile] = result.status, now
        return result

    def _online(self) -> bool:
        try:
            return self._wifi.online()
        except AgentError as error:
            _log.error("%s. %s", error, error.remedy)
            return False

    def _keep(self, profiles: tuple[WifiProfile, ...], worked: WifiProfile) -> None:
        self._note(lambda record: replace(record, wifi=(worked,)) if record.wifi == profiles else record)

    def _contacted(self, ownership: Ownership, status: EndpointStatus) -> None:
        self.endpoint = status
        connected = DeviceState.CONNECTED
        self._note(lambda record: replace(record, state=connected) if record.ownership == ownership else record)
        self._on_change()

    def _note(self, change: Callable[[Record], Record]) -> None:
        # A disk that takes no more is no reason to give up a link that works.
        try:
            self._store.update(change)
        except AgentError as error:
            _log.error("%s. %s", error, error.remedy)


def _status(profile: WifiProfile, joined: JoinResult, contact: EndpointStatus) -> ConnectionStatus:
    return ConnectionStatus(joined.status, profile.ssid, joined.channels, contact.to_members())

"""Wi-Fi by NetworkManager. It asks for the address, too, so a joined network has one.

A connection is made volatile: if it fails, or we do, NetworkManager forgets it. Only one that has worked is written
to its disk. The connection that was active before is activated again after a failure.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass

from device_agent.errors import WifiError
from device_agent.record import WifiProfile
from device_agent.wifi import ELSEWHERE, JoinResult, StationIdentity
from device_agent.wifi.address import has_address
from device_agent.wifi.afterwards import see_through
from device_agent.wifi.heard import channel_list, strongest_of_each
from device_agent.wifi.nm_facts import failure, mark_in, read_access_point, settings_of
from device_agent.wifi.system_bus import RefusedError, Settings, Signal, SystemBus, variant
from device_agent.wifi.wpa_networks import MARK, is_mark_of
from device_agent.wifi.wpa_supplicant import Patience
from onboarding_protocol.dpp import Akm, Status
from onboarding_protocol.members import HeardNetwork

SERVICE = "org.freedesktop.NetworkManager"
SCAN_S = 15.0
SCANNED_LATELY_S = 6.0
"""It refuses to scan twice in a few seconds; a scan that is under way ends within them."""
PROBES = 2
"""Scans without the network that make it absent."""
_ROOT = "/org/freedesktop/NetworkManager"
_DEVICE = f"{SERVICE}.Device"
_WIRELESS = f"{SERVICE}.Device.Wireless"
_ACTIVE = f"{SERVICE}.Connection.Active"
_CONNECTION = f"{SERVICE}.Settings.Connection"
_NOTHING = "/"
_WIFI_DEVICE = 2
_ACTIVATED, _DEACTIVATED = 2, 4
_FAILED = 120
_TO_DISK, _IN_MEMORY = 1, 2
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Station:
    path: str
    interface: str


class NetworkManagerWifi:
    """The first Wi-Fi interface that NetworkManager manages, or the one that is named."""

    def __init__(self, interface: str | None, patience: Patience) -> None:
        self._interface = interface
        self._patience = patience
        self._turn = asyncio.Lock()

    async def manages(self) -> bool:
        """Whether NetworkManager runs and manages the interface."""
        async with SystemBus.to(SERVICE) as bus:
            return await bus.is_served() and await self._find(bus) is not None

    async def scan(self) -> tuple[HeardNetwork, ...]:
        """Scan, and return the networks heard, strongest first."""
        async with self._turn, SystemBus.to(SERVICE) as bus:
            station = await self._station(bus)
            await self._fresh_scan(bus, station)
            return strongest_of_each(network for network, _ in await self._stations(bus, station))

    async def join(
        self, profile: WifiProfile, identity: StationIdentity | None = None, *, gently: bool = False
    ) -> JoinResult:
        """Join and stay joined; a network that does not let us in leaves everything as it was."""
        async with self._turn, SystemBus.to(SERVICE) as bus:
            station = await self._station(bus)
            before = await self._active(bus, station)
            made = await self._made_from(bus, profile)
            if made is not None and before == (made, _ACTIVATED):
                return JoinResult(Status.OK)
            if gently and before[0] != made and await self._is_elsewhere(bus, station):
                return JoinResult(Status.CONFIGURE_FAILURE, reason=ELSEWHERE)
            seen = await self._heard_at(bus, station, profile.ssid)
            heard = seen or await self._probe(bus, station, profile.ssid)
            if not heard:
                return JoinResult(Status.NO_AP)
            settings = settings_of(profile, identity, hidden=not seen, address_seconds=self._patience.address)
            if settings is None:
                return JoinResult(Status.CONFIGURE_FAILURE, channel_list(heard), "unsupported")
            await bus.listen()
            begun = asyncio.create_task(self._begin(bus, station, made, settings))
            try:
                connection, active = await asyncio.shield(begun)
                result = await self._outcome(bus, station, active)
            except BaseException:  # cancelled, too: nothing half done is left behind
                await see_through(self._put_back(bus, station, settings, before[0], begun))
                raise
            if result.status is Status.OK:
                await see_through(self._keep(bus, connection, settings))
                return result
            await see_through(self._put_back(bus, station, settings, before[0], begun))
            if result.status is Status.NO_AP and profile.akm is Akm.SAE:
                return JoinResult(Status.AUTH_FAILURE, channel_list(heard))  # what it calls a wrong SAE password
            return JoinResult(result.status, channel_list(heard), result.reason)

    def online(self) -> bool:
        """Whether the device has an address, in whatever network."""
        return has_address()

    async def forget(self) -> None:
        """Remove every connection that the agent has made, which leaves its network."""
        async with self._turn, SystemBus.to(SERVICE) as bus:
            if not await bus.is_served():
                raise WifiError("NetworkManager does not run", "Start it: systemctl start NetworkManager.")
            for connection in await self._ours(bus):
                await self._delete(bus, connection)
            if await self._ours(bus):
                raise WifiError(
                    "NetworkManager still holds a connection that the agent has made",
                    "See its log: journalctl -u NetworkManager; or delete it: nmcli connection delete NAME.",
                )

    async def _begin(self, bus: SystemBus, station: _Station, made: str | None, settings: Settings) -> tuple[str, str]:
        """Return the connection and its activation."""
        if made is not None:
            (active,) = await bus.call(_ROOT, SERVICE, "ActivateConnection", "ooo", made, station.path, _NOTHING)
            return made, str(active)
        connection, active, _ = await bus.call(
            _ROOT, SERVICE, "AddAndActivateConnection2", "a{sa{sv}}ooa{sv}", settings, station.path, _NOTHING,
            {"persist": variant("s", "volatile")},
        )  # fmt: skip
        return str(connection), str(active)

    async def _outcome(self, bus: SystemBus, station: _Station, active: str) -> JoinResult:
        try:
            async with asyncio.timeout(self._patience.join + self._patience.address):
                return await self._verdict(bus, station, active)
        except TimeoutError:
            return JoinResult(Status.CONFIGURE_FAILURE, reason="timed-out")

    async def _is_elsewhere(self, bus: SystemBus, station: _Station) -> bool:
        """Whether a network is joined; one that is about to be is waited for."""
        await bus.listen()
        active = str(await bus.property(station.path, _DEVICE, "ActiveConnection"))
        return active != _NOTHING and (await self._outcome(bus, station, active)).status is Status.OK

    async def _verdict(self, bus: SystemBus, station: _Station, active: str) -> JoinResult:
        if await self._state_of(bus, active) == _ACTIVATED:
            return JoinResult(Status.OK)
        reason = 0
        while True:
            match await bus.signal():
                case Signal(path, "StateChanged", (int() as state, int() as why)) if path == active:
                    if state == _ACTIVATED:
                        return JoinResult(Status.OK)
                    if state >= _DEACTIVATED:
                        return failure(reason, why)
                case Signal(path, "StateChanged", (int() as state, int(), int() as why)) if path == station.path:
                    reason = why if state == _FAILED else reason

    async def _keep(self, bus: SystemBus, joined: str, settings: Settings) -> None:
        try:
            await bus.call(joined, _CONNECTION, "Update2", "a{sa{sv}}ua{sv}", settings, _TO_DISK, {})
        except RefusedError as error:
            _log.warning("%s. The network is kept in memory, and added again at each start", error)
            await bus.call(joined, _CONNECTION, "Update2", "a{sa{sv}}ua{sv}", settings, _IN_MEMORY, {})
        for connection in await self._ours(bus):
            if connection != joined:
                await self._delete(bus, connection)

    async def _put_back(
        self, bus: SystemBus, station: _Station, tried: Settings, before: str, begun: asyncio.Task[tuple[str, str]]
    ) -> None:
        with suppress(WifiError):
            await begun  # what was asked for and not yet answered could not be found
        for connection, mark in await self._marks(bus):
            if mark == mark_in(tried):
                await self._delete(bus, connection)
        if before != _NOTHING and await self._active(bus, station) != (before, _ACTIVATED):
            try:
                await bus.call(_ROOT, SERVICE, "ActivateConnection", "ooo", before, station.path, _NOTHING)
            except RefusedError:
                return  # somebody else has removed it meanwhile

    async def _delete(self, bus: SystemBus, connection: str) -> None:
        try:
            await bus.call(connection, _CONNECTION, "Delete")
        except RefusedError:
            return  # it was volatile, and has gone by itself

    async def _made_from(self, bus: SystemBus, profile: WifiProfile) -> str | None:
        return next((path for path, mark in await self._marks(bus) if is_mark_of(mark, profile)), None)

    async def _ours(self, bus: SystemBus) -> list[str]:
        return [path for path, mark in await self._marks(bus) if mark.startswith(MARK)]

    async def _marks(self, bus: SystemBus) -> list[tuple[str, str]]:
        (paths,) = await bus.call(f"{_ROOT}/Settings", f"{SERVICE}.Settings", "ListConnections")
        marks = []
        for path in paths if isinstance(paths, list) else []:
            try:
                (settings,) = await bus.call(path, _CONNECTION, "GetSettings")
            except RefusedError:
                continue  # it has gone, or is somebody's own
            marks.append((str(path), mark_in(settings)))
        return marks

    async def _active(self, bus: SystemBus, station: _Station) -> tuple[str, int]:
        """Return the connection that the interface has, and its state."""
        active = str(await bus.property(station.path, _DEVICE, "ActiveConnection"))
        if active == _NOTHING:
            return _NOTHING, 0
        try:
            facts = await bus.properties(active, _ACTIVE)
        except RefusedError:
            return _NOTHING, 0
        state = facts.get("State")
        return str(facts.get("Connection", _NOTHING)), state if isinstance(state, int) else 0

    async def _state_of(self, bus: SystemBus, active: str) -> object:
        try:
            return await bus.property(active, _ACTIVE, "State")
        except RefusedError:
            return _DEACTIVATED

    async def _station(self, bus: SystemBus) -> _Station:
        station = await self._find(bus) if await bus.is_served() else None
        if station is None:
            raise WifiError(
                f"NetworkManager does not manage {self._interface or 'a Wi-Fi interface'}",
                "See `nmcli device`; start NetworkManager, or set wifi.backend to the program that does.",
            )
        return station

    async def _find(self, bus: SystemBus) -> _Station | None:
        (paths,) = await bus.call(_ROOT, SERVICE, "GetDevices")
        for path in paths if isinstance(paths, list) else []:
            facts = await bus.properties(path, _DEVICE)
            named = self._interface in (None, facts.get("Interface"))
            if facts.get("DeviceType") == _WIFI_DEVICE and facts.get("Managed") is True and named:
                return _Station(str(path), str(facts.get("Interface")))
        return None

    async def _probe(self, bus: SystemBus, station: _Station, ssid: bytes) -> list[int]:
        """Look for a network by its name, as a hidden one must be."""
        for _ in range(PROBES):
            await self._fresh_scan(bus, station, ssid)
            if heard := await self._heard_at(bus, station, ssid):
                return heard
        return []

    async def _heard_at(self, bus: SystemBus, station: _Station, ssid: bytes) -> list[int]:
        return [frequency for network, frequency in await self._stations(bus, station) if network.ssid == ssid]

    async def _fresh_scan(self, bus: SystemBus, station: _Station, ssid: bytes = b"") -> None:
        await bus.listen()
        before = await bus.property(station.path, _WIRELESS, "LastScan")
        patience = SCAN_S
        try:
            await bus.call(
                station.path, _WIRELESS, "RequestScan", "a{sv}", {"ssids": variant("aay", [ssid])} if ssid else {}
            )
        except RefusedError:
            patience = SCANNED_LATELY_S
        with suppress(TimeoutError):  # what it knows by now will do
            async with asyncio.timeout(patience):
                while await bus.property(station.path, _WIRELESS, "LastScan") == before:
                    while (await bus.signal()).path != station.path:
                        pass

    async def _stations(self, bus: SystemBus, station: _Station) -> list[tuple[HeardNetwork, int]]:
        (paths,) = await bus.call(station.path, _WIRELESS, "GetAllAccessPoints")
        heard = []
        for path in paths if isinstance(paths, list) else []:
            try:
                facts = await bus.properties(path, f"{SERVICE}.AccessPoint")
            except RefusedError:
                continue  # out of reach by now
            network = read_access_point(facts)
            if network is not None:
                heard.append(network)
        return heard

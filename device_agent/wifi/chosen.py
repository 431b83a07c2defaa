"""The backend that fits what runs, chosen when it is first needed and again after it has failed.

At boot the agent may be there before NetworkManager or wpa_supplicant.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from device_agent.config import WifiConfig
from device_agent.errors import WifiError
from device_agent.record import WifiProfile
from device_agent.wifi import JoinResult, StationIdentity, Wifi
from device_agent.wifi.address import has_address
from device_agent.wifi.network_manager import NetworkManagerWifi
from device_agent.wifi.wpa_supplicant import Patience, WpaSupplicantWifi, control_of
from onboarding_protocol.members import HeardNetwork


class ChosenWifi:
    """NetworkManager if it manages the interface, else a wpa_supplicant with a control socket."""

    def __init__(self, config: WifiConfig) -> None:
        self._config = config
        self._backend: Wifi | None = None

    async def scan(self) -> tuple[HeardNetwork, ...]:
        """Return the networks heard now, strongest first."""
        async with self._chosen() as backend:
            return await backend.scan()

    async def join(
        self, profile: WifiProfile, identity: StationIdentity | None = None, *, gently: bool = False
    ) -> JoinResult:
        """Join and stay joined."""
        async with self._chosen() as backend:
            return await backend.join(profile, identity, gently=gently)

    def online(self) -> bool:
        """Whether the device has an address, in whatever network."""
        return has_address()

    async def forget(self) -> None:
        """Leave and remove every network that the agent has made."""
        async with self._chosen() as backend:
            await backend.forget()

    @asynccontextmanager
    async def _chosen(self) -> AsyncIterator[Wifi]:
        """Enter with the backend; it is chosen again after a failure of its own."""
        if self._backend is None:
            self._backend = await self._choose()
        try:
            yield self._backend
        except WifiError:
            self._backend = None
            raise

    async def _choose(self) -> Wifi:
        config = self._config
        patience = Patience(config.join_seconds, config.address_seconds)
        if config.backend != "wpa_supplicant":
            manager = NetworkManagerWifi(config.interface, patience)
            if config.backend == "networkmanager" or await _manages(manager):
                return manager
        return WpaSupplicantWifi(control_of(config.control, config.interface), patience)


async def _manages(manager: NetworkManagerWifi) -> bool:
    try:
        return await manager.manages()
    except WifiError:  # a device may have no system bus
        return False

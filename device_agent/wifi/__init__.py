"""Joining Wi-Fi: the interface that the agent knows, and the choice of backend."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from device_agent.config import WifiConfig
from device_agent.errors import ConfigurationFileError
from device_agent.record import WifiProfile
from onboarding_protocol.dpp import Status
from onboarding_protocol.members import HeardNetwork

if TYPE_CHECKING:
    from device_agent.wifi.on_air import OnAir

ELSEWHERE = "elsewhere"
"""The reason why a network was not tried: another one is joined, and was not to be left."""
BACKENDS = ("auto", "networkmanager", "wpa_supplicant", "simulated")


@dataclass(frozen=True, slots=True)
class JoinResult:
    """How an attempt to join ended, in the standard's own terms (Easy Connect section 4.6)."""

    status: Status
    """OK, AUTH_FAILURE for a wrong password, NO_AP if no such network is heard."""
    channels: str | None = None
    """Operating class and channels that were scanned, as `81/1,6`."""
    reason: str | None = None
    """What the standard has no status for, machine-readable: `no-address`, `timed-out`, `refused-17`."""


@dataclass(frozen=True, slots=True)
class StationIdentity:
    """The files an enterprise network is joined with: paths, or URIs of keys in hardware."""

    name: str
    certificate: str
    key: str
    authority: str | None = None


class Wifi(Protocol):
    """A station interface. A network that does not take us is a result; WifiError is for a broken backend."""

    async def scan(self) -> tuple[HeardNetwork, ...]:
        """Return the networks heard now, strongest first."""

    async def join(
        self, profile: WifiProfile, identity: StationIdentity | None = None, *, gently: bool = False
    ) -> JoinResult:
        """Join and stay joined; networks joined before are kept if this one fails.

        Joining what is joined already disturbs nothing. `identity` is for an enterprise network. With `gently`
        another network that works is not left for it: the reason is ELSEWHERE then.
        """

    def online(self) -> bool:
        """Whether the device has an address that others can reach it by, in whatever network."""

    async def forget(self) -> None:
        """Leave and remove every network that the agent has made, on disk, too; WifiError if any may be left."""


def open_wifi(config: WifiConfig) -> Wifi:
    """Return the backend that the configuration names."""
    from device_agent.wifi.chosen import ChosenWifi
    from device_agent.wifi.simulated import SimulatedWifi

    if config.backend not in BACKENDS:
        raise ConfigurationFileError(
            f"there is no Wi-Fi backend {config.backend!r}", f"Set wifi.backend to one of {', '.join(BACKENDS)}."
        )
    if config.backend == "simulated" and config.networks is None:
        raise ConfigurationFileError(
            "the simulated Wi-Fi has no networks", "Set wifi.networks to a file that lists them."
        )
    if config.networks is not None and config.backend in ("auto", "simulated"):
        return SimulatedWifi(config.networks)
    return ChosenWifi(config)


def open_on_air(config: WifiConfig) -> "OnAir | None":
    """Return the offer to be configured over the air; None where there is no radio or it is not wanted."""
    from device_agent.wifi.on_air import OnAir
    from device_agent.wifi.wpa_supplicant import control_of

    if not config.on_air or config.networks is not None or config.backend == "simulated":
        return None
    return OnAir(partial(control_of, config.control, config.interface))

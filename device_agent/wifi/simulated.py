"""Wi-Fi without a radio: the networks are a TOML file, the results are those of a real station.

    scan_seconds = 0.0
    [[network]]
    ssid = "Home"
    passphrase = "correct horse battery"
    akm = "psk"          # or sae, psk+sae, open
    rssi = -48
    channel = "81/6"
    join_seconds = 0.0

The file is read at each scan and each attempt, so that a test may move an access point out of reach.
"""

import asyncio
import hashlib
import hmac
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from device_agent.errors import WifiError
from device_agent.record import WifiProfile
from device_agent.wifi import JoinResult, StationIdentity
from onboarding_protocol.dpp import Akm, Status
from onboarding_protocol.dpp.credential import PSK_OCTETS
from onboarding_protocol.members import HeardNetwork

SCANNED_CHANNELS = "81/1,6,11"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPoint:
    """One network of the file."""

    ssid: str
    passphrase: str | None = field(default=None, repr=False)
    akm: str = "psk"
    rssi: int = -60
    channel: str = "81/1"
    join_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The whole file."""

    network: tuple[AccessPoint, ...] = ()
    scan_seconds: float = 0.0


class SimulatedWifi:
    """A station among the access points of a file."""

    def __init__(self, networks: Path) -> None:
        self._path = networks

    async def scan(self) -> tuple[HeardNetwork, ...]:
        """Return the networks of the file, strongest first."""
        there = self._read()
        await asyncio.sleep(there.scan_seconds)  # the simulated radio's own time, here and below
        heard = (HeardNetwork(ap.ssid.encode(), ap.rssi, ap.akm) for ap in there.network)
        return tuple(sorted(heard, key=lambda network: -network.rssi))

    async def join(
        self,
        profile: WifiProfile,
        identity: StationIdentity | None = None,  # noqa: ARG002
        *,
        gently: bool = False,  # noqa: ARG002
    ) -> JoinResult:
        """Try the access point of that name."""
        found = [ap for ap in self._read().network if ap.ssid.encode() == profile.ssid]
        if not found or profile.akm is Akm.DPP:  # none of them takes a Connector, so none is what was looked for
            return JoinResult(Status.NO_AP, SCANNED_CHANNELS)
        access_point = found[0]
        await asyncio.sleep(access_point.join_seconds)
        accepted = hmac.compare_digest(_secret_of(profile), _secret_of_access_point(access_point, profile))
        return JoinResult(Status.OK if accepted else Status.AUTH_FAILURE, access_point.channel)

    def online(self) -> bool:
        """Tell that nothing but its networks leads anywhere."""
        return False

    async def forget(self) -> None:
        """Do nothing: it keeps no network."""

    def _read(self) -> Surroundings:
        try:
            return msgspec.convert(tomllib.loads(self._path.read_text(encoding="utf-8")), Surroundings)
        except (OSError, ValueError) as error:
            raise WifiError(
                f"the simulated networks in {self._path} cannot be read: {error}", "Correct the file."
            ) from error


def _secret_of(profile: WifiProfile) -> bytes:
    return (profile.passphrase or "").encode() if profile.psk is None else profile.psk


def _secret_of_access_point(access_point: AccessPoint, profile: WifiProfile) -> bytes:
    passphrase = (access_point.passphrase or "").encode()
    if profile.psk is None:
        return passphrase
    return hashlib.pbkdf2_hmac("sha1", passphrase, profile.ssid, 4096, PSK_OCTETS)  # IEEE 802.11 annex J.4

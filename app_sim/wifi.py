"""Which network the device shall join, and the passwords to try, from options or from a person.

A password is named by nothing in this program but the field that carries it to the device.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app_sim.errors import WifiNetworkMissingError, WifiNetworkUnsuitableError, WifiPasswordMissingError
from app_sim.terminal import Terminal
from app_sim.text import shown
from onboarding_protocol.dpp import Akm, ConfigurationObject, Credential
from onboarding_protocol.errors import LocalProtocolError
from onboarding_protocol.members import Grant, HeardNetwork

_AKMS: Mapping[frozenset[str], Akm] = {frozenset({"psk"}): Akm.PSK, frozenset({"sae"}): Akm.SAE}


@dataclass(frozen=True, slots=True)
class Network:
    """A network and one way to join it."""

    ssid: bytes
    akm: Akm
    passphrase: str = field(repr=False)

    def configuration(self, grant: Grant | None) -> ConfigurationObject:
        """Return what the device is told, with the grant if the API gave one just now."""
        members: Mapping[str, object] = {} if grant is None else grant.to_members()
        return ConfigurationObject(self.ssid, Credential(self.akm, self.passphrase), members)


class Wifi:
    """The choice: `ssid` and `passphrases` as given, `terminal` for what is not."""

    def __init__(self, ssid: bytes | None, passphrases: Sequence[str], terminal: Terminal | None) -> None:
        if terminal is None and ssid is None:
            raise WifiNetworkMissingError("nobody said which Wi-Fi the device shall join")
        if terminal is None and not passphrases:
            raise WifiPasswordMissingError("there is no Wi-Fi password")
        self._ssid = ssid
        self._passphrases = list(passphrases)
        self._terminal = terminal

    async def choose(self, heard: Sequence[HeardNetwork]) -> Network:
        """Return the network to join; called once the API has accepted the device."""
        ssid = self._ssid
        if ssid is None:
            if self._terminal is None:
                raise WifiNetworkMissingError("nobody said which Wi-Fi the device shall join")
            ssid = await self._terminal.pick_network(_strongest_first(heard))
        akm = _akm(ssid, heard)
        return Network(ssid, akm, await self._passphrase(ssid, akm, None))

    async def another_passphrase(self, refused: Network) -> Network | None:
        """Return the same network with the next password, or None if there is none left."""
        if self._terminal is None and not any(_fits(text, refused.akm) for text in self._passphrases):
            return None
        complaint = f"The access point of “{shown(refused.ssid)}” refuses this password."
        return Network(refused.ssid, refused.akm, await self._passphrase(refused.ssid, refused.akm, complaint))

    async def _passphrase(self, ssid: bytes, akm: Akm, complaint: str | None) -> str:
        while self._passphrases:
            if _fits(text := self._passphrases.pop(0), akm):
                return text
        while self._terminal is not None:
            if _fits(text := await self._terminal.passphrase(ssid, complaint), akm):
                return text
            complaint = "A Wi-Fi password has 8 to 63 characters."
        raise WifiPasswordMissingError("no Wi-Fi password was given that has 8 to 63 characters")


def _fits(text: str, akm: Akm) -> bool:
    try:
        Credential(akm, text).to_json()
    except LocalProtocolError:
        return False
    return True


def _akm(ssid: bytes, heard: Sequence[HeardNetwork]) -> Akm:
    offered = {method for network in heard if network.ssid == ssid for method in network.akm.split("+")}
    usable = offered & {"psk", "sae"}
    if offered and not usable:
        kinds = ", ".join(sorted(map(shown, offered)))
        raise WifiNetworkUnsuitableError(f"“{shown(ssid)}” cannot be joined with a password ({kinds})")
    return _AKMS.get(frozenset(usable), Akm.PSK_SAE)


def _strongest_first(heard: Sequence[HeardNetwork]) -> list[HeardNetwork]:
    strongest: dict[bytes, HeardNetwork] = {}
    for network in sorted(heard, key=lambda network: network.rssi, reverse=True):
        if network.ssid:
            strongest.setdefault(network.ssid, network)
    return list(strongest.values())

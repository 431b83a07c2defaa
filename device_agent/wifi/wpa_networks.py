"""A profile as wpa_supplicant's network options, and which of its networks are ours.

Secrets go as hexadecimal digits: nothing in them can end a quotation, and no passphrase is written to its file where
the key derived from it will do. Our networks carry a mark (`id_str`) with a salted hash of the profile, so that a
restarted agent knows the network it joined without being able to read its secrets.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from device_agent.errors import WifiError
from device_agent.record import WifiProfile
from device_agent.wifi import StationIdentity
from onboarding_protocol.dpp.credential import PSK_OCTETS

MARK = "device-agent-"
NOTE = f"{MARK}before-"
"""Begins the mark of a network that is none: it says how the others were before an attempt."""
_NOTED = re.compile(r"([0-9]{1,9})([ed])(c?)", re.ASCII)
_ROUNDS = 20_000
_KEY_MANAGEMENT = {
    "psk": "WPA-PSK WPA-PSK-SHA256 FT-PSK",
    "sae": "SAE FT-SAE",
    "dpp": "DPP",
    "dot1x": "WPA-EAP WPA-EAP-SHA256",
}


@dataclass(frozen=True, slots=True)
class KnownNetwork:
    """A line of LIST_NETWORKS."""

    number: int
    enabled: bool
    current: bool


def read_networks(reply: str) -> list[KnownNetwork]:
    """Read LIST_NETWORKS; lines that are none are left out."""
    known = []
    for line in reply.split("\n")[1:]:
        number, _, rest = line.partition("\t")
        if number.isascii() and number.isdecimal():
            flags = rest.rpartition("\t")[2]
            known.append(KnownNetwork(int(number), "[DISABLED]" not in flags, "[CURRENT]" in flags))
    return known


def note_of(known: Iterable[KnownNetwork]) -> str:
    """Return the mark that keeps how these networks are, for an agent that follows one that was killed."""
    parts = (f"{it.number}{'e' if it.enabled else 'd'}{'c' if it.current else ''}" for it in known)
    return NOTE + ".".join(parts)


def read_note(mark: str) -> list[KnownNetwork]:
    """Read such a mark; what cannot be read is left out."""
    found = map(_NOTED.fullmatch, mark.removeprefix(NOTE).split("."))
    return [KnownNetwork(int(part[1]), part[2] == "e", part[3] == "c") for part in found if part is not None]


def mark_of(profile: WifiProfile) -> str:
    """Return a new mark for a network with this profile."""
    salt = secrets.token_hex(8)
    return f"{MARK}{salt}-{_hash(profile, salt)}"


def is_mark_of(mark: str, profile: WifiProfile) -> bool:
    """Tell whether the network with this mark was made from this very profile."""
    salt, _, digest = mark.removeprefix(MARK).partition("-")
    return mark.startswith(MARK) and hmac.compare_digest(digest.encode(), _hash(profile, salt).encode())


def options_of(profile: WifiProfile, identity: StationIdentity | None, *, hidden: bool) -> dict[str, str]:
    """Return the options of a network block. A hidden network is asked for by name, which tells its name to all."""
    kinds = profile.akm.value.split("+")
    if "dpp" in kinds and profile.access is None:
        kinds.remove("dpp")
    options = {
        "id_str": f'"{mark_of(profile)}"',  # first: without it nobody would know it for ours
        "ssid": profile.ssid.hex(),
        "scan_ssid": "1" if hidden else "0",
        "key_mgmt": " ".join(_KEY_MANAGEMENT[kind] for kind in kinds),
        "ieee80211w": "2" if set(kinds) <= {"sae", "dpp"} else "1",
        "priority": "1",
    }
    if "psk" in kinds:
        options["psk"] = pairwise_key(profile).hex()
    if "sae" in kinds and profile.passphrase is not None:
        options["sae_password"] = profile.passphrase.encode("utf-8").hex()
    if "dpp" in kinds and profile.access is not None:
        options["dpp_connector"] = f'"{profile.access.connector}"'
        options["dpp_netaccesskey"] = profile.access.key.hex()
        options["dpp_csign"] = profile.access.signing_key.hex()
        if profile.access.expiry is not None:
            options["dpp_netaccesskey_expiry"] = str(profile.access.expiry)
    if "dot1x" in kinds:
        options |= _enterprise(profile, identity)
    return options


def pairwise_key(profile: WifiProfile) -> bytes:
    """Return the pairwise master key, 32 octets (IEEE 802.11 annex J.4)."""
    if profile.psk is not None:
        return profile.psk
    passphrase = (profile.passphrase or "").encode("utf-8")
    return hashlib.pbkdf2_hmac("sha1", passphrase, profile.ssid, 4096, PSK_OCTETS)


def _enterprise(profile: WifiProfile, identity: StationIdentity | None) -> dict[str, str]:
    if identity is None or profile.enterprise is None:
        raise WifiError("an enterprise network needs a certificate of the device", "Onboard the device first.")
    if identity.authority is None:
        raise WifiError(
            "the enterprise network's server could not be told from an impostor",
            "Configure the authority of the network's server with it (caCert).",
        )
    options = {
        "eap": "TLS",
        "identity": identity.name.encode().hex(),
        "client_cert": f'"{identity.certificate}"',
        "private_key": f'"{identity.key}"',
        "ca_cert": f'"{identity.authority}"',
    }
    if profile.enterprise.server_name is not None:
        options["domain_match"] = profile.enterprise.server_name.encode().hex()
    return options


def _hash(profile: WifiProfile, salt: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", msgspec.json.encode(profile), salt.encode(), _ROUNDS).hex()[:32]

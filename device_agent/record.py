"""What a device knows of its own onboarding. One value, replaced as a whole: there is no half of it.

NEW -> ASSIGNED -> CONNECTED, and back to NEW only by a factory reset, which counts.
"""

from dataclasses import dataclass, field

from onboarding_protocol.dpp import Akm
from onboarding_protocol.members import DeviceState

NONCES_KEPT = 4
"""Challenges signed last. An assignment for one of them is still welcome when it comes late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """Whose device this is: what the accepted assignment says, and the pins that follow from it."""

    issuer: str
    tenant: str
    device: str
    operator_keys: tuple[bytes, ...]
    """Thumbprints of the keys that may sign the next assignment."""
    sequence: int
    assignment: str = field(repr=False)
    """The compact JWS itself."""
    certificates: tuple[bytes, ...]
    """The operational certificate, DER, and its intermediate if it came."""
    endpoint: str
    anchor_name: bytes | None = None
    anchor_key: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WifiAccess:
    """A Connector, and what it is worth nothing without: they came together and are kept together."""

    connector: str = field(repr=False)
    """Compact JWS, verified."""
    key: bytes = field(repr=False)
    """The private network access key, DER (SEC 1)."""
    signing_key: bytes
    """What other devices' Connectors are checked with, DER SubjectPublicKeyInfo."""
    expiry: int | None = None
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WifiEnterprise:
    """How to join with EAP-TLS."""

    authority: bytes | None = None
    """Certificate of the authority that vouches for the network's server, DER."""
    server_name: str | None = None
    """What the server's certificate must be for."""
    certificates: tuple[bytes, ...] = ()
    """The station's, DER, its own first; none means the device's operational certificate."""
    key: bytes | None = field(default=None, repr=False)
    """The key of the first of them, DER (SEC 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WifiProfile:
    """The network to join."""

    ssid: bytes
    akm: Akm
    passphrase: str | None = field(default=None, repr=False)
    psk: bytes | None = field(default=None, repr=False)
    access: WifiAccess | None = None
    enterprise: WifiEnterprise | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All of it."""

    state: DeviceState = DeviceState.NEW
    resets: int = 0
    nonces: tuple[bytes, ...] = field(default=(), repr=False)
    ownership: Ownership | None = None
    wifi: tuple[WifiProfile, ...] = ()
    """Networks to join, the newest first. The one that worked before is kept until the newest has worked."""
    wifi_to_forget: bool = False
    """A reset has forgotten these networks, and the program that does Wi-Fi may still know them."""
    clock_floor: int = 0
    """Seconds since 1970 that are known to have passed: the newest authenticated `iat`. It is the owner's word."""

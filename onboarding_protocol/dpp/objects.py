"""The three JSON documents of a configuration (Easy Connect sections 4.4 to 4.6) and what they mean.

Members that the standard does not know (third-party ones, named with a leading slash) survive in `members`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from onboarding_protocol.dpp.attributes import Status
from onboarding_protocol.dpp.json_document import JsonObject
from onboarding_protocol.encoding import base64url_decode, base64url_encode
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError

SSID_MAX_OCTETS = 32
PSK_OCTETS = 32
PASSPHRASE_MAX_OCTETS = 63
_UTF8_CHARSET = 106  # IANA MIBenum, as ssid_charset wants it
_SELECTORS = {
    "506F9A02": "dpp",
    "000FAC02": "psk",
    "000FAC06": "psk",
    "000FAC08": "sae",
    "000FAC01": "dot1x",
    "000FAC05": "dot1x",
}
_NO_MEMBERS: Mapping[str, object] = {}


class Akm(StrEnum):
    """Authentication and key management of a credential (Easy Connect section 4.5.5)."""

    PSK = "psk"
    SAE = "sae"
    PSK_SAE = "psk+sae"
    DPP = "dpp"
    DPP_SAE = "dpp+sae"
    DPP_PSK_SAE = "dpp+psk+sae"
    DOT1X = "dot1x"

    @property
    def takes_passphrase(self) -> bool:
        """Whether a station can join with a passphrase alone."""
        return self not in (Akm.DPP, Akm.DOT1X)

    @classmethod
    def parse(cls, text: str) -> "Akm":
        """Read a name, or suite selectors joined by `+`; ValueError for one that is not known."""
        parts = {_SELECTORS.get(part.upper(), part) for part in text.split("+")}
        return next((akm for akm in cls if set(akm.split("+")) == parts), None) or cls(text)


@dataclass(frozen=True, slots=True)
class Credential:
    """How to join a network."""

    akm: Akm
    passphrase: str | None = field(default=None, repr=False)
    psk: bytes | None = field(default=None, repr=False)
    """Pairwise master key, 32 octets, instead of a passphrase."""

    def to_json(self) -> JsonObject:
        """Return the `cred` object; LocalProtocolError for a secret the standard does not allow."""
        if fault := self._fault():
            raise LocalProtocolError(fault)
        if self.psk is not None:
            return {"akm": self.akm.value, "psk_hex": self.psk.hex()}
        if self.passphrase is None:
            return {"akm": self.akm.value}
        return {"akm": self.akm.value, "pass": self.passphrase}

    @classmethod
    def from_json(cls, document: JsonObject) -> "Credential":
        """Read a `cred` object."""
        try:
            akm = Akm.parse(take_text(document, "akm"))
            psk = bytes.fromhex(take_text(document, "psk_hex")) if "psk_hex" in document else None
        except ValueError as error:
            raise RemoteProtocolError("a credential of a kind that is not known") from error
        passphrase = _mend(take_text(document, "pass")) if "pass" in document else None
        credential = cls(akm, passphrase, psk)
        if fault := credential._fault():
            raise RemoteProtocolError(fault)
        return credential

    def _fault(self) -> str | None:
        if self.psk is not None and (len(self.psk) != PSK_OCTETS or self.akm is Akm.SAE):
            return f"a pairwise master key has {PSK_OCTETS} octets and does not go with SAE alone"
        if self.passphrase is None:
            return None if self.psk or not self.akm.takes_passphrase or "dpp" in self.akm else "a secret is missing"
        try:
            octets = self.passphrase.encode("utf-8")
        except UnicodeEncodeError:
            return "a passphrase is not Unicode"
        if any(octet < 0x20 or octet == 0x7F for octet in octets):
            return "a passphrase has a control character"
        fewest = 1 if self.akm is Akm.SAE else 8
        if not fewest <= len(octets) <= PASSPHRASE_MAX_OCTETS:
            return f"a passphrase has {fewest} to {PASSPHRASE_MAX_OCTETS} octets with {self.akm}"
        return None


@dataclass(frozen=True, slots=True)
class ConfigurationObject:
    """One network to join (Easy Connect section 4.5)."""

    ssid: bytes
    credential: Credential
    members: Mapping[str, object] = field(default_factory=lambda: _NO_MEMBERS, repr=False)

    def to_json(self) -> JsonObject:
        """Return the DPP Configuration Object."""
        if not 0 < len(self.ssid) <= SSID_MAX_OCTETS:
            raise LocalProtocolError(f"an SSID has 1 to {SSID_MAX_OCTETS} octets")
        discovery = _write_ssid(self.ssid)
        return {
            "wi-fi_tech": "infra",
            "discovery": discovery,
            "cred": self.credential.to_json(),
            **self.members,
        }

    @classmethod
    def from_json(cls, document: JsonObject) -> "ConfigurationObject":
        """Read a DPP Configuration Object for an infrastructure network."""
        if document.get("wi-fi_tech") != "infra":
            raise RemoteProtocolError("a configuration object that is not for an infrastructure network")
        ssid = _read_ssid(_take_object(document, "discovery"))
        credential = Credential.from_json(_take_object(document, "cred"))
        return cls(ssid, credential, third_party(document))


@dataclass(frozen=True, slots=True)
class EnrolleeRequest:
    """What an enrollee says of itself (Easy Connect section 4.4)."""

    name: str
    net_role: str = "sta"
    members: Mapping[str, object] = field(default_factory=lambda: _NO_MEMBERS, repr=False)

    def to_json(self) -> JsonObject:
        """Return the DPP Configuration Request object."""
        return {"name": self.name, "wi-fi_tech": "infra", "netRole": self.net_role, **self.members}

    @classmethod
    def from_json(cls, document: JsonObject) -> "EnrolleeRequest":
        """Read a DPP Configuration Request object."""
        return cls(take_text(document, "name"), take_text(document, "netRole"), third_party(document))


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """How joining went (Easy Connect section 4.6): OK, AUTH_FAILURE, INVALID_CONNECTOR, NO_MATCH or NO_AP."""

    result: Status
    ssid: bytes | None = None
    channels: str | None = None
    """Operating class and channel pairs that were scanned, as `81/1,6`."""
    members: Mapping[str, object] = field(default_factory=lambda: _NO_MEMBERS, repr=False)

    def to_json(self) -> JsonObject:
        """Return the DPP Connection Status object."""
        document: dict[str, object] = {"result": int(self.result)}
        if self.ssid is not None:
            document["ssid64"] = base64url_encode(self.ssid)
        if self.channels is not None:
            document["channelList"] = self.channels
        return {**document, **self.members}

    @classmethod
    def from_json(cls, document: JsonObject) -> "ConnectionStatus":
        """Read a DPP Connection Status object."""
        result = document.get("result")
        if not isinstance(result, int) or isinstance(result, bool):
            raise RemoteProtocolError("a connection status without a result")
        try:
            status = Status(result)
            ssid = base64url_decode(take_text(document, "ssid64")) if "ssid64" in document else None
        except ValueError as error:
            raise RemoteProtocolError("a connection status that cannot be read") from error
        if ssid is not None and len(ssid) > SSID_MAX_OCTETS:
            raise RemoteProtocolError(f"an SSID of {len(ssid)} octets")
        channels = take_text(document, "channelList") if "channelList" in document else None
        return cls(status, ssid, channels, third_party(document))


def take_text(document: JsonObject, name: str) -> str:
    """Return a member that must be a text; RemoteProtocolError otherwise."""
    value = document.get(name)
    if not isinstance(value, str):
        raise RemoteProtocolError(f"member {name!r} is missing or is no text")
    return value


def third_party(document: JsonObject) -> Mapping[str, object]:
    """Return the members with a leading slash, which belong to others than the standard."""
    return {name: value for name, value in document.items() if name.startswith("/")}


def _take_object(document: JsonObject, name: str) -> JsonObject:
    value = document.get(name)
    if not isinstance(value, dict):
        raise RemoteProtocolError(f"member {name!r} is missing or is no object")
    return value


def _mend(text: str) -> str:
    # hostap writes every octet of UTF-8 as a code point of its own (C3 A9 as U+00C3 U+00A9), and so reads it.
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _write_ssid(ssid: bytes) -> JsonObject:
    # `ssid` is what every enrollee reads; `ssid64` is for what hostap's JSON parser would not bring through.
    text = ssid.decode("ascii", errors="replace")
    if text.isascii() and text.isprintable() and not set(text) & set('"\\'):
        return {"ssid": text}
    return {"ssid64": base64url_encode(ssid), "ssid_charset": _UTF8_CHARSET}


def _read_ssid(discovery: JsonObject) -> bytes:
    if "ssid64" in discovery:
        try:
            ssid = base64url_decode(take_text(discovery, "ssid64"))
        except ValueError as error:
            raise RemoteProtocolError("an ssid64 that is not base64url") from error
    else:
        try:
            ssid = _mend(take_text(discovery, "ssid")).encode("utf-8")
        except UnicodeEncodeError as error:
            raise RemoteProtocolError("an SSID that is not Unicode") from error
    if not 0 < len(ssid) <= SSID_MAX_OCTETS:
        raise RemoteProtocolError(f"an SSID of {len(ssid)} octets")
    return ssid

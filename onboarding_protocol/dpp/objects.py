"""The three JSON documents of a configuration (Easy Connect sections 4.4 to 4.6) and what they mean.

Members that are not modelled here survive in `members`; third-party ones have a leading slash (section 4.5.2).
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from onboarding_protocol.dpp.attributes import Status
from onboarding_protocol.dpp.credential import Credential
from onboarding_protocol.dpp.enterprise import take_base64
from onboarding_protocol.dpp.json_document import JsonObject, mend, take_object, take_text
from onboarding_protocol.encoding import base64url_decode, base64url_encode
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError

SSID_MAX_OCTETS = 32
_UTF8_CHARSET = 106  # IANA MIBenum, as ssid_charset wants it
_NO_MEMBERS: Mapping[str, object] = {}


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
        document = {"wi-fi_tech": "infra", "discovery": discovery, "cred": self.credential.to_json()}
        return _join(document, self.members)

    @classmethod
    def from_json(cls, document: JsonObject) -> "ConfigurationObject":
        """Read a DPP Configuration Object for an infrastructure network."""
        if document.get("wi-fi_tech") != "infra":
            raise RemoteProtocolError("a configuration object that is not for an infrastructure network")
        ssid = _read_ssid(take_object(document, "discovery"))
        credential = Credential.from_json(take_object(document, "cred"))
        return cls(ssid, credential, _others(document, "wi-fi_tech", "discovery", "cred"))

    def for_version_1(self) -> "ConfigurationObject":
        """Return the object that a peer of version 1 reads."""
        return replace(self, credential=self.credential.for_version_1())


@dataclass(frozen=True, slots=True)
class EnrolleeRequest:
    """What an enrollee says of itself (Easy Connect section 4.4)."""

    name: str
    net_role: str = "sta"
    members: Mapping[str, object] = field(default_factory=lambda: _NO_MEMBERS, repr=False)
    signing_request: bytes | None = field(default=None, repr=False)
    """PKCS#10, DER; after the configurator has answered CSR_NEEDED."""
    mud_url: str | None = None
    """Where the manufacturer describes what the device needs of a network (RFC 8520)."""
    bands: tuple[int, ...] = ()
    """`bandSupport`: operating classes."""

    def to_json(self) -> JsonObject:
        """Return the DPP Configuration Request object."""
        document: dict[str, object] = {"name": self.name, "wi-fi_tech": "infra", "netRole": self.net_role}
        if self.signing_request is not None:
            document["pkcs10"] = base64.b64encode(self.signing_request).decode("ascii")
        if self.mud_url is not None:
            document["mudurl"] = self.mud_url
        if self.bands:
            document["bandSupport"] = list(self.bands)
        return _join(document, self.members)

    @classmethod
    def from_json(cls, document: JsonObject) -> "EnrolleeRequest":
        """Read a DPP Configuration Request object."""
        bands = document.get("bandSupport", [])
        if not isinstance(bands, list) or not all(type(band) is int for band in bands):
            raise RemoteProtocolError("a bandSupport that is not a list of operating classes")
        return cls(
            take_text(document, "name"),
            take_text(document, "netRole"),
            _others(document, "name", "wi-fi_tech", "netRole", "pkcs10", "mudurl", "bandSupport"),
            take_base64(document, "pkcs10") if "pkcs10" in document else None,
            take_text(document, "mudurl") if "mudurl" in document else None,
            tuple(bands),
        )


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
        return _join(document, self.members)

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
        return cls(status, ssid, channels, _others(document, "result", "ssid64", "channelList"))


def _others(document: JsonObject, *known: str) -> Mapping[str, object]:
    return {name: value for name, value in document.items() if name not in known}


def _join(document: JsonObject, others: Mapping[str, object]) -> JsonObject:
    return {**document, **{name: value for name, value in others.items() if name not in document}}


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
            ssid = mend(take_text(discovery, "ssid")).encode("utf-8")
        except UnicodeEncodeError as error:
            raise RemoteProtocolError("an SSID that is not Unicode") from error
    if not 0 < len(ssid) <= SSID_MAX_OCTETS:
        raise RemoteProtocolError(f"an SSID of {len(ssid)} octets")
    return ssid

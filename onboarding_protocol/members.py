"""Our third-party members (Easy Connect section 4.5.2), all under `/onboarding` inside the ordinary objects.

Any standard configurator can thus give a device Wi-Fi, and any standard enrollee can take Wi-Fi from our app. What
is read here was authenticated by the exchange, and still is the word of a device or phone, not yet a fact.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from onboarding_protocol.dpp.json_document import JsonObject
from onboarding_protocol.dpp.objects import SSID_MAX_OCTETS
from onboarding_protocol.encoding import base64url_decode, base64url_encode
from onboarding_protocol.errors import RemoteProtocolError
from onboarding_protocol.identity import PROOF_OCTETS, RESETS_MAX, SIGNING_REQUEST_MAX_OCTETS

MEMBER = "/onboarding"
TEXT_MAX_CHARACTERS = 64
NETWORKS_MAX = 20
CERTIFICATES_MAX = 2
CERTIFICATE_MAX_OCTETS = 2048
Members = Mapping[str, object]


class DeviceState(StrEnum):
    """How far a device has come, in its own view."""

    NEW = "new"
    """It holds no assignment; its request carries a signing request."""
    ASSIGNED = "assigned"
    """It holds an assignment and was never connected with it; it takes Wi-Fi only."""
    CONNECTED = "connected"
    """It was connected with its assignment; it takes Wi-Fi only."""


class EndpointResult(StrEnum):
    """How the first contact with the endpoint went."""

    CONNECTED = "connected"
    REFUSED = "refused"
    """The endpoint does not accept the device's certificate."""
    UNTRUSTED = "untrusted"
    """The endpoint's own certificate does not lead to the assignment's trust anchor."""
    UNREACHABLE = "unreachable"
    UNTRIED = "untried"
    """Wi-Fi was not joined, or there is no assignment."""


@dataclass(frozen=True, slots=True)
class HeardNetwork:
    """A network in the device's scan."""

    ssid: bytes
    rssi: int
    """Signal strength in dBm."""
    akm: str
    """What it takes to join: `psk`, `sae`, `psk+sae`, `dot1x`, or `open`."""


@dataclass(frozen=True, slots=True)
class DeviceStatement:
    """Member of the Configuration Request: what the device is and what it offers to be registered with."""

    state: DeviceState
    resets: int = 0
    """Factory resets so far; inside the label proof."""
    serial: str | None = None
    model: str | None = None
    firmware: str | None = None
    signing_request: bytes | None = field(default=None, repr=False)
    proof: bytes | None = field(default=None, repr=False)
    networks: tuple[HeardNetwork, ...] = ()

    def to_members(self) -> Members:
        """Return the member, with its name."""
        statement: dict[str, object] = {"state": self.state.value, "resets": self.resets}
        texts = {"serial": self.serial, "model": self.model, "firmware": self.firmware}
        statement |= {name: text for name, text in texts.items() if text is not None}
        if self.signing_request is not None:
            statement["csr"] = base64.b64encode(self.signing_request).decode("ascii")
        if self.proof is not None:
            statement["proof"] = base64url_encode(self.proof)
        if self.networks:
            statement["networks"] = [[base64url_encode(n.ssid), n.rssi, n.akm] for n in self.networks]
        return {MEMBER: statement}

    @classmethod
    def from_members(cls, members: Members) -> "DeviceStatement | None":
        """Read the member; None if the enrollee is a standard one without it."""
        statement = _own(members)
        if statement is None:
            return None
        try:
            state = DeviceState(_text(statement, "state") or "")
        except ValueError as error:
            raise RemoteProtocolError("the device's state is none that we know") from error
        return cls(
            state=state,
            resets=_integer(statement.get("resets", 0), 0, RESETS_MAX),
            serial=_text(statement, "serial"),
            model=_text(statement, "model"),
            firmware=_text(statement, "firmware"),
            signing_request=_base64(statement.get("csr"), SIGNING_REQUEST_MAX_OCTETS),
            proof=_base64url(statement.get("proof"), PROOF_OCTETS),
            networks=tuple(_network(item) for item in _array(statement.get("networks", []))[:NETWORKS_MAX]),
        )


@dataclass(frozen=True, slots=True)
class Grant:
    """Member of the Configuration Object: the assignment, and the certificates it binds by hash."""

    assignment: str = field(repr=False)
    """Compact JWS; verify it with `onboarding_protocol.assignment`."""
    certificates: tuple[bytes, ...]
    """The operational certificate, DER; then the intermediate if the endpoint does not hold it."""

    def to_members(self) -> Members:
        """Return the member, with its name."""
        x5c = [base64.b64encode(certificate).decode("ascii") for certificate in self.certificates]
        return {MEMBER: {"assignment": self.assignment, "x5c": x5c}}

    @classmethod
    def from_members(cls, members: Members) -> "Grant | None":
        """Read the member; None if the configurator gives Wi-Fi only."""
        grant = _own(members)
        if grant is None:
            return None
        assignment = grant.get("assignment")
        x5c = [_base64(item, CERTIFICATE_MAX_OCTETS) for item in _array(grant.get("x5c", []))]
        certificates = tuple(octets for octets in x5c if octets is not None)
        if not isinstance(assignment, str) or not assignment or not 0 < len(certificates) <= CERTIFICATES_MAX:
            raise RemoteProtocolError("a grant needs an assignment and its certificate")
        if len(certificates) != len(x5c):
            raise RemoteProtocolError("a certificate of a grant is null")
        return cls(assignment, certificates)


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """Member of the Connection Status: how the endpoint was reached, or why the assignment was refused."""

    endpoint: EndpointResult
    reason: str | None = None
    """Machine-readable: the `AssignmentError` reason, or what stopped the connection."""

    def to_members(self) -> Members:
        """Return the member, with its name."""
        status: dict[str, object] = {"endpoint": self.endpoint.value}
        if self.reason is not None:
            status["reason"] = self.reason
        return {MEMBER: status}

    @classmethod
    def from_members(cls, members: Members) -> "EndpointStatus | None":
        """Read the member; None from a standard enrollee."""
        status = _own(members)
        if status is None:
            return None
        try:
            return cls(EndpointResult(_text(status, "endpoint") or ""), _text(status, "reason"))
        except ValueError as error:
            raise RemoteProtocolError("the endpoint's result is none that we know") from error


def _own(members: Members) -> JsonObject | None:
    member = members.get(MEMBER)
    if member is not None and not isinstance(member, dict):
        raise RemoteProtocolError(f"member {MEMBER} is no object")
    return member


def _text(document: JsonObject, name: str) -> str | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > TEXT_MAX_CHARACTERS or not value.isprintable():
        raise RemoteProtocolError(f"{name} is not a printable text of at most {TEXT_MAX_CHARACTERS} characters")
    return value


def _integer(value: object, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise RemoteProtocolError(f"not an integer from {low} to {high}")
    return value


def _array(value: object) -> list[object]:
    if not isinstance(value, list):
        raise RemoteProtocolError("not an array")
    return value


def _base64(value: object, most: int) -> bytes | None:
    if value is None:
        return None
    try:
        octets = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (ValueError, binascii.Error) as error:
        raise RemoteProtocolError("not base64") from error
    if not 0 < len(octets) <= most:
        raise RemoteProtocolError(f"not 1 to {most} octets in base64")
    return octets


def _base64url(value: object, length: int) -> bytes | None:
    if value is None:
        return None
    try:
        octets = base64url_decode(value) if isinstance(value, str) else b""
    except ValueError as error:
        raise RemoteProtocolError("not base64url") from error
    if len(octets) != length:
        raise RemoteProtocolError(f"not {length} octets in base64url")
    return octets


def _network(item: object) -> HeardNetwork:
    match _array(item):
        case [str() as ssid64, rssi, str() as akm] if len(akm) <= TEXT_MAX_CHARACTERS and akm.isprintable():
            try:
                ssid = base64url_decode(ssid64)
            except ValueError as error:
                raise RemoteProtocolError("a network's name is not base64url") from error
            if len(ssid) > SSID_MAX_OCTETS:
                raise RemoteProtocolError("a network's name is too long")
            return HeardNetwork(ssid, _integer(rssi, -200, 100), akm)
        case _:
            raise RemoteProtocolError("a network is an array of name, signal and key management")

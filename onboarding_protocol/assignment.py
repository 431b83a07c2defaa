"""The assignment: the onboarding API's signed word on whose device this is and where it connects.

A compact JWS (RFC 7515), ES256 only, with the operator's public key in the header: at first use the device pins
it, afterwards only that key, or a successor named by the last assignment, may sign. The certificate is bound by
its SHA-256 (`x5t#S256`) and travels beside the JWS. There is no expiry: a device may have no clock, so freshness
is the nonce that it signed and the sequence number; `iat` may set its clock.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.types import Options

from onboarding_protocol.encoding import base64url_decode, base64url_encode
from onboarding_protocol.identity import CHALLENGE_OCTETS

ASSIGNMENT_TYPE = "assignment+jwt"
_NAME = re.compile(r"[a-zA-Z0-9_.:=-]{1,256}")
ASSIGNMENT_MAX_OCTETS = 4096
_SHA256_OCTETS = 32
_POINT_OCTETS = 33
Claims = Mapping[str, object]
VerifiedAssignment = NewType("VerifiedAssignment", "Assignment")
"""An assignment whose signature was verified with a key the caller accepts."""


# PyJWT would compare times with the clock, which may be wrong here; forms are checked below, all in one way.
_UNCHECKED: Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_sub": False,
    "verify_jti": False,
}


class AssignmentError(ValueError):
    """The assignment is refused. `reason` is machine-readable, the text says what happened."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class TrustAnchor:
    """Who vouches for an endpoint: a name and a key, all that path validation needs (RFC 5280 section 6.1.1 d)."""

    name: bytes
    """The authority's distinguished name, DER, its texts as UTF8String."""
    key: bytes
    """Its P-256 key, compressed point, 33 octets."""

    @classmethod
    def from_certificate(cls, certificate: x509.Certificate) -> "TrustAnchor":
        """Take name and key of a P-256 authority; ValueError for another kind of key."""
        key = certificate.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("an endpoint's trust anchor must have a P-256 key")
        point = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        return cls(_read_name(certificate.subject.rfc4514_string()), point)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a device connects. Without an anchor the device's own trust store decides."""

    url: str
    anchor: TrustAnchor | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the API grants; see docs/protocol.md, «The assignment»."""

    issuer: str
    tenant: str
    device: str
    nonce: bytes = field(repr=False)
    """The challenge of this onboarding, 16 octets."""
    sequence: int
    """Grows with each assignment of one hardware; the device refuses a lower one."""
    issued_at: int
    """Seconds since 1970, by the API's clock."""
    endpoint: Endpoint
    leaf: bytes
    """SHA-256 of the operational certificate's DER, 32 octets."""
    successors: tuple[bytes, ...] = ()
    """RFC 7638 thumbprints of the keys that may sign the next assignment besides this one's."""


def event_topic(tenant: str, device: str) -> str:
    """Return the MQTT topic a device publishes its events to."""
    return f"event/{tenant}/{device}"


def contact_event(sequence: int) -> bytes:
    """Return the event a device publishes first on each connection: which assignment it connects with."""
    return json.dumps({"event": "connected", "sequence": sequence}).encode("ascii")


def read_contact_event(payload: bytes) -> int | None:
    """Return the sequence number in a contact event, or None for any other event."""
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or event.get("event") != "connected":
        return None
    sequence = event.get("sequence")
    return sequence if isinstance(sequence, int) and not isinstance(sequence, bool) else None


def jwk_thumbprint(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return the SHA-256 JWK thumbprint of a P-256 key (RFC 7638), 32 octets."""
    return hashlib.sha256(json.dumps(_jwk(key), separators=(",", ":"), sort_keys=True).encode()).digest()


def sign_assignment(assignment: Assignment, key: ec.EllipticCurvePrivateKey) -> str:
    """Return the compact JWS, its header carrying the operator's public key."""
    headers = {"typ": ASSIGNMENT_TYPE, "jwk": _jwk(key.public_key())}
    return jwt.encode(_to_claims(assignment), key, algorithm="ES256", headers=headers)


def verify_assignment(token: str, trusted: frozenset[bytes] | None) -> tuple[VerifiedAssignment, bytes]:
    """Verify signature and shape; return the assignment and the thumbprint of the key that signed it.

    `trusted` holds the thumbprints that may sign; None means trust on first use. AssignmentError otherwise.
    """
    if len(token) > ASSIGNMENT_MAX_OCTETS:
        raise AssignmentError("assignment-malformed", "the assignment is too long")
    try:
        header = jwt.get_unverified_header(token)
        key = _read_jwk(header.get("jwk"))
    except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
        raise AssignmentError("assignment-malformed", "the assignment carries no usable operator key") from error
    if header.get("typ") != ASSIGNMENT_TYPE:
        raise AssignmentError("assignment-malformed", "the token is not an assignment")
    thumbprint = jwk_thumbprint(key)
    if trusted is not None and thumbprint not in trusted:
        raise AssignmentError("operator-unknown", "another operator than the one this device knows signed this")
    try:
        claims = jwt.decode(token, key, algorithms=["ES256"], options=_UNCHECKED)
    except (jwt.InvalidTokenError, RecursionError) as error:
        raise AssignmentError("assignment-signature", "the assignment's signature does not verify") from error
    try:
        return VerifiedAssignment(_from_claims(claims)), thumbprint
    except (KeyError, TypeError, ValueError) as error:
        raise AssignmentError(
            "assignment-malformed", "the assignment lacks a claim, or one has the wrong form"
        ) from error


def _to_claims(assignment: Assignment) -> dict[str, object]:
    endpoint: dict[str, object] = {"url": assignment.endpoint.url}
    if anchor := assignment.endpoint.anchor:
        name = x509.Name.from_bytes(anchor.name).rfc4514_string()
        endpoint["anchor"] = {"name": name, "key": base64url_encode(anchor.key)}
    return {
        "iss": assignment.issuer,
        "tenant": assignment.tenant,
        "sub": assignment.device,
        "nonce": base64url_encode(assignment.nonce),
        "seq": assignment.sequence,
        "iat": assignment.issued_at,
        "endpoint": endpoint,
        "x5t#S256": base64url_encode(assignment.leaf),
        "next": [base64url_encode(thumbprint) for thumbprint in assignment.successors],
    }


def _from_claims(claims: Claims) -> Assignment:
    endpoint = _mapping(claims["endpoint"])
    anchor = endpoint.get("anchor")
    successors = claims["next"]
    if not isinstance(successors, list):
        raise TypeError("next is not a list")
    return Assignment(
        issuer=_text(claims["iss"]),
        tenant=_name(claims["tenant"]),
        device=_name(claims["sub"]),
        nonce=_octets(claims["nonce"], CHALLENGE_OCTETS),
        sequence=_integer(claims["seq"]),
        issued_at=_integer(claims["iat"]),
        endpoint=Endpoint(_text(endpoint["url"]), None if anchor is None else _anchor(_mapping(anchor))),
        leaf=_octets(claims["x5t#S256"], _SHA256_OCTETS),
        successors=tuple(_octets(thumbprint, _SHA256_OCTETS) for thumbprint in successors),
    )


def _anchor(member: Claims) -> TrustAnchor:
    anchor = TrustAnchor(_read_name(_text(member["name"])), _octets(member["key"], _POINT_OCTETS))
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), anchor.key)
    return anchor


def _read_name(text: str) -> bytes:
    return x509.Name.from_rfc4514_string(text).public_bytes()


def _jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    numbers = key.public_numbers()
    x, y = (base64url_encode(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def _read_jwk(member: object) -> ec.EllipticCurvePublicKey:
    jwk = _mapping(member)
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
        raise ValueError("not a P-256 JWK")
    if "d" in jwk:
        raise ValueError("a private key was published")
    x, y = (int.from_bytes(_octets(jwk.get(name)), "big") for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def _mapping(value: object) -> Claims:
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _name(value: object) -> str:
    # Names become topic levels and client identifiers: Hono's pattern keeps `/`, `+` and `#` out of them.
    if not _NAME.fullmatch(text := _text(value)):
        raise ValueError("not a name")
    return text


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("not a text")
    return value


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("not a natural number")
    return value


def _octets(value: object, length: int | None = None) -> bytes:
    octets = base64url_decode(_text(value))
    if length is not None and len(octets) != length:
        raise ValueError(f"not {length} octets")
    return octets

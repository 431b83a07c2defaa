"""EC keys as JSON Web Keys, and their identifiers in Easy Connect (section 4.2)."""

import hashlib

from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_protocol.dpp.json_document import JsonObject, take_text
from onboarding_protocol.dpp.keys import KEY_OCTETS, decode_point, encode_point
from onboarding_protocol.encoding import base64url_decode, base64url_encode
from onboarding_protocol.errors import RemoteProtocolError


def key_id(key: ec.EllipticCurvePublicKey) -> str:
    """Return `kid`: SHA-256 of the uncompressed point, which is not the thumbprint of RFC 7638."""
    return base64url_encode(hashlib.sha256(b"\x04" + encode_point(key)).digest())


def encode_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, object]:
    """Return a public key without `kid`."""
    point = encode_point(key)
    x, y = base64url_encode(point[:KEY_OCTETS]), base64url_encode(point[KEY_OCTETS:])
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def encode_named_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, object]:
    """Return a public key with `kid`."""
    return {**encode_jwk(key), "kid": key_id(key)}


def decode_jwk(document: JsonObject) -> ec.EllipticCurvePublicKey:
    """Read a P-256 public key; RemoteProtocolError for any other."""
    if document.get("kty") != "EC" or document.get("crv") != "P-256" or "d" in document:
        raise RemoteProtocolError("a key that is not a public one on P-256")
    try:
        x, y = (base64url_decode(take_text(document, name)) for name in ("x", "y"))
    except ValueError as error:
        raise RemoteProtocolError("a key that is not base64url") from error
    if len(x) != KEY_OCTETS or len(y) != KEY_OCTETS:
        raise RemoteProtocolError("a key with coordinates of another length")
    return decode_point(x + y)

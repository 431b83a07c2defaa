"""Mutual authentication (Easy Connect section 6.3.3): L, the third shared secret, which takes both labels' keys.

The initiator computes bI · (BR + PR), the responder (bR + pR mod n) · BI. The sum of the two public points is all
the arithmetic done here; it touches no secret, and every multiplication by one is the library's.
"""

from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_protocol.dpp.keys import agree
from onboarding_protocol.errors import RemoteProtocolError

_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def initiator_share(
    own: ec.EllipticCurvePrivateKey, label: ec.EllipticCurvePublicKey, protocol: ec.EllipticCurvePublicKey
) -> bytes:
    """Return L.x from bI, BR and PR; RemoteProtocolError if the responder chose a PR that cannot be added to BR."""
    return agree(own, add_points(label, protocol))


def responder_share(
    label: ec.EllipticCurvePrivateKey, protocol: ec.EllipticCurvePrivateKey, initiator: ec.EllipticCurvePublicKey
) -> bytes:
    """Return L.x from bR, pR and BI."""
    total = (label.private_numbers().private_value + protocol.private_numbers().private_value) % _ORDER
    return agree(ec.derive_private_key(total, ec.SECP256R1()), initiator)


def add_points(first: ec.EllipticCurvePublicKey, second: ec.EllipticCurvePublicKey) -> ec.EllipticCurvePublicKey:
    """Return the sum of two points on P-256 with different x; RemoteProtocolError where x is the same."""
    one, other = first.public_numbers(), second.public_numbers()
    if one.x == other.x:
        raise RemoteProtocolError("a protocol key is the label's key or its opposite")
    slope = (other.y - one.y) * pow(other.x - one.x, -1, _PRIME) % _PRIME
    x = (slope * slope - one.x - other.x) % _PRIME
    y = (slope * (one.x - x) - one.y) % _PRIME
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()

"""Key derivation of a P-256 exchange (Easy Connect section 6.2): intermediate keys, `ke`, the two tags.

Lower case in the standard is a private key, upper case a public one; B is bootstrapping, P protocol, I initiator,
R responder. Only x coordinates are ever mixed in.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from onboarding_protocol.errors import RemoteProtocolError

NONCE_OCTETS = 16
KEY_OCTETS = 32
POINT_OCTETS = 64


@dataclass(frozen=True, slots=True)
class Ephemerals:
    """What must be fresh in every exchange. AES-SIV is deterministic, so none of it is ever used twice."""

    protocol_key: ec.EllipticCurvePrivateKey = field(repr=False)
    nonce: bytes = field(repr=False)
    enrollee_nonce: bytes = field(repr=False)
    initiator_key_hash: bytes
    """I_HASH of an initiator without a bootstrapping key: random, so that it links no two exchanges."""

    @classmethod
    def generate(cls) -> "Ephemerals":
        """Draw everything from the system's randomness."""
        return cls(
            ec.generate_private_key(ec.SECP256R1()),
            secrets.token_bytes(NONCE_OCTETS),
            secrets.token_bytes(NONCE_OCTETS),
            secrets.token_bytes(32),
        )


Chance = Callable[[], Ephemerals]


def encode_point(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return X and Y, 64 octets."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]


def x_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return X, 32 octets."""
    return encode_point(key)[:KEY_OCTETS]


def decode_point(octets: bytes) -> ec.EllipticCurvePublicKey:
    """Read X and Y; RemoteProtocolError if that is no point on P-256."""
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + octets)
    except ValueError as error:
        raise RemoteProtocolError("a protocol key is not a point on P-256") from error


def agree(private: ec.EllipticCurvePrivateKey, public: ec.EllipticCurvePublicKey) -> bytes:
    """Return the x coordinate of the shared point, 32 octets."""
    return private.exchange(ec.ECDH(), public)


def intermediate_key(shared: bytes, ordinal: str) -> bytes:
    """Return k1 (`first`, from M.x) or k2 (`second`, from N.x)."""
    return _expand(_extract(bytes(KEY_OCTETS), shared), f"{ordinal} intermediate key".encode("ascii"))


@dataclass(frozen=True, slots=True)
class Transcript:
    """Everything both ends know once the Authentication Response has been sent; gives `ke` and the tags."""

    initiator_nonce: bytes = field(repr=False)
    responder_nonce: bytes = field(repr=False)
    initiator_x: bytes
    responder_x: bytes
    responder_bootstrapping_x: bytes
    shared: bytes = field(repr=False)
    """M.x and N.x, and L.x in mutual authentication."""
    initiator_bootstrapping_x: bytes = b""
    """BI.x in mutual authentication, nothing otherwise."""

    def with_initiator(self, x: bytes, share: bytes) -> "Transcript":
        """Return the transcript of the same exchange with mutual authentication: BI.x and L.x added."""
        return replace(self, initiator_bootstrapping_x=x, shared=self.shared + share)

    @property
    def encryption_key(self) -> bytes:
        """`ke`, 32 octets."""
        return _expand(self._bootstrapped_key, b"DPP Key")

    @property
    def challenge_password(self) -> bytes:
        """`cp`, 64 octets: ties a certificate signing request to this exchange."""
        return _expand(self._bootstrapped_key, b"CSR challengePassword", 64)

    @property
    def _bootstrapped_key(self) -> bytes:
        """`bk`."""
        return _extract(self.initiator_nonce + self.responder_nonce, self.shared)

    @property
    def responder_tag(self) -> bytes:
        """R-auth, 32 octets."""
        nonces = self.initiator_nonce + self.responder_nonce
        labels = self.initiator_bootstrapping_x + self.responder_bootstrapping_x
        return hashlib.sha256(nonces + self.initiator_x + self.responder_x + labels + b"\0").digest()

    @property
    def initiator_tag(self) -> bytes:
        """I-auth, 32 octets."""
        nonces = self.responder_nonce + self.initiator_nonce
        labels = self.responder_bootstrapping_x + self.initiator_bootstrapping_x
        return hashlib.sha256(nonces + self.responder_x + self.initiator_x + labels + b"\x01").digest()


def _extract(salt: bytes, material: bytes) -> bytes:
    return hmac.digest(salt, material, "sha256")


def _expand(key: bytes, information: bytes, octets: int = KEY_OCTETS) -> bytes:
    output = block = b""
    while len(output) < octets:
        block = hmac.digest(key, block + information + bytes([len(output) // KEY_OCTETS + 1]), "sha256")
        output += block
    return output[:octets]

"""A P-256 key that lives elsewhere: `cryptography` takes it like one of its own, and its octets are not to be had."""

from abc import abstractmethod
from typing import NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

FIELD_OCTETS = 32
_SHA256_OCTETS = 32


class ExternalKey(ec.EllipticCurvePrivateKey):
    """Base of keys in hardware. Subclasses sign a digest and agree on a secret; KeyUnusableError if they cannot."""

    def __init__(self, public_key: ec.EllipticCurvePublicKey) -> None:
        self._public_key = public_key

    @abstractmethod
    def sign_digest(self, digest: bytes) -> tuple[int, int]:
        """Return r and s of ECDSA over a SHA-256 digest of 32 octets."""

    @abstractmethod
    def agree(self, peer: ec.EllipticCurvePublicKey) -> bytes:
        """Return the 32 octets of the x-coordinate that ECDH gives with a peer's P-256 key."""

    def sign(self, data: bytes, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:  # type: ignore[override]
        """Sign as `cryptography` keys do: ECDSA with SHA-256, DER."""
        if not isinstance(signature_algorithm, ec.ECDSA):
            raise UnsupportedAlgorithm("a key in hardware signs with ECDSA only")
        algorithm = signature_algorithm.algorithm
        if algorithm.digest_size != _SHA256_OCTETS:
            raise UnsupportedAlgorithm("a key in hardware signs digests of 32 octets only")
        if isinstance(algorithm, Prehashed):
            return encode_dss_signature(*self.sign_digest(bytes(data)))
        digest = hashes.Hash(algorithm)
        digest.update(data)
        return encode_dss_signature(*self.sign_digest(digest.finalize()))

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> bytes:
        """Agree as `cryptography` keys do."""
        if not isinstance(algorithm, ec.ECDH) or not isinstance(peer_public_key.curve, ec.SECP256R1):
            raise ValueError("a key in hardware agrees by ECDH on P-256 only")
        return self.agree(peer_public_key)

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Return the public key."""
        return self._public_key

    @property
    def curve(self) -> ec.EllipticCurve:
        """P-256."""
        return self._public_key.curve

    @property
    def key_size(self) -> int:
        """256."""
        return self._public_key.key_size

    def private_numbers(self) -> NoReturn:
        """Refuse: the key does not leave its place."""
        raise UnsupportedAlgorithm("a private key in hardware cannot be read")

    def private_bytes(self, *_arguments: object, **_named: object) -> NoReturn:
        """Refuse: the key does not leave its place."""
        raise UnsupportedAlgorithm("a private key in hardware cannot be read")

    def __copy__(self) -> "ExternalKey":
        return self

    def __deepcopy__(self, _memo: object) -> "ExternalKey":
        return self

"""Keys at rest: AES-256-GCM under the key-encryption key.

The rule kept here: what a key is for and whose it is are authenticated with it, so that a sealed key moved to
another row, tenant or purpose does not open.
"""

import hmac
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from onboarding_api.domain.errors import SealBrokenError
from onboarding_api.domain.identifiers import Randomness

KEY_OCTETS = 32
_NONCE_OCTETS = 12


@dataclass(frozen=True, slots=True)
class Seal:
    """The key-encryption key."""

    key: bytes = field(repr=False)

    def derive(self, purpose: str) -> bytes:
        """Return a key for something else, which tells nothing about this one."""
        return hmac.digest(self.key, f"onboarding-api derived key v1\0{purpose}".encode(), "sha256")

    def close(self, secret: ec.EllipticCurvePrivateKey, purpose: str, subject: str, randomness: Randomness) -> bytes:
        """Return the sealed key: nonce, then ciphertext and tag."""
        plain = secret.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return self.close_octets(plain, purpose, subject, randomness)

    def open(self, sealed: bytes, purpose: str, subject: str) -> ec.EllipticCurvePrivateKey:
        """Return the key if it was sealed under this key-encryption key for exactly this purpose and subject."""
        key = load_der_private_key(self.open_octets(sealed, purpose, subject), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise SealBrokenError(f"the stored {purpose} key of {subject} is not an elliptic-curve key")
        return key

    def close_octets(self, plain: bytes, purpose: str, subject: str, randomness: Randomness) -> bytes:
        """Return a sealed key that is no private key: nonce, then ciphertext and tag."""
        nonce = randomness(_NONCE_OCTETS)
        return nonce + AESGCM(self.key).encrypt(nonce, plain, _binding(purpose, subject))

    def open_octets(self, sealed: bytes, purpose: str, subject: str) -> bytes:
        """Return what was sealed for exactly this purpose and subject."""
        nonce, ciphertext = sealed[:_NONCE_OCTETS], sealed[_NONCE_OCTETS:]
        try:
            return AESGCM(self.key).decrypt(nonce, ciphertext, _binding(purpose, subject))
        except InvalidTag as error:
            raise SealBrokenError(f"the stored {purpose} key of {subject} does not open with this key file") from error


def _binding(purpose: str, subject: str) -> bytes:
    return f"onboarding-api key v1\0{purpose}\0{subject}".encode()

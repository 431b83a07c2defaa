"""AES-SIV (RFC 5297) as DPP wraps data: several components of associated data, an empty one counts."""

from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from onboarding_protocol.errors import RemoteProtocolError

TAG_OCTETS = 16


def wrap(key: bytes, plaintext: bytes, associated: Sequence[bytes] = ()) -> bytes:
    """Return tag and ciphertext."""
    return AESSIV(key).encrypt(plaintext, list(associated))


def unwrap(key: bytes, wrapped: bytes, associated: Sequence[bytes] = ()) -> bytes:
    """Return the plaintext; RemoteProtocolError unless key, octets and associated data all fit."""
    if len(wrapped) < TAG_OCTETS:
        raise RemoteProtocolError("wrapped data is shorter than its tag")
    try:
        return AESSIV(key).decrypt(wrapped, list(associated))
    except InvalidTag as error:
        raise RemoteProtocolError("wrapped data does not authenticate") from error

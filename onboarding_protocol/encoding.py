"""base64url without padding, as JOSE (RFC 7515 section 2) and Easy Connect's `ssid64` write octets."""

import base64
import binascii
import re

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*\Z")


def base64url_encode(octets: bytes) -> str:
    """Write octets as base64url without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def base64url_decode(text: str) -> bytes:
    """Read base64url without padding; ValueError for anything that is not exactly that."""
    if not _ALPHABET.match(text):
        raise ValueError("not base64url")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error

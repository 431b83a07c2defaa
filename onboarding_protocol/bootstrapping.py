"""The bootstrapping key and the `DPP:` URI that is printed on a label (Easy Connect section 5.2.1).

One key gives everything a label shows: the URI, the hash that names the hardware for ever, the name the device
advertises while its window is open, and the code that a person types where there is no camera. The advertised
name is derived from the code, so that whoever has either finds the device, and nobody else can.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

_SPKI_PREFIX = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
_SPKI_OCTETS = len(_SPKI_PREFIX) + 33
_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHJKMNPQRSTVWXYZ")
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})

URI_MAX_OCTETS = 1024
"""Longer text is not a label: a P-256 URI with every optional field stays below 400."""


class BootstrappingError(ValueError):
    """This is not a bootstrapping key or URI that we can use; the text says why."""


def _crockford(octets: bytes) -> str:
    return base64.b32encode(octets).translate(_CROCKFORD).decode("ascii")


def name_of_code(code: str) -> str:
    """Return the 8 characters that the device with this label code advertises while its window is open."""
    return _crockford(hashlib.sha256(b"onboarding name v1\0" + code.encode("ascii")).digest()[:5])


def read_code(typed: str) -> str:
    """Return the 16 characters a person meant: case, spaces, hyphens and O, I, L are forgiven."""
    code = typed.upper().translate(_MISREAD)
    if not re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{16}", code):
        raise BootstrappingError("a label code has 16 letters and digits")
    return code


@dataclass(frozen=True, slots=True)
class BootstrappingKey:
    """The public half of a device's label key, P-256 only. Build it with `from_spki` or `from_public_key`."""

    spki: bytes
    """DER SubjectPublicKeyInfo with the compressed point, 59 octets."""

    @classmethod
    def from_spki(cls, der: bytes) -> "BootstrappingKey":
        """Read a DER SubjectPublicKeyInfo; BootstrappingError unless it is a compressed P-256 point."""
        if len(der) != _SPKI_OCTETS or not der.startswith(_SPKI_PREFIX):
            raise BootstrappingError("the key is not a compressed P-256 SubjectPublicKeyInfo")
        try:
            load_der_public_key(der)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise BootstrappingError("the key is not a point on P-256") from error
        return cls(der)

    @classmethod
    def from_public_key(cls, key: ec.EllipticCurvePublicKey) -> "BootstrappingKey":
        """Take a P-256 public key as a label key."""
        if not isinstance(key.curve, ec.SECP256R1):
            raise BootstrappingError("a label key is a P-256 key")
        return cls(_SPKI_PREFIX + key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The key as `cryptography` knows it."""
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), self.spki[len(_SPKI_PREFIX) :])

    @property
    def key_hash(self) -> bytes:
        """SHA-256 of the SubjectPublicKeyInfo, 32 octets: the hardware identity, and R_HASH on the wire."""
        return hashlib.sha256(self.spki).digest()

    @property
    def code(self) -> str:
        """The 16 characters (80 bits, Crockford base32) printed under the symbol."""
        return _crockford(hashlib.sha256(b"code" + self.spki).digest()[:10])

    @property
    def name(self) -> str:
        """The 8 characters advertised while the provisioning window is open."""
        return name_of_code(self.code)


@dataclass(frozen=True, slots=True)
class BootstrappingUri:
    """A `DPP:` URI. Unknown fields are read and dropped; the first of two equal fields counts."""

    key: BootstrappingKey
    version: int | None = 2
    information: str | None = None
    host: str | None = None
    channels: str | None = None
    mac: str | None = None

    def __post_init__(self) -> None:
        for text in (self.information, self.host, self.channels, self.mac):
            if text is not None and (";" in text or not text.isascii() or not text.isprintable()):
                raise BootstrappingError("a field of a label is printable ASCII without a semicolon")

    def __str__(self) -> str:
        fields = [
            ("C", self.channels),
            ("M", self.mac),
            ("I", self.information),
            ("V", None if self.version is None else str(self.version)),
            ("H", self.host),
            ("K", base64.b64encode(self.key.spki).decode("ascii")),
        ]
        return "DPP:" + "".join(f"{name}:{value};" for name, value in fields if value is not None) + ";"

    @classmethod
    def parse(cls, text: str) -> "BootstrappingUri":
        """Read a label's text; BootstrappingError says what is wrong with it."""
        if len(text) > URI_MAX_OCTETS or not text.isascii() or not text.isprintable():
            raise BootstrappingError("the text is not a label: too long, or not printable ASCII")
        if not text.startswith("DPP:"):
            raise BootstrappingError("the text does not start with DPP:, so it is not a Wi-Fi Easy Connect label")
        if not text.endswith(";;"):
            raise BootstrappingError("the label's text is cut off: it does not end with ;;")
        fields: dict[str, str] = {}
        for part in text[4:].split(";"):
            name, colon, value = part.partition(":")
            if colon:
                fields.setdefault(name, value)
        if "K" not in fields:
            raise BootstrappingError("the label carries no key (field K)")
        return cls(
            key=_read_key(fields["K"]),
            version=_read_version(fields.get("V")),
            information=fields.get("I"),
            host=fields.get("H"),
            channels=fields.get("C"),
            mac=fields.get("M"),
        )


def _read_key(text: str) -> BootstrappingKey:
    try:
        der = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise BootstrappingError("the label's key (field K) is not base64") from error
    return BootstrappingKey.from_spki(der)


def _read_version(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[1-9]", text):
        raise BootstrappingError("the label's protocol version (field V) is not a digit")
    return int(text)

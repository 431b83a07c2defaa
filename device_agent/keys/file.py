"""Private keys as PEM files (PKCS #8, RFC 5958) in the state directory: `NAME.pem`, mode 0600."""

from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from device_agent.directory import StateDirectory
from device_agent.errors import KeyUnusableError

_SUFFIX = ".pem"
_REMEDY = "Restore it from a backup: it is the label's."


class FileKeyStore:
    """The keys of a directory. Whoever can read the disk as root is the device."""

    def __init__(self, directory: StateDirectory) -> None:
        self._directory = directory

    def find(self, name: str) -> ec.EllipticCurvePrivateKey | None:
        """Return the key, None if there is none."""
        octets = self._directory.read(name + _SUFFIX)
        return None if octets is None else _key(self._directory.path / (name + _SUFFIX), octets)

    def create(self, name: str) -> ec.EllipticCurvePrivateKey:
        """Make a key; it is on disk when this returns."""
        key = ec.generate_private_key(ec.SECP256R1())
        octets = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._directory.write(name + _SUFFIX, octets)
        return key

    def names(self) -> Iterable[str]:
        """Return the names of the files that may be keys."""
        return self._directory.stems(_SUFFIX)

    def remove(self, names: Iterable[str]) -> None:
        """Remove key files."""
        self._directory.remove([name + _SUFFIX for name in names])

    def tls_key(self, name: str) -> Path:
        """Return the file: TLS libraries read it themselves."""
        return self._directory.path / (name + _SUFFIX)


def _key(path: Path, octets: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(octets, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusableError(f"the key {path} cannot be read", _REMEDY) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyUnusableError(f"the key {path} is not a P-256 key", _REMEDY)
    return key

"""Where private keys live: in files, in a TPM 2.0, or in a PKCS#11 token.

A key store makes, finds and removes P-256 keys by name. The agent sees them as `cryptography` keys that sign
(ECDSA) and agree (ECDH) and has no other way to them: what a TPM or a token holds never leaves it, so a copy of the
disk is not the device. `open_key_store` is the one place that chooses.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from device_agent.config import KeysConfig, KeyStoreKind
from device_agent.directory import StateDirectory
from device_agent.errors import ConfigurationFileError, KeyUnusableError
from device_agent.keys.external import ExternalKey


class KeyStore(Protocol):
    """The private keys of one device. A name has lower-case letters, digits and `-`."""

    def find(self, name: str) -> ec.EllipticCurvePrivateKey | None:
        """Return the key, None if there is none; KeyUnusableError if there is one that cannot be used."""

    def create(self, name: str) -> ec.EllipticCurvePrivateKey:
        """Make a new key of that name, in the place of one that cannot be used."""

    def names(self) -> Iterable[str]:
        """Return the names of all keys of this device."""

    def remove(self, names: Iterable[str]) -> None:
        """Destroy keys; those that are not there are no matter."""

    def tls_key(self, name: str) -> Path | ExternalKey:
        """Return the key as `TlsIdentity` wants it."""


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """What the device shows in a TLS handshake."""

    certificates: Path
    """PEM file: the operational certificate, then its intermediate if it needs one."""
    key: Path | ExternalKey
    """Its key: a PEM file, or one that signs where it lives."""


def open_key_store(config: KeysConfig, directory: StateDirectory) -> KeyStore:
    """Return the key store that the configuration names; files go to the state directory.

    KeyUnusableError if this installation cannot reach it.
    """
    match config.store:
        case KeyStoreKind.FILE:
            from device_agent.keys.file import FileKeyStore

            return FileKeyStore(directory)
        case KeyStoreKind.TPM:
            with _library("a TPM", "tpm2-pytss"):
                from device_agent.keys.tpm import TpmKeyStore
            return TpmKeyStore(directory, config.tcti)
        case KeyStoreKind.PKCS11:
            with _library("a PKCS#11 token", "python-pkcs11"):
                from device_agent.keys.pkcs11 import TokenKeyStore
            if config.module is None or config.token is None or config.pin_file is None:
                raise ConfigurationFileError(
                    "the PKCS#11 token is not described", "Set keys.module, keys.token and keys.pin_file."
                )
            return TokenKeyStore(config.module, config.token, config.pin_file)


@contextmanager
def _library(place: str, name: str) -> Iterator[None]:
    try:
        yield
    except (ImportError, TypeError) as error:  # TypeError: Debian 12's tpm2-pytss beside our cryptography
        raise KeyUnusableError(
            f"this installation cannot keep keys in {place}: {name} is missing, or too old",
            "Install it with the extra hardware-keys, or keep keys in files: keys.md in the project's documentation.",
        ) from error

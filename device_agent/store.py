"""The state directory: keys, record and certificate, readable by the agent alone, each file replaced atomically.

    bootstrapping.pem   the label's key; made once, kept for ever
    operational-N.pem   the identity's key after N factory resets; made before the device advertises
    record.json         everything else that must survive (`record.Record`)
    certificate.pem     the operational certificate, derived from the record for the TLS library

A file is written beside its place, synced and renamed, so that a crash leaves the old or the new one.
"""

import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import load_der_x509_certificate

from device_agent.errors import StateError
from device_agent.record import Ownership, Record


class Store:
    """The state directory of one device; makes what is missing.

    With `forgive`, an unreadable record counts as a new one, so that a factory reset can repair it: the number of
    resets is then taken from the name of the operational key.
    """

    def __init__(self, directory: Path, forgive: bool = False) -> None:
        self._directory = directory
        self._forgive = forgive
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(
                f"the state directory {directory} cannot be made: {error.strerror}",
                "Run the agent as the user that owns it, or set `state` in the configuration.",
            ) from error
        self.bootstrapping_key = self._key("bootstrapping.pem")
        self.record = self._read_record()
        self._remove_old_keys()
        self.operational_key = self._key(self._operational_name())

    def save(self, record: Record) -> None:
        """Make `record` the device's record; it is on disk when this returns."""
        self._write("record.json", msgspec.json.encode(record))
        self.record = record

    def update(self, change: Callable[[Record], Record]) -> None:
        """Save what `change` makes of the record."""
        self.save(change(self.record))

    def reset(self) -> None:
        """Forget owner, Wi-Fi and operator, then the key; count it. The label stays."""
        self.save(Record(resets=self.record.resets + 1, clock_floor=self.record.clock_floor))
        (self._directory / "certificate.pem").unlink(missing_ok=True)
        self._remove_old_keys()
        self.operational_key = self._key(self._operational_name())

    def tls_identity(self, ownership: Ownership) -> tuple[Path, Path]:
        """Return the files of certificate chain and key, as TLS libraries want them."""
        chain = b"".join(
            load_der_x509_certificate(certificate).public_bytes(Encoding.PEM) for certificate in ownership.certificates
        )
        self._write("certificate.pem", chain)
        return self._directory / "certificate.pem", self._directory / self._operational_name()

    def remember_nonce(self, nonce: bytes, kept: int) -> None:
        """Note a challenge before the request that answers it leaves the device."""
        self.update(lambda record: replace(record, nonces=(*record.nonces, nonce)[-kept:]))

    def _operational_name(self) -> str:
        return f"operational-{self.record.resets}.pem"

    def _generations(self) -> list[int]:
        names = (path.stem.partition("-")[2] for path in self._directory.glob("operational-*.pem"))
        return [int(number) for number in names if number.isdecimal()]

    def _remove_old_keys(self) -> None:
        for path in self._directory.glob("operational-*.pem"):
            if path.name != self._operational_name():
                path.unlink()

    def _read_record(self) -> Record:
        path = self._directory / "record.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=Record)
        except FileNotFoundError:
            return Record()
        except (OSError, msgspec.DecodeError) as error:
            if self._forgive:
                return Record(resets=max(self._generations(), default=0))
            raise StateError(
                f"{path} cannot be read: {error}",
                "Restore it from a backup, or start over with `device-agent reset --yes`.",
            ) from error

    def _key(self, name: str) -> ec.EllipticCurvePrivateKey:
        path = self._directory / name
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except FileNotFoundError:
            key = ec.generate_private_key(ec.SECP256R1())
            self._write(name, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            raise StateError(f"the key {path} cannot be read", "Restore it from a backup.") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise StateError(f"the key {path} is not a P-256 key", "Restore it from a backup.")
        return key

    def _write(self, name: str, content: bytes) -> None:
        beside = self._directory / f".{name}.{secrets.token_hex(4)}"
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.rename(self._directory / name)
            self._sync_directory()
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise StateError(
                f"{self._directory / name} cannot be written: {error.strerror}",
                "Make room on the disk and see that the agent owns its state directory.",
            ) from error

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

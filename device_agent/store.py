"""The state directory: keys, record and certificate, readable by the agent alone, each file replaced atomically.

    bootstrapping.pem   the label's key; made once, kept for ever
    operational-N.pem   the identity's key after N factory resets; made before the device advertises
    record.json         everything else that must survive (`record.Record`)
    certificate.pem     the operational certificate, derived from the record for the TLS library

A file is written beside its place, synced and renamed, so that a crash leaves the old or the new one. One process
at a time holds the directory (flock, which ends with the process); others may read.
"""

import fcntl
import os
import secrets
import ssl
import stat
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
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

from device_agent.errors import StateError, StateInUseError
from device_agent.record import Ownership, Record

_BOOTSTRAPPING = "bootstrapping.pem"
_RECORD = "record.json"
_CERTIFICATE = "certificate.pem"
_START_OVER = "Restore it from a backup, or start over with `device-agent reset --yes`."


class Store:
    """The state directory of one device, held until `close`; makes what is missing.

    With `forgive`, a record or an operational key that cannot be read counts as new, so that a factory reset can
    repair it: the number of resets is then taken from the names of the operational keys.
    """

    def __init__(self, directory: Path, forgive: bool = False) -> None:
        self._directory = directory
        self._descriptor: int | None = _hold(directory)
        try:
            self.bootstrapping_key = self._key(_BOOTSTRAPPING)
            self.record = self._read_record(forgive)
            self._remove_remains()
            self.operational_key = self._key(self._operational_name(self.record.resets), forgive)
        except StateError:
            self.close()
            raise

    def close(self) -> None:
        """Leave the directory to others; nothing can be saved any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def save(self, record: Record) -> None:
        """Make `record` the device's record; it is on disk when this returns."""
        self._write(_RECORD, msgspec.json.encode(record))
        self.record = record

    def update(self, change: Callable[[Record], Record]) -> None:
        """Save what `change` makes of the record, if that is another one."""
        record = change(self.record)
        if record != self.record:
            self.save(record)

    def reset(self) -> None:
        """Forget owner, Wi-Fi and operator, then the key; count it. The label stays."""
        resets = self.record.resets + 1
        key = self._key(self._operational_name(resets))
        self.save(Record(resets=resets, clock_floor=self.record.clock_floor))
        self.operational_key = key
        self._remove_remains()

    def tls_identity(self, ownership: Ownership) -> tuple[Path, Path]:
        """Return the files of certificate chain and key, as TLS libraries want them."""
        chain = "".join(map(ssl.DER_cert_to_PEM_cert, ownership.certificates)).encode("ascii")
        return self.place(_CERTIFICATE, chain), self._directory / self._operational_name(self.record.resets)

    def place(self, name: str, content: bytes) -> Path:
        """Write a file that another program reads, derived from the record; return its path."""
        if not self._holds(name, content):
            self._write(name, content)
        return self._directory / name

    def remember_nonce(self, nonce: bytes, kept: int) -> None:
        """Note a challenge before the request that answers it leaves the device."""
        self.update(lambda record: replace(record, nonces=(*record.nonces, nonce)[-kept:]))

    def _read_record(self, forgive: bool) -> Record:
        try:
            return read_record(self._directory)
        except StateError:
            if not forgive:
                raise
            return Record(resets=max(self._generations(), default=0))

    def _operational_name(self, resets: int) -> str:
        return f"operational-{resets}.pem"

    def _generations(self) -> list[int]:
        names = (path.stem.partition("-")[2] for path in self._directory.glob("operational-*.pem"))
        return [int(number) for number in names if number.isascii() and number.isdecimal()]

    def _remove_remains(self) -> None:
        """Remove what a crash or a reset has left: keys of other generations, half-written files, the certificate."""
        kept = self._operational_name(self.record.resets)
        remains = [path for path in self._directory.glob("operational-*.pem") if path.name != kept]
        remains += self._directory.glob(".*.tmp")
        if self.record.ownership is None:
            remains.append(self._directory / _CERTIFICATE)
        if not any(profile.enterprise for profile in self.record.wifi):
            remains += self._directory.glob("wifi-*.pem")
        self._unlink(remains)

    def _unlink(self, paths: Iterable[Path]) -> None:
        for path in paths:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise StateError(f"{path} cannot be removed: {error.strerror}", "Remove it by hand.") from error

    def _key(self, name: str, forgive: bool = False) -> ec.EllipticCurvePrivateKey:
        try:
            key = read_key(self._directory / name)
        except StateError:
            if not forgive:
                raise
            key = None
        if key is None:
            key = ec.generate_private_key(ec.SECP256R1())
            self._write(name, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return key

    def _holds(self, name: str, content: bytes) -> bool:
        try:
            return (self._directory / name).read_bytes() == content
        except OSError:
            return False

    def _write(self, name: str, content: bytes) -> None:
        if self._descriptor is None:
            raise StateError(f"the state directory {self._directory} was left", "Open it again.")
        beside = self._directory / f".{name}.{secrets.token_hex(4)}.tmp"
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.rename(self._directory / name)
            os.fsync(self._descriptor)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise StateError(
                f"{self._directory / name} cannot be written: {error.strerror}",
                "Make room on the disk and see that the agent owns its state directory.",
            ) from error


def label_key(directory: Path) -> ec.EllipticCurvePrivateKey:
    """Return the label's key, also beside a running agent; a device that never ran gets one."""
    key = read_key(directory / _BOOTSTRAPPING)
    if key is not None:
        return key
    with closing(Store(directory)) as store:
        return store.bootstrapping_key


def read_record(directory: Path) -> Record:
    """Return the record as it is on disk; that of a new device if there is none."""
    path = directory / _RECORD
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except FileNotFoundError:
        return Record()
    except OSError as error:
        raise _not_ours(path, error) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StateError(f"{path} cannot be read: {error}", _START_OVER) from error


def read_key(path: Path) -> ec.EllipticCurvePrivateKey | None:
    """Return the P-256 key in a file, None if there is no file."""
    remedy = "Restore it from a backup: it is the label's." if path.name == _BOOTSTRAPPING else _START_OVER
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _not_ours(path, error) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise StateError(f"the key {path} cannot be read", remedy) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise StateError(f"the key {path} is not a P-256 key", remedy)
    return key


def _hold(directory: Path) -> int:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise StateError(
            f"the state directory {directory} cannot be made: {error.strerror}",
            "Run the agent as the user that owns it, or set `state` in the configuration.",
        ) from error
    if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
        os.close(descriptor)
        raise StateError(f"the state directory {directory} is open to others", f"chmod 700 {directory}")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise StateInUseError(
            f"another process uses the state directory {directory}", "Stop that agent, or use another directory."
        ) from error
    return descriptor


def _not_ours(path: Path, error: OSError) -> StateError:
    return StateError(f"{path} cannot be read: {error.strerror}", "Run this as the user that owns the directory.")

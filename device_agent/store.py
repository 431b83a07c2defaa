"""What a device keeps: its keys, its record and its certificate.

    bootstrapping     the label's key; made once, kept for ever
    operational-N     the identity's key after N factory resets; made before the device advertises
    record.json       everything else that must survive (`record.Record`)
    certificate.pem   the operational certificate, derived from the record for the TLS library

Keys are in the key store that the configuration names (`keys`), the rest is in the state directory (`directory`).
"""

import ssl
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from device_agent.config import KeysConfig
from device_agent.directory import StateDirectory
from device_agent.errors import AgentError, KeyUnusableError, StateError
from device_agent.keys import TlsIdentity, open_key_store
from device_agent.record import Ownership, Record

_BOOTSTRAPPING = "bootstrapping"
_RECORD = "record.json"
_CERTIFICATE = "certificate.pem"
STATION_FILES = ("wifi-authority.pem", "wifi-certificate.pem", "wifi-key.pem")
"""What the program that joins an enterprise network reads."""
_START_OVER = "Restore it from a backup, or start over with `device-agent reset --yes`."
_NEW_LABEL = f"{_START_OVER[:-1]}: that makes a new label, and the printed one is worthless then."


class Store:
    """The keys and the state directory of one device, held until `close`; makes what a new device lacks.

    A key that was lost is told, and never replaced in silence: KeyUnusableError. With `forgive`, one that is missing,
    and a record or an operational key that cannot be read, count as new, so that a factory reset can repair it: the
    number of resets is then taken from the names of the operational keys.
    """

    def __init__(self, directory: Path, forgive: bool = False, keys: KeysConfig | None = None) -> None:
        self._directory = StateDirectory(directory).hold()
        try:
            self._keys = open_key_store(keys or KeysConfig(), self._directory)
            self.bootstrapping_key = self._label_key(forgive)
            self.record = self._read_record(forgive)
            self.operational_key = self._operational_key(self.record.resets, forgive)
            self._remove_remains()
        except AgentError:
            self.close()
            raise

    def close(self) -> None:
        """Leave the directory to others; nothing can be saved any more."""
        self._directory.close()

    def save(self, record: Record) -> None:
        """Make `record` the device's record; it is on disk when this returns."""
        self._directory.write(_RECORD, msgspec.json.encode(record))
        self.record = record

    def update(self, change: Callable[[Record], Record]) -> None:
        """Save what `change` makes of the record, if that is another one."""
        record = change(self.record)
        if record != self.record:
            self.save(record)

    def reset(self) -> None:
        """Forget owner, Wi-Fi, operator and their time, then the key; count it. The label stays."""
        resets = self.record.resets + 1
        key = self._operational_key(resets, forgive=True)
        to_forget = self.record.wifi_to_forget or bool(self.record.wifi)
        self.save(Record(resets=resets, wifi_to_forget=to_forget))
        self.operational_key = key
        self._remove_remains()

    def tls_identity(self, ownership: Ownership) -> TlsIdentity:
        """Return what the device shows in a TLS handshake."""
        chain = "".join(map(ssl.DER_cert_to_PEM_cert, ownership.certificates)).encode("ascii")
        key = self._keys.tls_key(_operational(self.record.resets))
        return TlsIdentity(self.place(_CERTIFICATE, chain), key)

    def place(self, name: str, content: bytes) -> Path:
        """Write a file that another program reads, derived from the record; return its path."""
        if self._directory.read(name) != content:
            self._directory.write(name, content)
        return self._directory.path / name

    def remember_nonce(self, nonce: bytes, kept: int) -> None:
        """Note a challenge before the request that answers it leaves the device."""
        self.update(lambda record: replace(record, nonces=(*record.nonces, nonce)[-kept:]))

    def _read_record(self, forgive: bool) -> Record:
        try:
            return _record(self._directory)
        except StateError:
            if not forgive:
                raise
            return Record(resets=max(self._generations(), default=0), wifi_to_forget=True)

    def _label_key(self, forgive: bool) -> ec.EllipticCurvePrivateKey:
        key = self._keys.find(_BOOTSTRAPPING)
        if key is None and not forgive and (self._has_record or self._generations()):
            raise KeyUnusableError("the label's key is missing, and this device had one", _NEW_LABEL)
        return key or self._keys.create(_BOOTSTRAPPING)

    def _operational_key(self, resets: int, forgive: bool) -> ec.EllipticCurvePrivateKey:
        name = _operational(resets)
        try:
            key = self._keys.find(name)
        except KeyUnusableError as error:
            if not forgive:
                raise KeyUnusableError(str(error), _START_OVER) from error
            key = None
        if key is None and not forgive and self._has_record:
            raise KeyUnusableError(f"the device's key {name} is missing, and its record is there", _START_OVER)
        return key or self._keys.create(name)

    @property
    def _has_record(self) -> bool:
        """Whether the device has run before: a record is written after the keys are made."""
        return self._directory.read(_RECORD) is not None

    def _generations(self) -> list[int]:
        names = (name.partition("operational-")[2] for name in self._keys.names())
        return [int(number) for number in names if number.isascii() and number.isdecimal()]

    def _remove_remains(self) -> None:
        """Remove what a crash or a reset has left: keys of other generations, half-written files, the certificate."""
        kept = _operational(self.record.resets)
        self._keys.remove([name for name in self._keys.names() if name.startswith(_operational("")) and name != kept])
        self._directory.remove([] if self.record.ownership else [_CERTIFICATE])
        self._directory.remove([] if any(wifi.enterprise for wifi in self.record.wifi) else STATION_FILES)


def label_key(directory: Path, keys: KeysConfig | None = None) -> ec.EllipticCurvePrivateKey:
    """Return the label's key, also beside a running agent; a device that never ran gets one."""
    key = open_key_store(keys or KeysConfig(), StateDirectory(directory)).find(_BOOTSTRAPPING)
    if key is not None:
        return key
    with closing(Store(directory, keys=keys)) as store:
        return store.bootstrapping_key


def read_record(directory: Path) -> Record:
    """Return the record as it is on disk; that of a new device if there is none."""
    return _record(StateDirectory(directory))


def _record(directory: StateDirectory) -> Record:
    octets = directory.read(_RECORD)
    if octets is None:
        return Record()
    try:
        return msgspec.json.decode(octets, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StateError(f"{directory.path / _RECORD} cannot be read: {error}", _START_OVER) from error


def _operational(resets: int | str) -> str:
    return f"operational-{resets}"

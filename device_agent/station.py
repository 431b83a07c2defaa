"""What a network asks of the station besides a secret: the files of its certificate, key and authority.

The files are derived from the record for the Wi-Fi program that reads them; the record alone counts.
"""

import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from device_agent.errors import StateError
from device_agent.record import WifiProfile
from device_agent.store import STATION_FILES, Store
from device_agent.subject import common_name
from device_agent.wifi import StationIdentity

_AUTHORITY, _CERTIFICATE, _KEY = STATION_FILES


def station_identity(store: Store, profile: WifiProfile) -> StationIdentity | None:
    """Return the files to join this network with; None for a network that wants none. StateError if that fails."""
    enterprise = profile.enterprise
    if enterprise is None:
        return None
    authority = None
    if enterprise.authority is not None:
        authority = str(store.place(_AUTHORITY, _pem((enterprise.authority,))))
    if enterprise.key is not None:
        return StationIdentity(
            _name(enterprise.certificates[0]),
            str(store.place(_CERTIFICATE, _pem(enterprise.certificates))),
            str(store.place(_KEY, _key_pem(enterprise.key))),
            authority,
        )
    ownership = store.record.ownership
    if ownership is None:
        raise StateError("the network wants the device's certificate, and it has none", "Onboard the device first.")
    shown = store.tls_identity(ownership)
    if not isinstance(shown.key, Path):
        raise StateError(
            "the network wants the device's certificate, whose key is in hardware that Wi-Fi programs do not reach",
            "Have the network's configurator issue a certificate of its own, or join with a password.",
        )
    return StationIdentity(_name(ownership.certificates[0]), str(shown.certificates), str(shown.key), authority)


def _pem(certificates: tuple[bytes, ...]) -> bytes:
    return "".join(map(ssl.DER_cert_to_PEM_cert, certificates)).encode("ascii")


def _key_pem(der: bytes) -> bytes:
    key = load_der_private_key(der, None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _name(certificate: bytes) -> str:
    """Return the common name: what the network's server is told before the certificate."""
    try:
        return common_name(x509.load_der_x509_certificate(certificate)) or "device"
    except ValueError as error:
        raise StateError(
            "the network wants a certificate whose subject cannot be read", "Give the device another network."
        ) from error

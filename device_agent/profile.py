"""From the networks of a configuration to the one this device joins: the first that it has all it needs for.

A Connector is taken only if it verifies; one that does not spoils a `dpp` network, but not the passphrase beside it.
An enterprise network is joined only if its server can be told from an impostor. Its certificate is either for the key
of this exchange, or it is the device's operational one: that one is renewed, so it is named and not copied. It is
taken only if its subject can be read: its name is what the network's server is told first.
"""

from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from device_agent.record import WifiAccess, WifiEnterprise, WifiProfile
from device_agent.subject import common_name
from onboarding_protocol.dpp import Akm, ConfigurationObject, Connection, ConnectorError, Credential
from onboarding_protocol.dpp.enterprise import EAP_TLS
from onboarding_protocol.errors import RemoteProtocolError


def choose_profile(
    objects: Iterable[ConfigurationObject],
    connection: Connection,
    operational: ec.EllipticCurvePublicKey,
    known_time: int,
) -> WifiProfile:
    """Return the first network that can be joined; RemoteProtocolError if there is none.

    `known_time`, seconds since 1970, is time that has passed for certain.
    """
    for item in objects:
        credential = item.credential
        access = _access(credential, connection, known_time)
        enterprise = _enterprise(credential, connection, operational)
        with_secret = credential.akm.takes_passphrase and (credential.passphrase or credential.psk)
        with_connector = access is not None and "dpp" in credential.akm.split("+")
        if with_secret or with_connector or enterprise is not None:
            return WifiProfile(
                ssid=item.ssid,
                akm=credential.akm if with_secret or not with_connector else Akm.DPP,
                passphrase=credential.passphrase if with_secret else None,
                psk=credential.psk if with_secret else None,
                access=access,
                enterprise=enterprise,
            )
    raise RemoteProtocolError("the configuration has no network that this device has all it needs for")


def _access(credential: Credential, connection: Connection, known_time: int) -> WifiAccess | None:
    if credential.connector is None:
        return None
    try:
        access = connection.network_access(credential, known_time)
    except ConnectorError:
        return None
    return WifiAccess(
        connector=access.token,
        key=_private_der(access.key),
        signing_key=access.signing_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        expiry=access.connector.expiry,
    )


def _enterprise(
    credential: Credential, connection: Connection, operational: ec.EllipticCurvePublicKey
) -> WifiEnterprise | None:
    offered = credential.enterprise
    if credential.akm is not Akm.DOT1X or offered is None or offered.authority is None:
        return None
    if EAP_TLS not in offered.eap_methods:
        return None
    own = connection.protocol_key
    for key in (operational, own.public_key()):
        try:
            certificate = offered.certificate_of(key)
            common_name(certificate)
        except (RemoteProtocolError, ValueError):
            continue
        leaf = certificate.public_bytes(Encoding.DER)
        others = tuple(der for der in offered.certificates if der != leaf)
        copied = key != operational
        return WifiEnterprise(
            authority=offered.authority,
            server_name=offered.server_name,
            certificates=(leaf, *others) if copied else (),
            key=_private_der(own) if copied else None,
        )
    return None


def _private_der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())

"""Connectors (Easy Connect section 4.2): what a configurator signs so that two devices accept each other.

A Connector is a compact JWS over a device's network access key. It is worth something only together with the
private half of that key, which is the enrollee's protocol key of the exchange that brought it; an enrollee takes no
other. `verify` checks type, algorithm, signing key, signature, network access key and expiry, in that order.
"""

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from onboarding_protocol.dpp import timestamp
from onboarding_protocol.dpp.credential import Akm, Credential
from onboarding_protocol.dpp.json_document import JsonObject, decode_json, encode_json, take_object, take_text
from onboarding_protocol.dpp.jwk import decode_jwk, encode_jwk, key_id
from onboarding_protocol.dpp.keys import KEY_OCTETS
from onboarding_protocol.encoding import base64url_decode, base64url_encode
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError

_ALGORITHM = ec.ECDSA(hashes.SHA256())


class ConnectorError(RemoteProtocolError):
    """A Connector that the enrollee must not use; the text says why."""


@dataclass(frozen=True, slots=True)
class Group:
    """A device's role in a group; two devices talk if they share one, or either is in group `*`."""

    group_id: str = "*"
    net_role: str = "sta"


@dataclass(frozen=True, slots=True)
class Connector:
    """A Connector's content: verified if `verify` returned it."""

    net_access_key: ec.EllipticCurvePublicKey
    groups: tuple[Group, ...] = (Group(),)
    expiry: int | None = None
    """Seconds since 1970."""
    version: int | None = None
    """Protocol version of the device it was issued to; since version 3."""

    @classmethod
    def verify(
        cls, token: str, signing_key: ec.EllipticCurvePublicKey, net_access_key: ec.EllipticCurvePublicKey, at: int
    ) -> "Connector":
        """Return what a Connector says; ConnectorError unless it is ours, of this signing key and still valid."""
        try:
            header, payload, signature = (base64url_decode(part) for part in token.split("."))
            document = decode_json(header)
            if document.get("typ") != "dppCon" or document.get("alg") != "ES256":
                raise ConnectorError("a Connector of another type or algorithm")
            if document.get("kid") != key_id(signing_key):
                raise ConnectorError("a Connector signed by another key than the configuration names")
            _verify(token.rpartition(".")[0].encode("ascii"), signature, signing_key)
            connector = cls._from_json(decode_json(payload))
        except (ValueError, RemoteProtocolError) as error:
            raise ConnectorError(f"a Connector that does not verify: {error}") from error
        if connector.net_access_key != net_access_key:
            raise ConnectorError("a Connector for another network access key than ours")
        if connector.expiry is not None and at >= connector.expiry:
            raise ConnectorError("a Connector that has expired")
        return connector

    def sign(self, key: ec.EllipticCurvePrivateKey) -> str:
        """Return the compact JWS by a configurator's signing key."""
        header = {"typ": "dppCon", "kid": key_id(key.public_key()), "alg": "ES256"}
        signed = ".".join(base64url_encode(encode_json(part)) for part in (header, self._to_json()))
        r, s = decode_dss_signature(key.sign(signed.encode("ascii"), _ALGORITHM))
        return f"{signed}.{base64url_encode(r.to_bytes(KEY_OCTETS, 'big') + s.to_bytes(KEY_OCTETS, 'big'))}"

    def _to_json(self) -> JsonObject:
        if not self.groups:
            raise LocalProtocolError("a Connector names at least one group")
        document: dict[str, object] = {
            "groups": [{"groupId": group.group_id, "netRole": group.net_role} for group in self.groups],
            "netAccessKey": encode_jwk(self.net_access_key),
        }
        if self.expiry is not None:
            document["expiry"] = timestamp.encode(self.expiry)
        if self.version is not None:
            document["version"] = self.version
        return document

    @classmethod
    def _from_json(cls, document: JsonObject) -> "Connector":
        groups = document.get("groups")
        if not isinstance(groups, list) or not groups or not all(isinstance(group, dict) for group in groups):
            raise RemoteProtocolError("a Connector without groups")
        version = document.get("version")
        if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
            raise RemoteProtocolError("a Connector whose version is no number")
        return cls(
            net_access_key=decode_jwk(take_object(document, "netAccessKey")),
            groups=tuple(Group(take_text(group, "groupId"), take_text(group, "netRole")) for group in groups),
            expiry=timestamp.decode(take_text(document, "expiry")) if "expiry" in document else None,
            version=version,
        )


@dataclass(frozen=True, slots=True)
class ConfiguratorKey:
    """A configurator's signing key (c-sign-key): all devices it has given a Connector accept each other.

    Keep it for as long as the network lives.
    """

    private_key: ec.EllipticCurvePrivateKey = field(repr=False)
    privacy_key: ec.EllipticCurvePublicKey | None = None
    """Public half of the privacy protection key, with which devices hide themselves when they are reconfigured."""

    @classmethod
    def generate(cls) -> "ConfiguratorKey":
        """Return a new key without a privacy protection key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """What enrollees check Connectors with."""
        return self.private_key.public_key()

    @property
    def key_id(self) -> str:
        """`kid` of Connectors signed with it."""
        return key_id(self.public_key)

    def credential(
        self,
        akm: Akm,
        net_access_key: ec.EllipticCurvePublicKey,
        passphrase: str | None = None,
        groups: tuple[Group, ...] = (Group(),),
        expiry: int | None = None,
    ) -> Credential:
        """Return a credential with a Connector for the enrollee whose protocol key is `net_access_key`."""
        token = Connector(net_access_key, groups, expiry).sign(self.private_key)
        return Credential(akm, passphrase, connector=token, signing_key=self.public_key, privacy_key=self.privacy_key)


@dataclass(frozen=True, slots=True)
class NetworkAccess:
    """What an enrollee stores of a credential with a Connector. Keep all of it, it is of use only together."""

    connector: Connector
    token: str = field(repr=False)
    """The Connector as it is shown to other devices."""
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    """The network access key: the protocol key of the exchange."""
    signing_key: ec.EllipticCurvePublicKey
    """Checks other devices' Connectors."""
    privacy_key: ec.EllipticCurvePublicKey | None = None

    @classmethod
    def verify(cls, credential: Credential, key: ec.EllipticCurvePrivateKey, at: int) -> "NetworkAccess":
        """Return what a credential gives to the holder of `key`; ConnectorError if it gives no valid Connector."""
        if credential.connector is None or credential.signing_key is None:
            raise ConnectorError("a credential without a Connector")
        connector = Connector.verify(credential.connector, credential.signing_key, key.public_key(), at)
        return cls(connector, credential.connector, key, credential.signing_key, credential.privacy_key)


def _verify(signed: bytes, signature: bytes, key: ec.EllipticCurvePublicKey) -> None:
    if len(signature) != 2 * KEY_OCTETS:
        raise RemoteProtocolError("a signature of another length")
    r, s = (int.from_bytes(half, "big") for half in (signature[:KEY_OCTETS], signature[KEY_OCTETS:]))
    try:
        key.verify(encode_dss_signature(r, s), signed, _ALGORITHM)
    except InvalidSignature as error:
        raise RemoteProtocolError("the signature is not the signing key's") from error

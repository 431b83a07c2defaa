"""The authority of a tenant and the certificates it issues (RFC 5280).

The rules kept here: P-256 throughout; an authority signs leaves only (pathlen 0); a leaf lives 90 days
unless the operator says otherwise, starts an hour early for clocks that are behind (but never earlier than it lives
long), and never outlives its authority; its subject is set by the server alone and
holds no serial number of the device. It is lean, because it travels over Bluetooth: no basicConstraints (absent means
no authority, section 4.2.1.9) and no subjectKeyIdentifier (only a SHOULD for a leaf, section 4.2.1.2).
"""

import datetime
import hashlib
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from onboarding_api.domain.identifiers import AuthorityId, DeviceKey, Randomness, TenantId, Timestamp

LEAF_LIFE_S = 90 * 24 * 3600
LEAF_STARTS_EARLY_S = 3600
AUTHORITY_LIFE_S = 20 * 365 * 24 * 3600

_SIGNS_DATA = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
_CLIENT = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
_LEAF_AUTHORITY = x509.BasicConstraints(ca=True, path_length=0)


@dataclass(frozen=True, slots=True)
class Authority:
    """A tenant's certification authority, ready to sign."""

    id: AuthorityId
    tenant: TenantId
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    key_identifier: x509.AuthorityKeyIdentifier = field(repr=False)

    @classmethod
    def of(
        cls, authority: AuthorityId, tenant: TenantId, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
    ) -> "Authority":
        """Join certificate and key; the key identifier that every leaf repeats is taken out once."""
        subject_key = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_key)
        return cls(authority, tenant, certificate, key, identifier)


@dataclass(frozen=True, slots=True)
class Leaf:
    """An operational certificate that was just issued."""

    der: bytes
    serial: bytes
    """16 octets."""
    fingerprint: bytes
    """SHA-256 of the DER."""
    not_before: Timestamp
    not_after: Timestamp


def device_subject(key: DeviceKey) -> x509.Name:
    """Return the only subject this device's certificates ever have."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, key.tenant),
            x509.NameAttribute(NameOID.COMMON_NAME, key.device),
        ]
    )


def create_authority(
    authority: AuthorityId, tenant: TenantId, key: ec.EllipticCurvePrivateKey, serial: bytes, now: Timestamp
) -> Authority:
    """Self-sign a tenant's authority, named by the tenant alone: its name differs from every device's by that."""
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, tenant)])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), int.from_bytes(serial, "big"))
        .not_valid_before(_moment(now - LEAF_STARTS_EARLY_S))
        .not_valid_after(_moment(now + AUTHORITY_LIFE_S))
        .add_extension(_LEAF_AUTHORITY, critical=True)
        .add_extension(_SIGNS_CERTIFICATES, critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority.of(authority, tenant, certificate, key)


def issue_leaf(
    authority: Authority,
    device: DeviceKey,
    public_key: ec.EllipticCurvePublicKey,
    serial: bytes,
    now: Timestamp,
    life_s: int = LEAF_LIFE_S,
) -> Leaf:
    """Issue this device's operational certificate for a key whose possession was proven."""
    ends = min(now + life_s, int(authority.certificate.not_valid_after_utc.timestamp()))
    starts = now - min(LEAF_STARTS_EARLY_S, life_s)
    certificate = (
        x509.CertificateBuilder(
            authority.certificate.subject, device_subject(device), public_key, int.from_bytes(serial, "big")
        )
        .not_valid_before(_moment(starts))
        .not_valid_after(_moment(ends))
        .add_extension(_SIGNS_DATA, critical=True)
        .add_extension(_CLIENT, critical=False)
        .add_extension(authority.key_identifier, critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    der = certificate.public_bytes(Encoding.DER)
    return Leaf(der, serial, hashlib.sha256(der).digest(), Timestamp(starts), Timestamp(ends))


def new_serial(randomness: Randomness) -> bytes:
    """Return a certificate serial number: 16 random octets that read as a positive integer, none of them padding."""
    octets = randomness(16)
    return bytes([octets[0] & 0x7F | 0x40]) + octets[1:]


def _moment(seconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)

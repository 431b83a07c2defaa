"""An authority for enterprise networks."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


@dataclass
class Authority:
    """Certifies stations and the server of the network."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.certificate = self.certify(self.key.public_key(), "Lab authority", authority=True)

    def certify(self, key: ec.EllipticCurvePublicKey, name: str, *, authority: bool = False) -> bytes:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Lab authority")]))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
        )
        if not authority:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)


def unreadable(certificate: bytes, name: str) -> bytes:
    """Write the name as a TeletexString in Latin-1, as old authorities do: it loads, and its subject cannot be read."""
    utf8 = bytes([0x0C, len(name)]) + name.encode("ascii")
    assert utf8 in certificate
    return certificate.replace(utf8, bytes([0x14, len(name)]) + b"J\xfcrgen".ljust(len(name)))

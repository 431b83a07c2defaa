"""An operator as the API plays it: certifies a device's request, signs its assignment. And one fact of it bent."""

import datetime
import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from onboarding_protocol.assignment import Assignment, Endpoint, jwk_thumbprint, sign_assignment
from onboarding_protocol.members import Grant

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
NONCE = bytes(range(16))
DEVICE = "9f86d081-884c-4d65-9a2f-eaa0c55ad015"
ISSUED_AT = 1_750_000_000


def new_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


@dataclass
class Operator:
    """One backend with its own certificate authority."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    authority_key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    endpoint: Endpoint = field(default_factory=lambda: Endpoint("mqtts://127.0.0.1:1"))
    tenant: str = "acme"

    @property
    def thumbprint(self) -> bytes:
        return jwk_thumbprint(self.key.public_key())

    @property
    def authority(self) -> x509.Certificate:
        is_authority = x509.BasicConstraints(ca=True, path_length=0)
        return certificate(
            "Devices CA", self.authority_key.public_key(), "Devices CA", self.authority_key, is_authority
        )

    def certify(self, key: PublicKey) -> bytes:
        leaf = certificate(DEVICE, key, "Devices CA", self.authority_key)
        return leaf.public_bytes(Encoding.DER)

    def assignment(self, leaf: bytes, **bent: Any) -> Assignment:  # noqa: ANN401 - any claim
        assignment = Assignment(
            issuer="https://onboarding.example.com",
            tenant=self.tenant,
            device=DEVICE,
            nonce=NONCE,
            sequence=1,
            issued_at=ISSUED_AT,
            endpoint=self.endpoint,
            leaf=hashlib.sha256(leaf).digest(),
        )
        return replace(assignment, **bent)

    def grant(self, key: PublicKey, chain: tuple[bytes, ...] = (), **bent: Any) -> Grant:  # noqa: ANN401
        """Return a grant for this operational key; `chain` goes after the leaf."""
        leaf = self.certify(key)
        return Grant(sign_assignment(self.assignment(leaf, **bent), self.key), (leaf, *chain))


def certificate(
    name: str,
    key: PublicKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *extensions: x509.ExtensionType,
    days: int = 30,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    start = now - datetime.timedelta(days=60)
    subject, by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, issuer))
    builder = x509.CertificateBuilder(by, subject, key, 1, start, now + datetime.timedelta(days=days))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())

"""A TLS context that trusts exactly what the assignment names.

A trust anchor is a name and a key (RFC 5280 section 6.1.1 d). TLS libraries want it as a certificate, so one is
made around them here; its own signature is by a key thrown away at once, and path validation never looks at it.
"""

import datetime
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from onboarding_protocol.assignment import TrustAnchor

_LONG_AGO = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_FAR_AHEAD = datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC)


def tls_context(anchor: TrustAnchor | None) -> ssl.SSLContext:
    """Return a client context; without an anchor the system's trust store counts."""
    if anchor is None:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=anchor_certificate(anchor).public_bytes(Encoding.DER))
    return context


def anchor_certificate(anchor: TrustAnchor) -> x509.Certificate:
    """Return a certificate that stands for the anchor in a trust store."""
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), anchor.key)
    name = x509.Name.from_bytes(anchor.name)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key)
        .serial_number(1)
        .not_valid_before(_LONG_AGO)
        .not_valid_after(_FAR_AHEAD)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    )

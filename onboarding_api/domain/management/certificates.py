"""What is read from a certificate or a public key that somebody sends: names, key, validity.

The rule kept here: a name's octets are those of the certificate, tags included. `cryptography` would write its own, and
fails on names that are older than UTF-8.
"""

from collections.abc import Callable
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from onboarding_api.domain.errors import DocumentRefusedError, NameRefusedError
from onboarding_api.domain.hono import Document, iso
from onboarding_api.domain.identifiers import Timestamp
from onboarding_api.domain.management.der import EXPLICIT_0, decode
from onboarding_api.domain.management.documents import read_base64, write_base64
from onboarding_api.domain.management.names import DistinguishedName, read_name

_ALGORITHMS: dict[str, tuple[type, ...]] = {
    "RSA": (rsa.RSAPublicKey,),
    "EC": (ec.EllipticCurvePublicKey,),
    "EdDSA": (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey),
    "Ed25519": (ed25519.Ed25519PublicKey,),
    "Ed448": (ed448.Ed448PublicKey,),
    "DSA": (dsa.DSAPublicKey,),
}
_ISSUER, _SUBJECT = 2, 4
"""Places in a TBSCertificate behind its version (RFC 5280 section 4.1)."""
_Result = TypeVar("_Result")


def read_certificate(where: str, text: str) -> x509.Certificate:
    """Read a certificate in base64."""
    octets = read_base64(where, text)
    return _readable(where, "not a DER certificate", lambda: x509.load_der_x509_certificate(octets))


def subject_octets(certificate: x509.Certificate) -> bytes:
    """Return a certificate's subject in DER, as it is there."""
    return _part(certificate, _SUBJECT)


def subject_name(where: str, certificate: x509.Certificate) -> DistinguishedName:
    """Return a certificate's subject; who has none is refused."""
    subject = named(where, lambda: read_name(_part(certificate, _SUBJECT)))
    if not str(subject):
        raise DocumentRefusedError(where, "the certificate has no subject")
    return subject


def issuer_name(where: str, certificate: x509.Certificate) -> DistinguishedName:
    """Return who a certificate says has issued it."""
    return named(where, lambda: read_name(_part(certificate, _ISSUER)))


def named(where: str, read: Callable[[], DistinguishedName]) -> DistinguishedName:
    """Return the name that `read` reads, or say that the member `where` holds none."""
    try:
        return read()
    except NameRefusedError as error:
        raise DocumentRefusedError(where, str(error)) from error


def validity(certificate: x509.Certificate) -> Document:
    """Return a certificate's validity as Hono writes it."""
    return {
        "not-before": iso(Timestamp(int(certificate.not_valid_before_utc.timestamp()))),
        "not-after": iso(Timestamp(int(certificate.not_valid_after_utc.timestamp()))),
    }


def certificate_key(where: str, certificate: x509.Certificate) -> tuple[str, str]:
    """Return a certificate's public key in base64, and its algorithm."""
    spki = _readable(
        where,
        "a key of unknown kind",
        lambda: certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )
    return write_base64(spki), read_key(where, spki)


def read_algorithm(where: str, text: str) -> str:
    """Refuse an algorithm that we do not know."""
    if text not in _ALGORITHMS:
        raise DocumentRefusedError(where, f"not one of {', '.join(_ALGORITHMS)}")
    return text


def read_key(where: str, spki: bytes, algorithm: str | None = None) -> str:
    """Refuse a public key that cannot be read, or is not of this algorithm; return its algorithm."""
    key = _readable(where, "not a public key in DER (SubjectPublicKeyInfo)", lambda: load_der_public_key(spki))
    for name in _ALGORITHMS if algorithm is None else (algorithm,):
        if isinstance(key, _ALGORITHMS[name]):
            return name
    raise DocumentRefusedError(where, f"not a key for {algorithm}" if algorithm else "a key of unknown kind")


def _part(certificate: x509.Certificate, place: int) -> bytes:
    (body,) = decode(certificate.tbs_certificate_bytes)
    parts = [each for each in decode(body.content) if each.tag != EXPLICIT_0]
    return parts[place].octets


def _readable(where: str, otherwise: str, read: Callable[[], _Result]) -> _Result:
    try:
        return read()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DocumentRefusedError(where, otherwise) from error

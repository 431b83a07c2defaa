"""A tenant's trust anchors (Hono's `TrustedCA`): from a certificate, or from name, key and validity.

The rules kept here: a certificate decides everything it says itself, and is not kept; names are in RFC 2253 form; the
key must be one of its `algorithm`; ids are unique within the tenant, and made here where they are missing.
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
from onboarding_api.domain.management.documents import (
    Closed,
    NewId,
    NonEmpty,
    normal_moment,
    read_base64,
    read_shape,
    write_base64,
    write_shape,
)
from onboarding_api.domain.management.names import DistinguishedName, parse_name, read_name
from onboarding_api.domain.management.templates import require_template

NAME_MAX = 512
_ALGORITHMS: dict[str, tuple[type, ...]] = {
    "RSA": (rsa.RSAPublicKey,),
    "EC": (ec.EllipticCurvePublicKey,),
    "EdDSA": (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey),
    "Ed25519": (ed25519.Ed25519PublicKey,),
    "Ed448": (ed448.Ed448PublicKey,),
    "DSA": (dsa.DSAPublicKey,),
}
_Result = TypeVar("_Result")


class _TrustedCa(Closed, frozen=True):
    id: NonEmpty | None = None
    cert: str | None = None
    public_key: str | None = None
    subject_dn: str | None = None
    subject_dn_bytes: str | None = None
    algorithm: str | None = None
    not_before: str | None = None
    not_after: str | None = None
    auth_id_template: str | None = None
    auto_provisioning_enabled: bool | None = None
    auto_provision_as_gateway: bool | None = None
    auto_provisioning_device_id_template: str | None = None
    ocsp_revocation_enabled: bool | None = None
    ocsp_responder_uri: str | None = None
    ocsp_responder_cert: str | None = None
    ocsp_nonce_enabled: bool | None = None


def read_trust_anchors(given: list[Document], new_id: NewId) -> list[Document]:
    """Check a tenant's list of trust anchors."""
    anchors = [_read_anchor(f"trusted-ca[{index}]", anchor, new_id) for index, anchor in enumerate(given)]
    if len({anchor["id"] for anchor in anchors}) != len(anchors):
        raise DocumentRefusedError("trusted-ca", "holds two authorities of one id")
    return anchors


def read_certificate(where: str, text: str) -> x509.Certificate:
    """Read a certificate in base64."""
    octets = read_base64(where, text)
    return _readable(where, "not a DER certificate", lambda: x509.load_der_x509_certificate(octets))


def certificate_name(where: str, certificate: x509.Certificate) -> DistinguishedName:
    """Return a certificate's subject."""
    return _named(where, lambda: read_name(certificate.subject.public_bytes()))


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
    return write_base64(spki), read_key(where, spki, None)


def read_key(where: str, spki: bytes, algorithm: str | None) -> str:
    """Refuse a public key that cannot be read, or is not of this algorithm; return its algorithm."""
    key = _readable(where, "not a public key in DER (SubjectPublicKeyInfo)", lambda: load_der_public_key(spki))
    kinds = _ALGORITHMS if algorithm is None else {algorithm: _ALGORITHMS.get(algorithm, ())}
    for name, classes in kinds.items():
        if isinstance(key, classes):
            return name
    raise DocumentRefusedError(where, f"not a key for {algorithm}" if algorithm else "a key of unknown kind")


def _read_anchor(where: str, given: Document, new_id: NewId) -> Document:
    shape = read_shape(given, _TrustedCa, where)
    document = write_shape(shape)
    identity = _from_certificate(where, shape.cert) if shape.cert else _from_key(where, shape)
    for member in ("cert", "public-key", "algorithm", "not-before", "not-after", "subject-dn"):
        document.pop(member, None)
    if len(str(identity["subject-dn"])) > NAME_MAX:
        raise DocumentRefusedError(f"{where}.subject-dn", f"longer than {NAME_MAX} characters")
    for member in ("auth-id-template", "auto-provisioning-device-id-template"):
        if member in document:
            require_template(f"{where}.{member}", str(document[member]))
    flags = {
        "auto-provisioning-enabled": bool(shape.auto_provisioning_enabled),
        "auto-provision-as-gateway": bool(shape.auto_provision_as_gateway),
    }
    return {"id": shape.id or new_id()} | document | identity | flags | _ocsp(where, shape)


def _from_certificate(where: str, text: str) -> Document:
    certificate = read_certificate(f"{where}.cert", text)
    key, algorithm = certificate_key(f"{where}.cert", certificate)
    return {
        "subject-dn": str(certificate_name(f"{where}.cert", certificate)),
        "subject-dn-bytes": write_base64(certificate.subject.public_bytes()),
        "public-key": key,
        "algorithm": algorithm,
    } | validity(certificate)


def _from_key(where: str, shape: _TrustedCa) -> Document:
    for member, value in (
        ("public-key", shape.public_key),
        ("subject-dn", shape.subject_dn),
        ("not-before", shape.not_before),
        ("not-after", shape.not_after),
    ):
        if not value:
            raise DocumentRefusedError(f"{where}.{member}", "must be given, unless `cert` is")
    algorithm = shape.algorithm or "RSA"
    key = read_base64(f"{where}.public-key", shape.public_key or "")
    read_key(f"{where}.public-key", key, algorithm)
    if shape.subject_dn_bytes is not None:
        octets = read_base64(f"{where}.subject-dn-bytes", shape.subject_dn_bytes)
        _named(f"{where}.subject-dn-bytes", lambda: read_name(octets))
    return {
        "subject-dn": str(_named(f"{where}.subject-dn", lambda: parse_name(shape.subject_dn or ""))),
        "public-key": write_base64(key),
        "algorithm": algorithm,
        "not-before": normal_moment(f"{where}.not-before", shape.not_before or ""),
        "not-after": normal_moment(f"{where}.not-after", shape.not_after or ""),
    }


def _ocsp(where: str, shape: _TrustedCa) -> Document:
    responder = shape.ocsp_responder_cert
    if responder is not None:
        read_certificate(f"{where}.ocsp-responder-cert", responder)
    if not shape.ocsp_revocation_enabled:
        return {}
    if responder is None and shape.cert is None:
        raise DocumentRefusedError(f"{where}.ocsp-responder-cert", "must be given for OCSP, unless `cert` is")
    return {"ocsp-responder-cert": responder or shape.cert}


def _readable(where: str, otherwise: str, read: Callable[[], _Result]) -> _Result:
    try:
        return read()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DocumentRefusedError(where, otherwise) from error


def _named(where: str, read: Callable[[], DistinguishedName]) -> DistinguishedName:
    try:
        return read()
    except NameRefusedError as error:
        raise DocumentRefusedError(where, str(error)) from error

"""A tenant's trust anchors (Hono's `TrustedCA`): from a certificate, or from name, key and validity.

The rules kept here: a certificate decides everything it says itself, and is not kept; names are in RFC 2253 form; the
key must be one of its `algorithm`; ids are unique within the tenant, and made here where they are missing.
"""

from onboarding_api.domain.errors import DocumentRefusedError
from onboarding_api.domain.hono import Document
from onboarding_api.domain.management.certificates import (
    certificate_key,
    named,
    read_algorithm,
    read_certificate,
    read_key,
    subject_name,
    subject_octets,
    validity,
)
from onboarding_api.domain.management.documents import (
    Closed,
    NewId,
    NonEmpty,
    normal_moment,
    read_base64,
    read_shape,
    require_distinct,
    write_base64,
    write_shape,
)
from onboarding_api.domain.management.names import DistinguishedName, parse_name, read_name
from onboarding_api.domain.management.templates import require_template

NAME_MAX = 512


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
    require_distinct([anchor["id"] for anchor in anchors], "trusted-ca[{}].id".format, "the id of another authority")
    return anchors


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
        "subject-dn": str(subject_name(f"{where}.cert", certificate)),
        "subject-dn-bytes": write_base64(subject_octets(certificate)),
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
    algorithm = read_algorithm(f"{where}.algorithm", shape.algorithm or "RSA")
    key = read_base64(f"{where}.public-key", shape.public_key or "")
    read_key(f"{where}.public-key", key, algorithm)
    return {
        "subject-dn": str(_name(where, shape)),
        "public-key": write_base64(key),
        "algorithm": algorithm,
        "not-before": normal_moment(f"{where}.not-before", shape.not_before or ""),
        "not-after": normal_moment(f"{where}.not-after", shape.not_after or ""),
    }


def _name(where: str, shape: _TrustedCa) -> DistinguishedName:
    """Return the name; where its octets are given, they decide what a text leaves open: the tags."""
    written = named(f"{where}.subject-dn", lambda: parse_name(shape.subject_dn or ""))
    if shape.subject_dn_bytes is None:
        return written
    octets = read_base64(f"{where}.subject-dn-bytes", shape.subject_dn_bytes)
    exact = named(f"{where}.subject-dn-bytes", lambda: read_name(octets))
    if not exact.reads_as(written):
        raise DocumentRefusedError(f"{where}.subject-dn-bytes", f"another name than `subject-dn`: {exact}")
    return exact


def _ocsp(where: str, shape: _TrustedCa) -> Document:
    responder = shape.ocsp_responder_cert
    if responder is not None:
        read_certificate(f"{where}.ocsp-responder-cert", responder)
    if not shape.ocsp_revocation_enabled:
        return {}
    if responder is None and shape.cert is None:
        raise DocumentRefusedError(f"{where}.ocsp-responder-cert", "must be given for OCSP, unless `cert` is")
    return {"ocsp-responder-cert": responder or shape.cert}

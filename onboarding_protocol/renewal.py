"""A device's certificate renewed over its own link: what it asks and what it is answered. Pure, for both ends.

The rules kept here:
1. A request is a PKCS#10 request signed by the operational key, its challengePassword the SHA-256 of the certificate
   that it is to replace: it can be made by nobody else, and asks for nothing else, however often it is sent.
2. An answer names the SHA-256 of the request that it answers, and brings the new certificate and who has issued it;
   or it says in one word why not.
3. A renewed certificate differs from the one before in nothing but its life and its number: the same key, subject
   and issuer, and both are signed by the same authority. What the broker says in between changes nothing of that.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_protocol.encoding import base64url_encode
from onboarding_protocol.identity import (
    SIGNING_REQUEST_MAX_OCTETS,
    VerifiedSigningRequest,
    create_signing_request,
    verify_signing_request,
)

REQUEST_MAX_OCTETS = SIGNING_REQUEST_MAX_OCTETS
ANSWER_MAX_OCTETS = 8192
CERTIFICATE_MAX_OCTETS = 2048
_CHAIN_LENGTH = 2
_MOMENT_MAX = 253_402_300_799  # the last second of the year 9999


class Refusal(StrEnum):
    """Why a certificate is not renewed."""

    UNKNOWN = "unknown"
    """No such device, or it was not onboarded."""
    DISABLED = "disabled"
    """An administrator has disabled the tenant, the device or its credential."""
    OTHER_KEY = "other-key"
    """The request is signed by another key than the registered one."""
    OTHER_CERTIFICATE = "other-certificate"
    """The request is none to replace the certificate that counts now."""
    TOO_EARLY = "too-early"
    """Less than half of the certificate's life is over."""
    MALFORMED = "malformed"
    """It is no request at all."""


class RenewalError(ValueError):
    """The answer is not to be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when a certificate holds, in seconds since 1970."""

    begins: int
    ends: int

    @property
    def life(self) -> int:
        """How long that is, in seconds."""
        return self.ends - self.begins


@dataclass(frozen=True, slots=True)
class Renewed:
    """An answer that brings a certificate."""

    request: bytes
    """SHA-256 of the request."""
    leaf: bytes = field(repr=False)
    """DER."""
    authority: bytes = field(repr=False)
    """The certificate of who has issued it, DER."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer that does not."""

    request: bytes
    reason: str
    """A `Refusal`, or what a later version says."""


Answer = Renewed | Refused


def request_topic(tenant: str, device: str) -> str:
    """Return the MQTT topic that a device asks on."""
    return f"renewal/{tenant}/{device}"


def answer_topic(tenant: str, device: str) -> str:
    """Return the MQTT topic that it is answered on."""
    return f"renewed/{tenant}/{device}"


def create_renewal_request(key: ec.EllipticCurvePrivateKey, certificate: bytes) -> bytes:
    """Return the request to replace this certificate, DER."""
    return create_signing_request(key, hashlib.sha256(certificate).digest())


def verify_renewal_request(request: bytes, fingerprint: bytes) -> VerifiedSigningRequest:
    """Verify that the request replaces the certificate of this SHA-256; SigningRequestError otherwise."""
    return verify_signing_request(request, fingerprint)


def write_answer(answer: Answer) -> bytes:
    """Return an answer as it is published."""
    document: dict[str, object] = {"request": base64url_encode(answer.request)}
    match answer:
        case Renewed(_, leaf, authority):
            document["x5c"] = [base64.b64encode(der).decode("ascii") for der in (leaf, authority)]
        case Refused(_, reason):
            document["refused"] = reason
    return json.dumps(document).encode("ascii")


def read_answer(payload: bytes, request: bytes) -> Answer | None:
    """Return the answer to this request; None for anything else that was published there."""
    if len(payload) > ANSWER_MAX_OCTETS:
        return None
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    digest = hashlib.sha256(request).digest()
    if not isinstance(document, dict) or document.get("request") != base64url_encode(digest):
        return None
    reason = document.get("refused")
    if isinstance(reason, str) and 0 < len(reason) <= 64 and reason.isprintable():
        return Refused(digest, reason)
    chain = document.get("x5c")
    if not isinstance(chain, list) or len(chain) != _CHAIN_LENGTH:
        return None
    try:
        leaf, authority = (base64.b64decode(item, validate=True) for item in chain)
    except (TypeError, ValueError):
        return None
    return Renewed(digest, leaf, authority)


def validity_of(certificate: bytes) -> Validity:
    """Return from when to when a certificate holds; RenewalError if it cannot be read."""
    return _validity(_read(certificate))


def accept_renewed(renewed: Renewed, before: bytes) -> Validity:
    """Return the new certificate's validity if it may take the place of `before`; RenewalError otherwise."""
    old, new, authority = (_read(der) for der in (before, renewed.leaf, renewed.authority))
    try:
        same_key = new.public_key() == old.public_key()
        for leaf in (old, new):
            leaf.verify_directly_issued_by(authority)
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise RenewalError("the authority beside it has not issued both certificates") from error
    if not same_key:
        raise RenewalError("the new certificate certifies another key")
    if new.subject != old.subject:
        raise RenewalError("the new certificate names somebody else")
    validity, held = _validity(new), _validity(old)
    if not held.begins < validity.begins < validity.ends <= _MOMENT_MAX:
        raise RenewalError("the new certificate is not newer than the one before")
    return validity


def is_early(validity: Validity, now: int) -> bool:
    """Tell whether it is too early to renew: nobody needs a new certificate in the first half of its life."""
    return now < validity.begins + validity.life // 2


def _read(der: bytes) -> x509.Certificate:
    if len(der) > CERTIFICATE_MAX_OCTETS:
        raise RenewalError(f"a certificate is longer than {CERTIFICATE_MAX_OCTETS} octets")
    try:
        return x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion) as error:
        raise RenewalError("a certificate cannot be read") from error


def _validity(certificate: x509.Certificate) -> Validity:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return Validity(int(begins.timestamp()), int(ends.timestamp()))

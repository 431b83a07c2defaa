"""What a device says about itself: the signing request that carries the challenge, and the label proof.

The rules kept here:
1. One signature over the PKCS#10 request (RFC 2986) proves possession of the operational key and freshness: its
   challengePassword (RFC 2985 section 5.4.1) is the backend's challenge, which was also the initiator's nonce.
2. The label proof ties that request to the hardware: an ES256 signature by the bootstrapping key over a domain
   label, the request's SHA-256 and the reset counter. Without it a phone could invent devices.
3. Subject, SAN and extensions of a request are never read: the server alone decides what a certificate says.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AttributeOID, SignatureAlgorithmOID

from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.encoding import base64url_encode

CHALLENGE_OCTETS = 16
"""A P-256 exchange has 16-octet nonces, and the challenge is one."""

SIGNING_REQUEST_MAX_OCTETS = 8192
"""Ours has 230; the bound is what other backends accept and keeps parsing cheap."""

RESETS_MAX = 0xFFFFFFFF
PROOF_OCTETS = 64
_PROOF_DOMAIN = b"onboarding label proof v1\0"


class SigningRequestError(ValueError):
    """The signing request is refused; `reason` says why in one sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OtherChallengeError(SigningRequestError):
    """It is a good signing request, but for another challenge."""


class LabelProofError(ValueError):
    """The proof was not made by this label's key over this request and reset counter."""


@dataclass(frozen=True, slots=True)
class VerifiedSigningRequest:
    """A request whose signature and challenge have been verified; only `verify_signing_request` makes one."""

    der: bytes = field(repr=False)
    public_key: ec.EllipticCurvePublicKey
    spki_hash: bytes
    """SHA-256 of the operational key's DER SubjectPublicKeyInfo, 32 octets."""

    @property
    def digest(self) -> bytes:
        """SHA-256 of the request's DER, 32 octets: with the onboarding's id, the idempotency key."""
        return hashlib.sha256(self.der).digest()


def create_signing_request(key: ec.EllipticCurvePrivateKey, challenge: bytes) -> bytes:
    """Return the DER request of this operational key for this challenge; its subject is empty."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    password = base64url_encode(challenge).encode("ascii")
    signed = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, password).sign(key, hashes.SHA256())
    return signed.public_bytes(Encoding.DER)


def verify_signing_request(der: bytes, challenge: bytes) -> VerifiedSigningRequest:
    """Verify signature, key and challenge; SigningRequestError names the first thing that is wrong."""
    if len(der) > SIGNING_REQUEST_MAX_OCTETS:
        raise SigningRequestError(f"the signing request is longer than {SIGNING_REQUEST_MAX_OCTETS} octets")
    try:
        request = x509.load_der_x509_csr(der)
        key = request.public_key()
        valid = request.is_signature_valid
        algorithm = request.signature_algorithm_oid
        passwords = [a.value for a in request.attributes if a.oid == AttributeOID.CHALLENGE_PASSWORD]
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise SigningRequestError("the signing request is not a DER PKCS#10 request") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SigningRequestError("the operational key is not a P-256 key")
    if not valid or algorithm != SignatureAlgorithmOID.ECDSA_WITH_SHA256:
        raise SigningRequestError("the signing request is not signed by its own key with ECDSA and SHA-256")
    if len(passwords) != 1:
        raise SigningRequestError("the signing request does not carry exactly one challengePassword")
    if not hmac.compare_digest(passwords[0], base64url_encode(challenge).encode("ascii")):
        raise OtherChallengeError("the signing request answers another challenge")
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return VerifiedSigningRequest(der, key, hashlib.sha256(spki).digest())


def sign_label_proof(key: ec.EllipticCurvePrivateKey, signing_request: bytes, resets: int) -> bytes:
    """Return the proof by the bootstrapping key: r and s, 64 octets."""
    r, s = decode_dss_signature(key.sign(_proof_input(signing_request, resets), ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify_label_proof(key: BootstrappingKey, signing_request: bytes, resets: int, proof: bytes) -> None:
    """Return only if `proof` was made by this label's key; LabelProofError otherwise."""
    if len(proof) != PROOF_OCTETS or not 0 <= resets <= RESETS_MAX:
        raise LabelProofError("the label proof is malformed")
    signature = encode_dss_signature(int.from_bytes(proof[:32], "big"), int.from_bytes(proof[32:], "big"))
    try:
        key.public_key.verify(signature, _proof_input(signing_request, resets), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise LabelProofError("the proof was not made by this label's key over this request") from error


def _proof_input(signing_request: bytes, resets: int) -> bytes:
    return _PROOF_DOMAIN + hashlib.sha256(signing_request).digest() + resets.to_bytes(4, "big")

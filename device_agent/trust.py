"""Whether to accept an assignment. Pure; the rules kept here:

1. It is signed by an operator key this device accepts: any at first use, afterwards a pinned one.
2. It answers a challenge that this device signed.
3. The certificate beside it is the one it names, and certifies our operational key; a second one has issued it.
   Whatever is read of it later can be read: its subject, its life.
4. Issuer, tenant and device are those of the assignment before, until a factory reset.
5. Its sequence number is higher than the last one's; the same number only with the same octets.
6. What it says can be kept and shown: printable texts, a time that a clock can be set to, and none after the end of
   its certificate: that time counts as passed until a factory reset.
"""

import hashlib
import hmac

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from device_agent.record import Ownership, Record
from device_agent.subject import common_name
from onboarding_protocol.assignment import AssignmentError, VerifiedAssignment, verify_assignment
from onboarding_protocol.members import Grant
from onboarding_protocol.renewal import validity_of

ISSUED_AT_MAX = 4_102_444_799  # the last second of the year 2099, and the last that many a clock chip can hold
SEQUENCE_MAX = 2**53 - 1  # the largest integer that every JSON reader keeps


def accept(grant: Grant, record: Record, key: ec.EllipticCurvePublicKey) -> tuple[Ownership, VerifiedAssignment]:
    """Return what the device will hold from now on; AssignmentError names the rule that is broken."""
    before = record.ownership
    trusted = None if before is None else frozenset(before.operator_keys)
    assignment, signer = verify_assignment(grant.assignment, trusted)
    if not any(hmac.compare_digest(assignment.nonce, nonce) for nonce in record.nonces):
        raise AssignmentError("nonce-unknown", "the assignment answers a challenge this device did not sign")
    _check_content(assignment)
    _check_certificates(grant.certificates, assignment, key)
    if before is not None:
        _check_succession(before, assignment, grant)
    anchor = assignment.endpoint.anchor
    ownership = Ownership(
        issuer=assignment.issuer,
        tenant=assignment.tenant,
        device=assignment.device,
        operator_keys=(signer, *assignment.successors),
        sequence=assignment.sequence,
        assignment=grant.assignment,
        certificates=grant.certificates,
        endpoint=assignment.endpoint.url,
        anchor_name=None if anchor is None else anchor.name,
        anchor_key=None if anchor is None else anchor.key,
    )
    return ownership, assignment


def _check_content(assignment: VerifiedAssignment) -> None:
    texts = (assignment.issuer, assignment.tenant, assignment.device, assignment.endpoint.url)
    if not all(text.isprintable() for text in texts):
        raise AssignmentError("assignment-malformed", "a text of the assignment cannot be shown")
    if assignment.sequence > SEQUENCE_MAX or assignment.issued_at > ISSUED_AT_MAX:
        raise AssignmentError("assignment-malformed", "a number of the assignment is out of all bounds")


def _check_certificates(
    chain: tuple[bytes, ...], assignment: VerifiedAssignment, key: ec.EllipticCurvePublicKey
) -> None:
    if not hmac.compare_digest(hashlib.sha256(chain[0]).digest(), assignment.leaf):
        raise AssignmentError("certificate-mismatch", "the certificate is not the one the assignment names")
    try:
        leaf, *issuers = (x509.load_der_x509_certificate(der) for der in chain)
        certified = leaf.public_key()
        common_name(leaf)
        ends = validity_of(chain[0]).ends
        for issuer in issuers:
            leaf.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, x509.InvalidVersion, UnsupportedAlgorithm, InvalidSignature) as error:
        raise AssignmentError("certificate-mismatch", "the certificates cannot be read, or do not chain") from error
    if certified != key:
        raise AssignmentError("certificate-mismatch", "the certificate certifies another key")
    if assignment.issued_at > ends:
        raise AssignmentError("assignment-malformed", "the assignment was issued after the end of its certificate")


def _check_succession(before: Ownership, assignment: VerifiedAssignment, grant: Grant) -> None:
    held = (before.issuer, before.tenant, before.device)
    if held != (assignment.issuer, assignment.tenant, assignment.device):
        raise AssignmentError("owned-already", "this device belongs to another tenant; only a factory reset frees it")
    if assignment.sequence < before.sequence:
        raise AssignmentError("sequence-rollback", "the assignment is older than the one this device holds")
    if assignment.sequence == before.sequence and grant.assignment != before.assignment:
        raise AssignmentError("sequence-rollback", "two different assignments carry the same number")

"""Signing request and label proof: the one true pair is accepted, everything near it is not."""

import hashlib
import random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID, NameOID

from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.encoding import base64url_encode
from onboarding_protocol.identity import (
    PROOF_OCTETS,
    RESETS_MAX,
    LabelProofError,
    SigningRequestError,
    create_signing_request,
    sign_label_proof,
    verify_label_proof,
    verify_signing_request,
)
from tests.protocol import samples

SHA256 = hashes.SHA256()
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
REQUEST = create_signing_request(samples.OPERATIONAL_KEY, samples.CHALLENGE)
PASSWORD = base64url_encode(samples.CHALLENGE).encode()
PROOF = sign_label_proof(samples.LABEL_KEY, REQUEST, 3)
SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def request_by(key: SigningKey, *passwords: bytes, algorithm: hashes.SHA256 | hashes.SHA384 | None = SHA256) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "victim")])
    )
    for password in passwords:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, password)
    return builder.sign(key, algorithm).public_bytes(Encoding.DER)


def doubled_attribute() -> bytes:
    """Return a request that carries two challengePasswords, signed: the library's builder refuses to make one."""
    info = REQUEST[3 : 6 + REQUEST[5]]
    start = info.index(bytes.fromhex("06092a864886f70d010907")) - 2
    attribute = info[start:]
    content = info[3 : start - 2] + b"\xa0" + bytes([2 * len(attribute)]) + attribute * 2
    signed_part = b"\x30\x81" + bytes([len(content)]) + content
    signature = samples.OPERATIONAL_KEY.sign(signed_part, ec.ECDSA(hashes.SHA256()))
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    body = signed_part + algorithm + b"\x03" + bytes([len(signature) + 1]) + b"\0" + signature
    return b"\x30\x82" + len(body).to_bytes(2, "big") + body


def test_a_request_made_for_the_challenge_is_accepted() -> None:
    verified = verify_signing_request(REQUEST, samples.CHALLENGE)
    assert verified.public_key == samples.OPERATIONAL_KEY.public_key()
    assert verified.digest == hashlib.sha256(REQUEST).digest()
    assert len(verified.spki_hash) == 32
    assert x509.load_der_x509_csr(REQUEST).subject == x509.Name([])


def test_the_subject_is_not_looked_at() -> None:
    verified = verify_signing_request(request_by(samples.OPERATIONAL_KEY, PASSWORD), samples.CHALLENGE)
    assert verified.spki_hash == verify_signing_request(REQUEST, samples.CHALLENGE).spki_hash
    assert not hasattr(verified, "subject")


@pytest.mark.parametrize(
    ("der", "sentence"),
    [
        (create_signing_request(samples.OPERATIONAL_KEY, bytes(16)), "another challenge"),
        (request_by(samples.OPERATIONAL_KEY), "exactly one"),
        (request_by(samples.OPERATIONAL_KEY, samples.CHALLENGE.hex().encode()), "another challenge"),
        (request_by(samples.OPERATIONAL_KEY, PASSWORD + b"="), "another challenge"),
        (request_by(ec.derive_private_key(9, ec.SECP384R1()), PASSWORD), "P-256"),
        (request_by(rsa.generate_private_key(65537, 2048), PASSWORD), "P-256"),
        (request_by(ed25519.Ed25519PrivateKey.generate(), PASSWORD, algorithm=None), "P-256"),
        (request_by(samples.OPERATIONAL_KEY, PASSWORD, algorithm=hashes.SHA384()), "SHA-256"),
        (doubled_attribute(), "exactly one"),
        (REQUEST + b"\0", "DER"),
        (REQUEST[:-1], "DER"),
        (b"", "DER"),
        (b"\x30\x00", "DER"),
        (samples.lean_leaf().public_bytes(Encoding.DER), "DER"),
        (REQUEST + bytes(8192 + 1 - len(REQUEST)), "longer"),
    ],
)
def test_anything_but_our_request_is_refused_with_its_reason(der: bytes, sentence: str) -> None:
    with pytest.raises(SigningRequestError, match=sentence) as refused:
        verify_signing_request(der, samples.CHALLENGE)
    assert refused.value.reason == str(refused.value)
    assert base64url_encode(samples.CHALLENGE) not in refused.value.reason


def test_every_single_bit_flip_of_a_request_is_refused_by_itself_or_by_the_proof() -> None:
    unused_bits = REQUEST.index(bytes.fromhex("06082a8648ce3d040302")) + 12  # of the signature's BIT STRING; OpenSSL
    accepted = set()  # does not look at it, so a request has more than one spelling; its proof has not
    for position in range(len(REQUEST)):
        for bit in range(8):
            flipped = bytearray(REQUEST)
            flipped[position] ^= 1 << bit
            try:
                verify_signing_request(bytes(flipped), samples.CHALLENGE)
                accepted.add(position)
            except SigningRequestError:
                pass
            with pytest.raises(LabelProofError):
                verify_label_proof(samples.LABEL, bytes(flipped), 3, PROOF)
    assert accepted <= {unused_bits}
    assert REQUEST[unused_bits] == 0


def test_random_mutants_of_a_request_raise_nothing_else() -> None:
    chance = random.Random(5)
    for _ in range(3000):
        mutant = bytearray(REQUEST)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(mutant))
            mutant[at : at + chance.randint(0, 2)] = chance.randbytes(chance.randint(0, 2))
        try:
            verify_signing_request(bytes(mutant), samples.CHALLENGE)
        except SigningRequestError:
            continue
        assert len(mutant) == len(REQUEST)
    assert verify_signing_request(REQUEST, samples.CHALLENGE).der == REQUEST


def test_the_labels_proof_is_accepted() -> None:
    verify_label_proof(samples.LABEL, REQUEST, 3, PROOF)
    assert len(PROOF) == PROOF_OCTETS
    for resets in (0, RESETS_MAX):
        verify_label_proof(samples.LABEL, REQUEST, resets, sign_label_proof(samples.LABEL_KEY, REQUEST, resets))


@pytest.mark.parametrize(
    ("label", "request_der", "resets", "proof"),
    [
        (BootstrappingKey.from_public_key(samples.key(3).public_key()), REQUEST, 3, PROOF),
        (samples.LABEL, create_signing_request(samples.OPERATIONAL_KEY, samples.CHALLENGE), 3, PROOF),
        (samples.LABEL, REQUEST, 4, PROOF),
        (samples.LABEL, REQUEST, -1, PROOF),
        (samples.LABEL, REQUEST, RESETS_MAX + 1, PROOF),
        (samples.LABEL, REQUEST, 3, sign_label_proof(samples.OPERATIONAL_KEY, REQUEST, 3)),
        (samples.LABEL, REQUEST, 3, bytes(64)),
        (samples.LABEL, REQUEST, 3, bytes(32) + PROOF[32:]),
        (samples.LABEL, REQUEST, 3, PROOF[:32] + bytes(32)),
        (samples.LABEL, REQUEST, 3, N.to_bytes(32, "big") + PROOF[32:]),
        (samples.LABEL, REQUEST, 3, PROOF[:32] + N.to_bytes(32, "big")),
        (samples.LABEL, REQUEST, 3, b"\xff" * 64),
        (samples.LABEL, REQUEST, 3, PROOF[32:] + PROOF[:32]),
        (samples.LABEL, REQUEST, 3, PROOF[:-1]),
        (samples.LABEL, REQUEST, 3, PROOF + b"\0"),
        (samples.LABEL, REQUEST, 3, b""),
    ],
)
def test_any_other_proof_is_refused(label: BootstrappingKey, request_der: bytes, resets: int, proof: bytes) -> None:
    with pytest.raises(LabelProofError):
        verify_label_proof(label, request_der, resets, proof)
    verify_label_proof(samples.LABEL, REQUEST, 3, PROOF)

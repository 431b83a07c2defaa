from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from device_agent.record import Ownership, Record
from device_agent.trust import ISSUED_AT_MAX, SEQUENCE_MAX, accept
from onboarding_protocol.assignment import AssignmentError, Endpoint, jwk_thumbprint, sign_assignment
from onboarding_protocol.members import Grant
from onboarding_protocol.renewal import validity_of
from tests.device_agent.certificates import unreadable
from tests.device_agent.operator import DEVICE, ISSUED_AT, NONCE, Operator, certificate, new_key

KEY = new_key().public_key()
NEW = Record(nonces=(NONCE,))


def owned(operator: Operator, **bent: Any) -> Record:  # noqa: ANN401 - any claim
    ownership, _ = accept(operator.grant(KEY, **({"sequence": 5} | bent)), NEW, KEY)
    return Record(nonces=(NONCE,), ownership=ownership)


def refusal(grant: Grant, record: Record = NEW, key: ec.EllipticCurvePublicKey = KEY) -> str:
    with pytest.raises(AssignmentError) as refused:
        accept(grant, record, key)
    assert str(refused.value)
    return refused.value.reason


def test_at_first_use_any_operator_is_accepted_and_pinned(operator: Operator) -> None:
    ownership, assignment = accept(operator.grant(KEY), NEW, KEY)
    assert ownership.operator_keys == (operator.thumbprint,)
    assert (ownership.tenant, ownership.device, ownership.sequence) == ("acme", DEVICE, 1)
    assert assignment.issued_at == ISSUED_AT


def test_afterwards_another_operator_is_refused(operator: Operator) -> None:
    assert refusal(Operator().grant(KEY, sequence=6), owned(operator)) == "operator-unknown"


def test_the_pinned_operator_may_sign_again(operator: Operator) -> None:
    ownership, _ = accept(operator.grant(KEY, sequence=6), owned(operator), KEY)
    assert ownership.sequence == 6


def test_a_successor_may_sign_and_then_is_the_only_one(operator: Operator) -> None:
    successor = Operator(authority_key=operator.authority_key)
    before = owned(operator, successors=(successor.thumbprint,))
    ownership, _ = accept(successor.grant(KEY, sequence=6), before, KEY)
    assert ownership.operator_keys == (successor.thumbprint,)
    after = Record(nonces=(NONCE,), ownership=ownership)
    assert refusal(operator.grant(KEY, sequence=7), after) == "operator-unknown"


def test_a_key_that_merely_stands_in_the_header_does_not_sign(operator: Operator) -> None:
    grant = operator.grant(KEY)
    head, body, _ = grant.assignment.split(".")
    other = Operator().grant(KEY).assignment.split(".")[2]
    assert refusal(Grant(f"{head}.{body}.{other}", grant.certificates)) == "assignment-signature"


@pytest.mark.parametrize("token", ["", ".", "a.b.c", "x" * 5000, "{}", "e30.e30.", "[" * 4000])
def test_what_is_no_assignment_is_malformed(operator: Operator, token: str) -> None:
    assert refusal(Grant(token, (operator.certify(KEY),))) == "assignment-malformed"


def test_a_late_assignment_for_an_older_signed_nonce_is_taken(operator: Operator) -> None:
    record = Record(nonces=(NONCE, bytes(16), bytes([1] * 16)))
    ownership, assignment = accept(operator.grant(KEY), record, KEY)
    assert ownership.sequence == 1
    assert assignment.nonce == NONCE


@pytest.mark.parametrize("nonces", [(), (bytes(16),)])
def test_a_nonce_that_was_not_signed_is_unknown(operator: Operator, nonces: tuple[bytes, ...]) -> None:
    assert refusal(operator.grant(KEY), Record(nonces=nonces)) == "nonce-unknown"


def test_the_certificate_must_be_the_one_that_is_named(operator: Operator) -> None:
    signed = operator.grant(KEY).assignment
    assert refusal(Grant(signed, (operator.certify(new_key().public_key()),))) == "certificate-mismatch"


@pytest.mark.parametrize(
    "key",
    [
        new_key().public_key(),
        new_key(ec.SECP384R1()).public_key(),
        rsa.generate_private_key(65537, 2048).public_key(),
    ],
    ids=["another", "P-384", "RSA"],
)
def test_the_certificate_must_certify_our_key(
    operator: Operator, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
) -> None:
    assert refusal(operator.grant(key)) == "certificate-mismatch"


def broken_certificates() -> list[bytes]:
    whole = Operator().certify(KEY)
    p256 = bytes.fromhex("06082a8648ce3d030107")
    version = bytes.fromhex("a003020102")
    assert whole.count(p256) == whole.count(version) == 1
    unknown_curve = whole.replace(p256, bytes.fromhex("06082a8648ce3d03017f"))
    return [b"", b"garbage", whole[:-5], unknown_curve, whole.replace(version, bytes.fromhex("a003020107"))]


@pytest.mark.parametrize("leaf", broken_certificates(), ids=["empty", "garbage", "cut", "curve", "version"])
def test_a_certificate_that_cannot_be_read_is_refused(operator: Operator, leaf: bytes) -> None:
    grant = Grant(sign_assignment(operator.assignment(leaf), operator.key), (leaf,))
    assert refusal(grant) == "certificate-mismatch"


def test_a_certificate_whose_subject_cannot_be_read_is_refused(operator: Operator) -> None:
    leaf = unreadable(operator.certify(KEY), DEVICE)
    grant = Grant(sign_assignment(operator.assignment(leaf), operator.key), (leaf,))
    assert refusal(grant) == "certificate-mismatch"


def test_a_second_certificate_must_have_issued_the_first(operator: Operator) -> None:
    issuer = operator.authority.public_bytes(Encoding.DER)
    ownership, _ = accept(operator.grant(KEY, (issuer,)), NEW, KEY)
    assert len(ownership.certificates) == 2
    namesake = certificate("Devices CA", KEY, "Devices CA", new_key()).public_bytes(Encoding.DER)
    stranger = certificate("Other CA", KEY, "Other CA", new_key()).public_bytes(Encoding.DER)
    for second in (namesake, stranger, b"garbage", *broken_certificates()):
        assert refusal(operator.grant(KEY, (second,))) == "certificate-mismatch"


@pytest.mark.parametrize("claim", ["issuer", "tenant", "device"])
def test_who_owns_the_device_cannot_change(operator: Operator, claim: str) -> None:
    bent: dict[str, Any] = {"sequence": 6, claim: "another"}
    grant = operator.grant(KEY, **bent)
    assert refusal(grant, owned(operator)) == "owned-already"


def test_a_lower_sequence_number_is_a_rollback(operator: Operator) -> None:
    assert refusal(operator.grant(KEY, sequence=4), owned(operator)) == "sequence-rollback"


def test_an_equal_number_is_welcome_with_equal_octets_only(operator: Operator) -> None:
    grant = operator.grant(KEY, sequence=5)
    ownership, _ = accept(grant, NEW, KEY)
    record = Record(nonces=(NONCE,), ownership=ownership)
    again, _ = accept(grant, record, KEY)
    assert again == ownership
    other = operator.grant(KEY, sequence=5, endpoint=Endpoint("mqtts://elsewhere"))
    assert refusal(other, record) == "sequence-rollback"


@pytest.mark.parametrize("claim", ["issuer", "tenant", "device"])
@pytest.mark.parametrize("text", ["\ud800", "acme\nready control=/evil", "\x1b[2J"])
def test_a_text_that_cannot_be_shown_or_stored_is_refused(operator: Operator, claim: str, text: str) -> None:
    bent: dict[str, Any] = {claim: text}
    assert refusal(operator.grant(KEY, **bent)) == "assignment-malformed"


def test_an_endpoint_that_cannot_be_shown_is_refused(operator: Operator) -> None:
    assert refusal(operator.grant(KEY, endpoint=Endpoint("mqtts://a\nb"))) == "assignment-malformed"


def for_ever(operator: Operator, issued_at: int, sequence: int = 1) -> Grant:
    """Grant with a certificate that does not run out, as far as this test reaches."""
    leaf = certificate(DEVICE, KEY, "Devices CA", operator.authority_key, days=1_000_000).public_bytes(Encoding.DER)
    assignment = operator.assignment(leaf, issued_at=issued_at, sequence=sequence)
    return Grant(sign_assignment(assignment, operator.key), (leaf,))


def test_a_time_no_clock_can_be_set_to_is_refused(operator: Operator) -> None:
    accept(for_ever(operator, ISSUED_AT_MAX, SEQUENCE_MAX), NEW, KEY)
    for issued_at, sequence in ((ISSUED_AT_MAX + 1, 1), (253_402_300_799, 1), (10**30, 1), (1, 10**30)):
        assert refusal(for_ever(operator, issued_at, sequence)) == "assignment-malformed"


def test_an_assignment_later_than_the_end_of_its_certificate_is_refused(operator: Operator) -> None:
    leaf = operator.certify(KEY)
    ends = validity_of(leaf).ends
    last, late = (
        Grant(sign_assignment(operator.assignment(leaf, issued_at=issued_at), operator.key), (leaf,))
        for issued_at in (ends, ends + 1)
    )
    accept(last, NEW, KEY)
    assert refusal(late) == "assignment-malformed"


def test_what_is_pinned_is_what_was_signed(operator: Operator) -> None:
    successor = jwk_thumbprint(new_key().public_key())
    ownership, _ = accept(operator.grant(KEY, successors=(successor,)), NEW, KEY)
    assert ownership.operator_keys == (operator.thumbprint, successor)
    assert isinstance(ownership, Ownership)
    assert ownership.assignment not in repr(ownership)

"""Renewal messages: what is written is read, and nothing near it is taken for it."""

import base64
import datetime
import json
import random
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from onboarding_protocol.identity import OtherChallengeError, SigningRequestError, create_signing_request
from onboarding_protocol.renewal import (
    ANSWER_MAX_OCTETS,
    Refusal,
    Refused,
    RenewalError,
    Renewed,
    Validity,
    accept_renewed,
    answer_topic,
    create_renewal_request,
    is_early,
    read_answer,
    request_topic,
    validity_of,
    verify_renewal_request,
    write_answer,
)
from tests.protocol import samples

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
KEY = samples.OPERATIONAL_KEY
PUBLIC: PublicKey = KEY.public_key()
AUTHORITY_KEY = ec.derive_private_key(7, ec.SECP256R1())
BEGINS = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def certificate(
    subject: str = "device",
    key: PublicKey = PUBLIC,
    issuer: str = "Authority",
    by: ec.EllipticCurvePrivateKey = AUTHORITY_KEY,
    day: int = 0,
    days: int = 90,
) -> bytes:
    name, authority = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (subject, issuer))
    begins = BEGINS + datetime.timedelta(days=day)
    ends = begins + datetime.timedelta(days=days)
    builder = x509.CertificateBuilder(authority, name, key, day + 100, begins, ends)
    return builder.sign(by, hashes.SHA256()).public_bytes(Encoding.DER)


AUTHORITY = certificate("Authority", AUTHORITY_KEY.public_key(), days=9000)
BEFORE = certificate()
REQUEST = create_renewal_request(KEY, BEFORE)
FINGERPRINT = x509.load_der_x509_certificate(BEFORE).fingerprint(hashes.SHA256())
DIGEST = verify_renewal_request(REQUEST, FINGERPRINT).digest
RENEWED = Renewed(DIGEST, certificate(day=60), AUTHORITY)


def test_a_request_is_for_one_certificate_only() -> None:
    assert verify_renewal_request(REQUEST, FINGERPRINT).public_key == KEY.public_key()
    with pytest.raises(OtherChallengeError):
        verify_renewal_request(REQUEST, bytes(32))


def test_a_request_made_for_an_onboarding_renews_nothing() -> None:
    with pytest.raises(OtherChallengeError):
        verify_renewal_request(create_signing_request(KEY, samples.CHALLENGE), FINGERPRINT)


def test_each_end_publishes_where_the_other_listens() -> None:
    assert (request_topic("acme", "d1"), answer_topic("acme", "d1")) == ("renewal/acme/d1", "renewed/acme/d1")


@pytest.mark.parametrize("answer", [RENEWED, *(Refused(DIGEST, reason) for reason in Refusal)])
def test_what_is_answered_is_read(answer: Renewed | Refused) -> None:
    payload = write_answer(answer)
    assert read_answer(payload, REQUEST) == answer
    assert len(payload) < ANSWER_MAX_OCTETS


def test_an_answer_to_another_request_is_none() -> None:
    assert read_answer(write_answer(RENEWED), create_renewal_request(KEY, BEFORE)) is None
    assert read_answer(write_answer(RENEWED), b"") is None


@pytest.mark.parametrize(
    "bent",
    [
        {"x5c": None},
        {"x5c": []},
        {"x5c": ["AAAA"]},
        {"x5c": ["AAAA"] * 3},
        {"x5c": ["AAAA", "?"]},
        {"x5c": ["AAAA", "é"]},
        {"x5c": [1, 2]},
        {"x5c": [["AAAA"], {}]},
        {"x5c": "AAAA"},
        {"request": None},
        {"request": 1},
        {"refused": "x" * 65, "x5c": None},
        {"refused": "a\nb", "x5c": None},
        {"refused": "", "x5c": None},
        {"more": "x" * ANSWER_MAX_OCTETS},
    ],
)
def test_an_answer_of_another_form_is_none(bent: dict[str, object]) -> None:
    payload = json.dumps(json.loads(write_answer(RENEWED)) | bent).encode()
    assert read_answer(payload, REQUEST) is None


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b"null", b"\xff", b"[" * 5000, b'"' + b"a" * 8000])
def test_what_is_no_answer_is_none(payload: bytes) -> None:
    assert read_answer(payload, REQUEST) is None


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_octets_changed_at_random_never_lead_to_another_certificate() -> None:
    chance = random.Random(1)
    good = write_answer(RENEWED)
    refused = 0
    for _ in range(2000):
        payload = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            payload[chance.randrange(len(payload))] = chance.randrange(256)
        answer = read_answer(bytes(payload), REQUEST)
        if isinstance(answer, Renewed):
            try:
                accept_renewed(answer, BEFORE)
            except RenewalError:
                refused += 1
            else:
                assert answer.leaf == RENEWED.leaf
    assert refused > 100


def test_a_newer_certificate_of_the_same_authority_is_taken() -> None:
    validity = accept_renewed(RENEWED, BEFORE)
    assert validity == validity_of(RENEWED.leaf)
    assert validity.life == 90 * 86400


@pytest.mark.parametrize(
    ("leaf", "why"),
    [
        (certificate(day=60, key=AUTHORITY_KEY.public_key()), "another key"),
        (certificate("somebody", day=60), "somebody else"),
        (BEFORE, "not newer"),
        (certificate(day=-1), "not newer"),
        (certificate(day=60, by=ec.derive_private_key(8, ec.SECP256R1())), "has not issued"),
        (certificate(day=60, issuer="Other"), "has not issued"),
        (b"", "cannot be read"),
        (b"\x30\x03\x02\x01\x00", "cannot be read"),
        (bytes(2049), "longer"),
    ],
)
def test_a_certificate_that_differs_in_more_than_its_life_is_refused(leaf: bytes, why: str) -> None:
    with pytest.raises(RenewalError, match=why):
        accept_renewed(replace(RENEWED, leaf=leaf), BEFORE)


def test_an_authority_of_the_same_name_is_not_the_same_authority() -> None:
    impostor_key = ec.derive_private_key(9, ec.SECP256R1())
    impostor = certificate("Authority", impostor_key.public_key(), by=impostor_key, days=9000)
    leaf = certificate(day=60, by=impostor_key)
    with pytest.raises(RenewalError, match="has not issued"):
        accept_renewed(Renewed(DIGEST, leaf, impostor), BEFORE)


def test_an_authority_with_another_kind_of_key_is_refused() -> None:
    key = rsa.generate_private_key(65537, 2048).public_key()
    with pytest.raises(RenewalError, match="has not issued"):
        accept_renewed(replace(RENEWED, authority=certificate("Authority", key)), BEFORE)


def test_the_first_half_of_a_life_is_early() -> None:
    validity = Validity(1000, 2000)
    assert is_early(validity, 1499)
    assert not is_early(validity, 1500)


@pytest.mark.parametrize("octets", [0, 1, 200, 9000])
def test_a_request_of_chance_is_refused(octets: int) -> None:
    with pytest.raises(SigningRequestError):
        verify_renewal_request(random.Random(octets).randbytes(octets), FINGERPRINT)


def test_an_answer_holds_nothing_but_what_is_public() -> None:
    document = json.loads(write_answer(RENEWED))
    assert set(document) == {"request", "x5c"}
    assert base64.b64decode(document["x5c"][0]) == RENEWED.leaf

"""The assignment: what the operator signed is accepted, and nothing that merely looks like it."""

import dataclasses
import hmac
import json
from collections.abc import Mapping

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from onboarding_protocol.assignment import (
    ASSIGNMENT_MAX_OCTETS,
    ASSIGNMENT_TYPE,
    AssignmentError,
    Endpoint,
    TrustAnchor,
    event_topic,
    jwk_thumbprint,
    sign_assignment,
    verify_assignment,
)
from onboarding_protocol.encoding import base64url_decode, base64url_encode
from tests.protocol import samples

LEAF = samples.lean_leaf().public_bytes(Encoding.DER)
ASSIGNMENT = samples.assignment(LEAF)
TOKEN = sign_assignment(ASSIGNMENT, samples.OPERATOR_KEY)
SIGNER = jwk_thumbprint(samples.OPERATOR_KEY.public_key())
HEADER: dict[str, object] = json.loads(base64url_decode(TOKEN.split(".")[0]))
CLAIMS: dict[str, object] = json.loads(base64url_decode(TOKEN.split(".")[1]))
JWK = HEADER["jwk"]
assert isinstance(JWK, dict)
REMOVED = object()


def token(
    header: Mapping[str, object] | bytes = HEADER,
    claims: Mapping[str, object] | bytes = CLAIMS,
    key: ec.EllipticCurvePrivateKey = samples.OPERATOR_KEY,
) -> str:
    """Sign anything at all, correctly."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    signed = ".".join(base64url_encode(part) for part in parts)
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{base64url_encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def with_claim(name: str, value: object) -> str:
    claims = {known: old for known, old in CLAIMS.items() if known != name}
    return token(claims=claims if value is REMOVED else claims | {name: value})


def test_what_was_signed_comes_back_with_the_key_that_signed_it() -> None:
    for trusted in (None, frozenset({SIGNER}), frozenset({SIGNER, bytes(32)})):
        assert verify_assignment(TOKEN, trusted) == (ASSIGNMENT, SIGNER)
    without_anchor = dataclasses.replace(ASSIGNMENT, endpoint=Endpoint("mqtts://x"), successors=())
    assert verify_assignment(sign_assignment(without_anchor, samples.OPERATOR_KEY), None)[0] == without_anchor
    assert verify_assignment(token(), None)[0] == ASSIGNMENT


def test_the_token_has_the_form_the_document_shows() -> None:
    assert {"typ", "alg", "jwk"} == set(HEADER)
    assert HEADER["typ"] == ASSIGNMENT_TYPE
    assert HEADER["alg"] == "ES256"
    assert list(CLAIMS) == ["iss", "tenant", "sub", "nonce", "seq", "iat", "endpoint", "x5t#S256", "next"]
    assert event_topic("acme", "d1") == "event/acme/d1"


def test_a_key_nobody_trusts_is_refused_before_its_signature_is_looked_at() -> None:
    for trusted in (frozenset[bytes](), frozenset({bytes(32)})):
        with pytest.raises(AssignmentError) as refused:
            verify_assignment(TOKEN, trusted)
        assert refused.value.reason == "operator-unknown"
    with pytest.raises(AssignmentError) as refused:
        verify_assignment(TOKEN[:-4] + "AAAA", frozenset({bytes(32)}))
    assert refused.value.reason == "operator-unknown"


PUBLIC_PEM = samples.OPERATOR_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def hmac_with_the_public_key() -> str:
    signed = ".".join(base64url_encode(json.dumps(part).encode()) for part in ({**HEADER, "alg": "HS256"}, CLAIMS))
    return f"{signed}.{base64url_encode(hmac.digest(PUBLIC_PEM, signed.encode(), 'sha256'))}"


@pytest.mark.parametrize(
    "forged",
    [
        token({**HEADER, "alg": "none"}),
        ".".join([*token({**HEADER, "alg": "none"}).split(".")[:2], ""]),
        hmac_with_the_public_key(),
        token({**HEADER, "alg": "ES384"}),
        token({**HEADER, "alg": "RS256"}),
        token(key=samples.OPERATIONAL_KEY),
        TOKEN[:-4] + ("AAAA" if TOKEN[-4:] != "AAAA" else "BBBB"),
        TOKEN.rsplit(".", 1)[0] + "." + base64url_encode(bytes(64)),
        TOKEN.rsplit(".", 1)[0] + ".",
        ".".join([TOKEN.split(".")[0], base64url_encode(b"{}"), TOKEN.split(".")[2]]),
    ],
)
def test_a_token_without_the_operators_es256_signature_is_refused(forged: str) -> None:
    with pytest.raises(AssignmentError) as refused:
        verify_assignment(forged, None)
    assert refused.value.reason == "assignment-signature"
    with pytest.raises(AssignmentError):
        verify_assignment(forged, frozenset({SIGNER}))


RSA_JWK = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048).public_key()))


@pytest.mark.parametrize(
    "forged",
    [
        token({**HEADER, "typ": "JWT"}),
        token({name: value for name, value in HEADER.items() if name != "typ"}),
        token({name: value for name, value in HEADER.items() if name != "jwk"}),
        token({**HEADER, "jwk": "x"}),
        token({**HEADER, "jwk": {**JWK, "d": base64url_encode((0x1002).to_bytes(32, "big"))}}),
        token({**HEADER, "jwk": {**JWK, "crv": "P-384"}}),
        token({**HEADER, "jwk": {**JWK, "crv": "secp256k1"}}),
        token({**HEADER, "jwk": {**JWK, "x": JWK["y"]}}),
        token({**HEADER, "jwk": {**JWK, "x": base64url_encode(bytes(32))}}),
        token({**HEADER, "jwk": {**JWK, "x": base64url_encode(b"\xff" * 3000)}}),
        token({**HEADER, "jwk": {**JWK, "x": 5}}),
        token({**HEADER, "jwk": RSA_JWK}),
        token({**HEADER, "jwk": {"kty": "oct", "k": "AAAA"}}),
        token({**HEADER, "kid": 5}),
        token({**HEADER, "crit": ["x"], "x": 1}),
        token({**HEADER, "b64": False, "crit": ["b64"]}),
        token(b"[" * 2900),
        token(b"5"),
        token(b"\xff"),
        "",
        ".",
        "..",
        "a.b.c",
        "é.é.é",
        "\ud800",
        TOKEN + "." + TOKEN.split(".")[2],
        TOKEN + "A" * ASSIGNMENT_MAX_OCTETS,
        with_claim("pad", "x" * ASSIGNMENT_MAX_OCTETS),
    ],
)
def test_a_token_that_is_no_assignment_is_refused(forged: str) -> None:
    with pytest.raises(AssignmentError) as refused:
        verify_assignment(forged, None)
    assert refused.value.reason in ("assignment-malformed", "assignment-signature")
    with pytest.raises(AssignmentError):
        verify_assignment(forged, frozenset({SIGNER}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, REMOVED) for name in CLAIMS),
        *((name, None) for name in CLAIMS),
        *((name, 1.5) for name in CLAIMS),
        *((name, "") for name in CLAIMS),
        *((name, []) for name in CLAIMS if name != "next"),
        ("seq", -1),
        ("seq", True),
        ("seq", "1"),
        ("iat", "1750000000"),
        ("iat", False),
        ("nonce", base64url_encode(bytes(15))),
        ("nonce", "===="),
        ("x5t#S256", base64url_encode(bytes(20))),
        ("next", ["AAAA"]),
        ("next", [5]),
        ("endpoint", {"url": ""}),
        ("endpoint", {"url": "mqtts://x", "anchor": {}}),
        ("endpoint", {"url": "mqtts://x", "anchor": {"name": "CN=x", "key": base64url_encode(bytes(33))}}),
        ("endpoint", {"url": "mqtts://x", "anchor": {"name": "CN", "key": base64url_encode(LEAF[:33])}}),
    ],
)
def test_a_signed_claim_of_a_wrong_form_is_refused(name: str, value: object) -> None:
    with pytest.raises(AssignmentError) as refused:
        verify_assignment(with_claim(name, value), None)
    assert refused.value.reason == "assignment-malformed"
    assert verify_assignment(with_claim("iss", "https://other"), None)[0].issuer == "https://other"


def test_the_clock_of_whoever_verifies_does_not_matter() -> None:
    for claim in ({"exp": 1}, {"nbf": 2**40}, {"iat": 2**40}, {"iat": 0}):
        assignment, _ = verify_assignment(token(claims=CLAIMS | claim), None)
        assert assignment.sequence == 1
    with pytest.raises(AssignmentError):
        verify_assignment(token(claims=b"[" * 2000), None)


@settings(deadline=None, max_examples=300)
@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="ascii", min_codepoint=33))
def test_a_token_with_one_character_changed_says_the_same_or_is_refused(position: int, character: str) -> None:
    changed = TOKEN[:position] + character + TOKEN[position + 1 :]
    spare_bits = changed[:-1] == TOKEN[:-1]  # base64url has some at the end of the signature
    try:
        verified = verify_assignment(changed, None)
    except AssignmentError:
        assert changed != TOKEN
        return
    assert verified == (ASSIGNMENT, SIGNER)
    assert spare_bits


def test_an_anchor_is_name_and_key_of_a_p256_authority() -> None:
    anchor = TrustAnchor.from_certificate(samples.authority())
    assert anchor.name == samples.authority().subject.public_bytes()
    assert len(anchor.key) == 33
    assert ASSIGNMENT.endpoint.anchor == anchor
    with pytest.raises(ValueError, match="P-256"):
        TrustAnchor.from_certificate(other_authority())


def other_authority() -> x509.Certificate:
    key = ec.derive_private_key(5, ec.SECP384R1())
    template = samples.authority()
    builder = x509.CertificateBuilder(
        template.issuer,
        template.subject,
        key.public_key(),
        1,
        template.not_valid_before_utc,
        template.not_valid_after_utc,
    )
    return builder.sign(samples.ISSUER_KEY, hashes.SHA256())

"""The authorities that a tenant trusts: names as their certificates have them, keys of any kind."""

import base64
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from tests.onboarding_api.actors import Json
from tests.onboarding_api.managers import Manager, base64_of, certificate, expect_refusal, renamed
from tests.onboarding_api.test_management_tenants import VALID, anchors, explicit


def test_an_authoritys_name_keeps_the_octets_of_its_certificate(root: Manager) -> None:
    der = renamed(certificate("CN=before,O=x"), "before", 0x14, b"Mueler")
    (anchor,) = anchors(root, "/v1/tenants/acme", {"cert": base64_of(der)})
    assert anchor["subject-dn"] == "CN=Mueler,O=x"
    assert b"\x14\x06Mueler" in base64.b64decode(anchor["subject-dn-bytes"])
    assert anchors(root, "/v1/tenants/acme", anchor) == [anchor]


@pytest.mark.parametrize(
    "der",
    [
        renamed(certificate("CN=before"), "before", 0x14, b"M\xfcller"),
        renamed(certificate("CN=before"), "before", 0x0C, b"ab\xff\xfeef"),
        certificate(""),
    ],
)
def test_an_authority_without_a_name_that_can_be_written_is_refused(root: Manager, der: bytes) -> None:
    problem = expect_refusal(root.send("PUT", "/v1/tenants/acme", {"trusted-ca": [{"cert": base64_of(der)}]}), 400)
    assert problem["errors"][0]["member"] == "trusted-ca[0].cert"


def der_name(text: str) -> str:
    """A name in DER, in base64; the tags of values as `cryptography` chooses them."""
    return base64_of(x509.Name.from_rfc4514_string(text, {"emailAddress": NameOID.EMAIL_ADDRESS}).public_bytes())


def test_an_authoritys_name_in_octets_decides_the_tags_of_the_one_in_text(root: Manager) -> None:
    octets = der_name("CN=ca,2.5.4.5=7,O=x")
    given = explicit(subject_dn="cn=ca, SERIALNUMBER=7, o=x", subject_dn_bytes=octets)
    (anchor,) = anchors(root, "/v1/tenants/acme", given)
    assert anchor["subject-dn-bytes"] == octets
    assert anchor["subject-dn"] in ("CN=ca,2.5.4.5=#130137,O=x", "CN=ca,2.5.4.5=#0c0137,O=x")
    assert anchors(root, "/v1/tenants/acme", anchor) == [anchor]


@pytest.mark.parametrize("octets", ["CN=victim", "CN=ca", "O=x,CN=ca", "CN=ca+O=x", "CN=ca,O=x,C=DE", "CN=ca,O=X", ""])
def test_an_authority_has_one_name_in_text_and_octets(root: Manager, octets: str) -> None:
    given = explicit(subject_dn="CN=ca,O=x", subject_dn_bytes=der_name(octets))
    problem = expect_refusal(root.send("PUT", "/v1/tenants/acme", {"trusted-ca": [given]}), 400)
    assert problem["errors"][0]["member"] == "trusted-ca[0].subject-dn-bytes"


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        (
            {"not_before": "2026-01-01T00:00:00Z", "not_after": "2025-01-01T00:00:00Z"},
            {"not-after": VALID["not-before"]},
        ),
        ({"auto_provisioning_enabled": True}, {"auto-provisioning-enabled": True, "auto-provision-as-gateway": False}),
        ({"auto_provision_as_gateway": True}, {"auto-provisioning-enabled": False, "auto-provision-as-gateway": True}),
        ({"ocsp_revocation_enabled": False, "ocsp_nonce_enabled": True}, {"ocsp-revocation-enabled": False}),
        ({"subject_dn": "CN=" + "x" * 509}, {"subject-dn": "CN=" + "x" * 509}),
    ],
)
def test_what_hono_lets_pass_of_an_authority_is_kept(root: Manager, changes: Json, shown: Json) -> None:
    (anchor,) = anchors(root, "/v1/tenants/acme", explicit(**changes))
    assert anchor.items() >= shown.items()


@pytest.mark.parametrize(
    ("make", "algorithm"),
    [
        (lambda: rsa.generate_private_key(65537, 2048), None),
        (lambda: rsa.generate_private_key(65537, 2048), "RSA"),
        (lambda: ec.generate_private_key(ec.SECP384R1()), "EC"),
        (ed25519.Ed25519PrivateKey.generate, "EdDSA"),
        (ed25519.Ed25519PrivateKey.generate, "Ed25519"),
        (ed448.Ed448PrivateKey.generate, "Ed448"),
        (lambda: dsa.generate_private_key(2048), "DSA"),
    ],
)
def test_an_authority_has_a_key_of_any_usual_algorithm(
    root: Manager, make: Callable[[], PrivateKeyTypes], algorithm: str | None
) -> None:
    spki = make().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    url_safe = base64.urlsafe_b64encode(spki).decode().rstrip("=")
    (anchor,) = anchors(root, "/v1/tenants/acme", explicit(public_key=url_safe, algorithm=algorithm))
    assert (anchor["public-key"], anchor["algorithm"]) == (base64_of(spki), algorithm or "RSA")


def test_an_authority_without_an_id_has_another_one_after_each_put(root: Manager) -> None:
    (first,) = anchors(root, "/v1/tenants/acme", explicit())
    (second,) = anchors(root, "/v1/tenants/acme", explicit())
    assert len({first["id"], second["id"]}) == 2
    (third,) = anchors(root, "/v1/tenants/acme", second)
    assert third["id"] == second["id"]


def test_an_expired_authority_still_holds_its_name(root: Manager) -> None:
    expired = explicit(not_before="2001-01-01T00:00:00Z", not_after="2002-01-01T00:00:00Z")
    root.put("/v1/tenants/acme", {"trusted-ca": [expired]})
    expect_refusal(root.send("PUT", "/v1/tenants/globex", {"trusted-ca": [explicit()]}), 409, "trust-anchor-taken")

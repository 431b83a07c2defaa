"""/v1/credentials by certificate: the name that it gives its credential, and whose template decides."""

import pytest

from tests.onboarding_api.credentials import PATH, one, shown
from tests.onboarding_api.managers import Manager, base64_of, certificate, expect_refusal, renamed


@pytest.fixture(autouse=True)
def d1(root: Manager) -> str:
    return root.create("/v1/devices/acme/d1")


def test_a_certificate_names_its_credential_itself(root: Manager) -> None:
    der = certificate("CN=dev 1,OU=x,O=Acme")
    root.put(PATH, [{"type": "x509-cert", "cert": base64_of(der), "auth-id": "ignored", "secrets": [], "comment": "c"}])
    (credential,) = shown(root)
    (secret,) = credential.pop("secrets")
    assert credential == {"type": "x509-cert", "auth-id": "CN=dev 1,OU=x,O=Acme", "comment": "c"}
    assert len(secret.pop("id")) == 36
    assert secret == {"not-before": "2025-06-15T12:00:00Z", "not-after": "2026-06-15T12:00:00Z"}


def test_the_authoritys_template_names_the_credential_of_its_certificates(root: Manager) -> None:
    anchor = {"cert": base64_of(certificate("CN=ca,O=x")), "auth-id-template": "auth-{{subject-cn}}"}
    root.put("/v1/tenants/acme", {"trusted-ca": [anchor]})
    for issuer, auth_id in (("CN=ca,O=x", "auth-dev"), ("CN=other", "CN=dev,O=y")):
        root.put(PATH, [{"type": "x509-cert", "cert": base64_of(certificate("CN=dev,O=y", issuer))}])
        assert shown(root)[0]["auth-id"] == auth_id
    der = base64_of(certificate("O=nameless", "CN=ca,O=x"))
    expect_refusal(root.send("PUT", PATH, [{"type": "x509-cert", "cert": der}]), 400)


@pytest.mark.parametrize(
    ("auth_id", "normal"), [("cn=Dev, o=Acme", "CN=Dev,O=Acme"), ("no name at all", "no name at all")]
)
def test_an_auth_id_that_is_a_name_is_brought_into_normal_form(root: Manager, auth_id: str, normal: str) -> None:
    root.put(PATH, [one("x509-cert", {}, auth_id=auth_id)])
    assert shown(root)[0]["auth-id"] == normal


@pytest.mark.parametrize(
    ("tag", "octets", "auth_id"),
    [
        (0x1E, b"\0a\0b\0c", r"CN=\00a\00b\00c,O=x"),
        (0x14, b"abc123", "CN=abc123,O=x"),
        (0x1B, b"abc123", "CN=abc123,O=x"),
        (0x02, b"\1abcde", "CN=#0206016162636465,O=x"),
        (0x04, b"ab\0\xffef", "CN=#0406616200ff6566,O=x"),
        (0x30, b"\x0c\x04abcd", "CN=#30060c0461626364,O=x"),
        (0x0C, b"ab\0def", r"CN=ab\00def,O=x"),
    ],
)
def test_a_certificates_name_is_kept_whatever_kinds_of_values_it_has(
    root: Manager, tag: int, octets: bytes, auth_id: str
) -> None:
    der = renamed(certificate("CN=before,O=x"), "before", tag, octets)
    root.put(PATH, [{"type": "x509-cert", "cert": base64_of(der)}])
    assert shown(root)[0]["auth-id"] == auth_id


@pytest.mark.parametrize(("tag", "octets"), [(0x14, b"M\xfcller"), (0x0C, b"ab\xff\xfeef"), (0x1E, b"\xd8\0\0a\0b")])
def test_a_certificate_whose_names_cannot_be_written_is_refused(root: Manager, tag: int, octets: bytes) -> None:
    of_itself = renamed(certificate("CN=before"), "before", tag, octets)
    of_another = renamed(certificate("CN=good", "CN=before"), "before", tag, octets)
    for der in (of_itself, of_another, certificate("", "CN=ca")):
        problem = expect_refusal(root.send("PUT", PATH, [{"type": "x509-cert", "cert": base64_of(der)}]), 400)
        assert problem["errors"][0]["member"] == "[0].cert"
    assert root.send("PUT", PATH, [one("rpk", {"cert": base64_of(of_itself)})]).status_code in (204, 400)


@pytest.mark.parametrize(
    ("subject", "template", "auth_id"),
    [
        ("CN=dev,OU=a,O=Acme", "{{subject-o}}", "Acme"),
        ("CN=dev,OU=inner,OU=outer", "{{subject-ou}}", "outer"),
        ("CN=a+OU=b,O=x", "{{subject-cn}}", "a"),
        ("CN=a,O=x", "{{subject-dn}}!", "CN=a,O=x!"),
    ],
)
def test_a_template_takes_what_it_names_from_the_certificate(
    root: Manager, subject: str, template: str, auth_id: str
) -> None:
    anchor = {"cert": base64_of(certificate("CN=ca,O=x")), "auth-id-template": template}
    root.put("/v1/tenants/acme", {"trusted-ca": [anchor]})
    root.put(PATH, [{"type": "x509-cert", "cert": base64_of(certificate(subject, "CN=ca,O=x"))}])
    assert shown(root)[0]["auth-id"] == auth_id


def test_no_template_brings_a_nul_character_into_a_name(root: Manager) -> None:
    anchor = {"cert": base64_of(certificate("CN=ca,O=x")), "auth-id-template": "x-{{subject-cn}}"}
    root.put("/v1/tenants/acme", {"trusted-ca": [anchor]})
    der = certificate("CN=ab!def", "CN=ca,O=x").replace(b"ab!def", b"ab\0def")
    problem = expect_refusal(root.send("PUT", PATH, [{"type": "x509-cert", "cert": base64_of(der)}]), 400)
    assert problem["errors"][0]["member"] == "[0].auth-id"


def test_a_certificate_that_is_null_is_none(root: Manager) -> None:
    root.put(PATH, [one("x509-cert", {}, auth_id="CN=a", cert=None)])
    assert shown(root)[0]["auth-id"] == "CN=a"
    expect_refusal(root.send("PUT", PATH, [one("psk", {"key": "AQID"}, cert=None)]), 400)


def test_a_credential_by_certificate_keeps_what_else_it_says(root: Manager) -> None:
    der = base64_of(certificate("CN=a"))
    root.put(PATH, [{"type": "x509-cert", "cert": der, "enabled": False, "ext": {"a": 1}, "secrets": "ignored"}])
    (found,) = shown(root)
    del found["secrets"]
    assert found == {"type": "x509-cert", "auth-id": "CN=a", "enabled": False, "ext": {"a": 1}}


def test_the_first_authority_of_a_name_that_has_a_template_decides(root: Manager) -> None:
    authority = base64_of(certificate("CN=ca"))
    templates = [{}, {"auth-id-template": "1-{{subject-cn}}"}, {"auth-id-template": "2-{{subject-cn}}"}]
    root.put("/v1/tenants/acme", {"trusted-ca": [{"cert": authority} | each for each in templates]})
    root.put(PATH, [{"type": "x509-cert", "cert": base64_of(certificate("CN=dev", "CN=ca"))}])
    assert shown(root)[0]["auth-id"] == "1-dev"

"""/v1/credentials: what devices prove who they are with, and what of it is ever seen again."""

import base64
import hashlib
import json
import os
from collections.abc import Callable

import bcrypt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from onboarding_api.domain.identifiers import TenantId
from onboarding_api.domain.management.credentials import Credential
from onboarding_api.key_file import load_seal
from onboarding_api.services.management.credentials import psk_subject
from tests.onboarding_api.actors import Api, Json, new_key
from tests.onboarding_api.managers import Manager, base64_of, certificate, expect_refusal, public_key, renamed

PATH = "/v1/credentials/acme/d1"
HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4, b"2a")).decode()
SHA = base64_of(hashlib.sha256(b"saltsecret").digest())
SHA512 = base64_of(hashlib.sha512(b"saltsecret").digest())
URL_SAFE = base64.urlsafe_b64encode(b"\xff" * 32).rstrip(b"=").decode()
PASSWORD_TOO_MANY = "[1].secrets[7].pwd-plain"


@pytest.fixture(autouse=True)
def d1(root: Manager) -> str:
    return root.create("/v1/devices/acme/d1")


def one(kind: str, *secrets: Json, auth_id: str = "sensor1", **rest: object) -> Json:
    return {"type": kind, "auth-id": auth_id, "secrets": list(secrets)} | rest


def password(*secrets: Json, **rest: object) -> Json:
    return one("hashed-password", *(secrets or ({"pwd-plain": "secret"},)), **rest)  # type: ignore[arg-type]


def stored(api: Api, kind: str) -> list[Json]:
    """The secrets as they are in the database."""
    ((text,),) = api.rows("SELECT document FROM credentials WHERE type = :kind", kind=kind)
    secrets: list[Json] = (json.loads(text) if isinstance(text, str) else text)["secrets"]
    return secrets


def shown(root: Manager) -> list[Json]:
    found: list[Json] | None = root.send("GET", PATH).get_json()
    return found or []


def test_one_request_has_no_more_plain_passwords_than_are_hashed_at_ease(root: Manager) -> None:
    most = [password(*[{"pwd-plain": f"p{number}"} for number in range(8)], auth_id=name) for name in ("a", "b")]
    one_more = [*most, password({"pwd-plain": "p"}, auth_id="c")]
    assert "16" in expect_refusal(root.send("PUT", PATH, one_more), 400)["error"]
    assert shown(root) == []
    root.put(PATH, [*most, password({"pwd-hash": HASH, "hash-function": "bcrypt"}, auth_id="c")])
    assert sum(len(each["secrets"]) for each in shown(root)) == 17


def test_a_plain_password_is_hashed_and_never_seen_again(
    api: Api, root: Manager, capfd: pytest.CaptureFixture[str]
) -> None:
    plain = "canary-in-a-coal-mine"
    root.put(PATH, [password({"pwd-plain": plain, "pwd-hash": "ignored", "hash-function": "none", "comment": "c"})])
    (secret,) = stored(api, "hashed-password")
    assert bcrypt.checkpw(plain.encode(), secret["pwd-hash"].encode())
    assert secret["pwd-hash"].startswith("$2a$10$")
    (credential,) = shown(root)
    assert credential == password({"id": secret["id"], "comment": "c"})
    assert plain not in str(secret) + "".join(capfd.readouterr())
    refused = root.send("PUT", PATH, [password({"pwd-plain": plain, "other": 1})])
    assert plain not in expect_refusal(refused, 400)["detail"]
    assert plain.encode() not in api.stored()


@pytest.mark.parametrize(
    ("secret", "kept"),
    [
        ({"pwd-hash": HASH, "hash-function": "bcrypt"}, {"pwd-hash": HASH, "hash-function": "bcrypt"}),
        (
            {"pwd-hash": SHA, "hash-function": "sha-256", "salt": base64_of(b"salt")},
            {"pwd-hash": SHA, "hash-function": "sha-256", "salt": base64_of(b"salt")},
        ),
        ({"pwd-hash": SHA512, "hash-function": "sha-512"}, {"pwd-hash": SHA512, "hash-function": "sha-512"}),
        ({"pwd-hash": URL_SAFE}, {"pwd-hash": base64_of(b"\xff" * 32), "hash-function": "sha-256"}),
        ({"pwd-hash": SHA}, {"pwd-hash": SHA, "hash-function": "sha-256"}),
    ],
)
def test_a_hash_is_kept_as_it_is_and_not_shown(api: Api, root: Manager, secret: Json, kept: Json) -> None:
    root.put(PATH, [password(secret)])
    (found,) = stored(api, "hashed-password")
    identifier = found.pop("id")
    assert found == kept
    assert shown(root) == [password({"id": identifier})]


def test_a_pre_shared_key_is_sealed_for_its_secret(api: Api, root: Manager) -> None:
    key = os.urandom(32)
    root.put(PATH, [one("psk", {"key": base64_of(key), "not-before": "2025-01-01T00:00:00+01:00"})])
    (secret,) = stored(api, "psk")
    seal = load_seal(api.key_file)
    subject = psk_subject(TenantId("acme"), Credential("psk", "sensor1", {}), secret)
    assert seal.open_octets(base64.b64decode(secret["sealed-key"]), "pre-shared key", subject) == key
    assert base64_of(key) not in str(secret)
    assert shown(root) == [one("psk", {"id": secret["id"], "not-before": "2024-12-31T23:00:00Z"})]


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


def test_a_raw_public_key_is_public(root: Manager) -> None:
    key = new_key()
    rsa_key = rsa.generate_private_key(65537, 2048).public_key()
    spki = base64_of(rsa_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    root.put(
        PATH,
        [
            one("rpk", {"key": public_key(key), "algorithm": "EC"}, {"key": spki}),
            one("rpk", {"cert": base64_of(certificate("CN=x", key=key))}, auth_id="by-cert"),
        ],
    )
    by_key, by_certificate = shown(root)
    assert [(each["key"], each["algorithm"]) for each in by_key["secrets"]] == [(public_key(key), "EC"), (spki, "RSA")]
    (secret,) = by_certificate["secrets"]
    assert (secret["key"], secret["not-after"]) == (public_key(key), "2026-06-15T12:00:00Z")


def test_unknown_types_keep_whatever_they_have(root: Manager) -> None:
    free = one("custom-1", {"any": {"thing": [1]}, "comment": "c"}, {"id": "mine"}, more=[1, None])
    root.put(PATH, [one("psk", {"key": "AQID"})])
    root.put(PATH, [free])
    (credential,) = shown(root)
    assert credential["more"] == [1, None]
    assert credential["secrets"][0].items() >= {"any": {"thing": [1]}, "comment": "c"}.items()
    assert credential["secrets"][1] == {"id": "mine"}


def test_credentials_stay_in_the_order_they_were_given(root: Manager) -> None:
    given = [one("psk", {"key": "AQID"}, auth_id=name) for name in ("z", "a", "m")]
    root.put(PATH, [*given, password(auth_id="b", enabled=False, ext={"client-id": "x"}, comment="c")])
    assert [each["auth-id"] for each in shown(root)] == ["z", "a", "m", "b"]
    assert shown(root)[3].items() >= {"enabled": False, "ext": {"client-id": "x"}, "comment": "c"}.items()
    root.put(PATH, [])
    assert shown(root) == []


@pytest.mark.parametrize(
    ("credentials", "member"),
    [
        ({}, ""),
        (["x"], "[0]"),
        ([None], "[0]"),
        ([{}], "[0].type"),
        ([one("Upper", {"a": 1})], "[0].type"),
        ([{"type": "psk", "secrets": [{"key": "AQID"}]}], "[0].auth-id"),
        ([one("psk", {"key": "AQID"}, auth_id="")], "[0].auth-id"),
        ([one("psk", {"key": "AQID"}, auth_id="x" * 257)], "[0].auth-id"),
        ([password(auth_id="a b")], "[0].auth-id"),
        ([password(auth_id="a@b")], "[0].auth-id"),
        ([one("psk")], "[0].secrets"),
        ([{"type": "psk", "auth-id": "a"}], "[0].secrets"),
        ([one("custom")], "[0].secrets"),
        ([one("psk", {"key": "AQID"}, other=1)], "[0].other"),
        ([one("psk", {"key": "AQID", "other": 1})], "[0].secrets[0].other"),
        ([one("psk", {"key": "AQID"}, enabled=1)], "[0].enabled"),
        ([one("psk", {"key": ""})], "[0].secrets[0].key"),
        ([one("psk", {"key": "%"})], "[0].secrets[0].key"),
        ([one("psk", {})], "[0].secrets[0].key"),
        ([password({})], "[0].secrets[0].pwd-plain"),
        ([password({"pwd-plain": ""})], "[0].secrets[0].pwd-plain"),
        ([password({"pwd-plain": "x" * 73})], "[0].secrets[0].pwd-plain"),
        ([password({"pwd-hash": SHA, "hash-function": "md5"})], "[0].secrets[0].hash-function"),
        ([password({"pwd-hash": "%", "hash-function": "sha-256"})], "[0].secrets[0].pwd-hash"),
        ([password({"pwd-hash": SHA, "salt": "%"})], "[0].secrets[0].salt"),
        ([password({"pwd-hash": HASH.replace("$04$", "$11$"), "hash-function": "bcrypt"})], "[0].secrets[0].pwd-hash"),
        ([password({"pwd-hash": HASH.replace("$2a$", "$2y$"), "hash-function": "bcrypt"})], "[0].secrets[0].pwd-hash"),
        ([password({"pwd-plain": "a", "not-before": "tomorrow"})], "[0].secrets[0].not-before"),
        (
            [password({"pwd-plain": "a", "not-before": "2025-01-02T00:00:00Z", "not-after": "2025-01-01T23:59:59Z"})],
            "[0].secrets[0].not-after",
        ),
        ([one("x509-cert", {}, {})], "[0].secrets"),
        ([one("x509-cert", {"key": "AQID"})], "[0].secrets[0].key"),
        ([{"type": "x509-cert", "cert": "AQID"}], "[0].cert"),
        ([one("rpk", {"key": "AQID"})], "[0].secrets[0].key"),
        ([one("rpk", {"key": public_key(new_key()), "algorithm": "RSA"})], "[0].secrets[0].key"),
        ([one("rpk", {"algorithm": "EC"})], "[0].secrets[0].key"),
        ([one("rpk", {"key": public_key(new_key()), "algorithm": "foo"})], "[0].secrets[0].algorithm"),
        ([password(auth_id="a"), password(), password()], "[2].auth-id"),
        ([one("x509-cert", {}, auth_id="cn=a"), one("x509-cert", {}, auth_id="CN=a")], "[1].auth-id"),
        ([password({"id": "1", "pwd-plain": "a"}, {"id": "1", "pwd-plain": "b"})], "[0].secrets[1].id"),
        ([password(), password({"pwd-plain": "a"}, {"id": "1"}, auth_id="b")], "[1].secrets[1].id"),
        ([password(*[{"pwd-plain": "a"}] * 9), password(*[{"pwd-plain": "a"}] * 9, auth_id="b")], PASSWORD_TOO_MANY),
        ([password({"pwd-hash": "YQ=="})], "[0].secrets[0].pwd-hash"),
        ([password({"pwd-hash": SHA, "hash-function": "sha-512"})], "[0].secrets[0].pwd-hash"),
        ([password({"pwd-hash": SHA512})], "[0].secrets[0].pwd-hash"),
        ([one("psk", {"key": "AQID"}, ext={"a": [10**309]})], "[0].ext.a[0]"),
        ([one("custom", {"a": 2**63})], "[0].secrets[0].a"),
    ],
)
def test_a_refused_set_names_the_member_and_changes_nothing(root: Manager, credentials: object, member: str) -> None:
    before = root.etag(PATH)
    problem = expect_refusal(root.send("PUT", PATH, credentials), 400, "document-refused")
    assert problem["errors"][0]["member"] == member
    assert (shown(root), root.etag(PATH)) == ([], before)


def test_a_type_and_auth_id_belong_to_one_device_of_a_tenant(root: Manager) -> None:
    root.create("/v1/devices/acme/d2")
    root.create("/v1/devices/globex/d1")
    same = [one("psk", {"key": "AQID"})]
    root.put(PATH, same)
    expect_refusal(root.send("PUT", "/v1/credentials/acme/d2", same), 409, "credential-taken")
    root.put("/v1/credentials/acme/d2", [password()])
    root.put("/v1/credentials/globex/d1", same)
    root.put(PATH, [])
    root.put("/v1/credentials/acme/d2", same)


def test_a_device_has_no_more_credentials_than_it_may(root: Manager) -> None:
    two = [one("psk", {"key": "AQID"}), password()]
    for limit in (1, 0):
        root.put("/v1/tenants/acme", {"registration-limits": {"max-credentials-per-device": limit}})
        expect_refusal(root.send("PUT", PATH, two), 403, "limit-reached")
        root.put(PATH, [])
    root.put("/v1/tenants/acme", {"registration-limits": {"max-credentials-per-device": 2}})
    root.put(PATH, two)


KEEPING: list[Callable[[], Json]] = [
    lambda: password({"pwd-plain": "secret", "enabled": False, "not-after": "2030-01-01T00:00:00Z", "comment": "c"}),
    lambda: one("psk", {"key": "AQID", "enabled": False, "comment": "c"}),
    lambda: one("rpk", {"key": public_key(new_key()), "comment": "c"}),
    lambda: one("custom", {"any": 1, "other": [2], "comment": "c"}),
]


@pytest.mark.parametrize("make", KEEPING, ids=["hashed-password", "psk", "rpk", "custom"])
def test_a_secret_named_by_its_id_keeps_what_is_confidential_and_nothing_else(
    api: Api, root: Manager, make: Callable[[], Json]
) -> None:
    credential = make()
    root.put(PATH, [credential])
    (before,) = stored(api, credential["type"])
    root.put(PATH, [credential | {"secrets": [{"id": before["id"], "not-before": "2025-01-01T00:00:00Z"}]}])
    (after,) = stored(api, credential["type"])
    metadata = {"id", "enabled", "comment", "not-after", "not-before"}
    assert {k: v for k, v in after.items() if k not in metadata} == {
        k: v for k, v in before.items() if k not in metadata
    }
    assert {k: v for k, v in after.items() if k in metadata} == {
        "id": before["id"],
        "not-before": "2025-01-01T00:00:00Z",
    }


def test_a_secret_named_by_its_id_may_bring_another_password(api: Api, root: Manager) -> None:
    root.put(PATH, [password({"pwd-hash": SHA, "salt": base64_of(b"salt")})])
    (before,) = stored(api, "hashed-password")
    root.put(PATH, [password({"id": before["id"], "pwd-plain": "other"})])
    (after,) = stored(api, "hashed-password")
    assert after["id"] == before["id"]
    assert bcrypt.checkpw(b"other", after["pwd-hash"].encode())
    assert "salt" not in after


def test_with_ids_what_is_not_mentioned_goes_and_what_has_none_is_new(api: Api, root: Manager) -> None:
    root.put(PATH, [password({"pwd-plain": "a"}, {"pwd-plain": "b"}), one("psk", {"key": "AQID"})])
    first, _ = stored(api, "hashed-password")
    root.put(
        PATH,
        [password({"id": first["id"]}, {"pwd-plain": "c"}), one("psk", {"id": "mine", "key": "BAUG"}, auth_id="n")],
    )
    kept, new = stored(api, "hashed-password")
    assert kept == first
    assert len(new["id"]) == 36
    assert [(each["type"], each["auth-id"]) for each in shown(root)] == [
        ("hashed-password", "sensor1"),
        ("psk", "n"),
    ]
    assert shown(root)[1]["secrets"] == [{"id": "mine"}]


def test_without_any_id_the_set_is_replaced(api: Api, root: Manager) -> None:
    root.put(PATH, [password()])
    (before,) = stored(api, "hashed-password")
    root.put(PATH, [password()])
    (after,) = stored(api, "hashed-password")
    assert after["id"] != before["id"]


def test_an_id_that_is_not_stored_is_refused_also_beside_a_plain_password(root: Manager) -> None:
    root.put(PATH, [password()])
    before = shown(root)
    for secrets in ([{"id": "none", "pwd-plain": "x"}], [{"pwd-plain": "x"}, {"id": "none"}]):
        expect_refusal(root.send("PUT", PATH, [password(*secrets)]), 400)
    for credential, member in (
        (password({"pwd-plain": "x"}, {"id": "none"}), "[0].secrets[1].id"),
        (one("psk", {"id": "mine"}, auth_id="new"), "[0].secrets[0].key"),
    ):
        refused = expect_refusal(root.send("PUT", PATH, [credential]), 400)
        assert refused["errors"][0]["member"] == member
    assert shown(root) == before

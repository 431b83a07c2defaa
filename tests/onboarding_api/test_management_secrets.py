"""Secrets of /v1/credentials: what of them is ever seen again, and what naming one by its id keeps."""

import base64
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
from tests.onboarding_api.credentials import HASH, PATH, SHA, SHA512, one, password, shown, stored
from tests.onboarding_api.managers import Manager, base64_of, certificate, expect_refusal, public_key

URL_SAFE = base64.urlsafe_b64encode(b"\xff" * 32).rstrip(b"=").decode()


@pytest.fixture(autouse=True)
def d1(root: Manager) -> str:
    return root.create("/v1/devices/acme/d1")


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


def test_a_pre_shared_key_may_come_in_the_url_safe_alphabet(api: Api, root: Manager) -> None:
    key = b"\xfb\xff\xfe"
    root.put(PATH, [one("psk", {"key": base64.urlsafe_b64encode(key).decode()})])
    (secret,) = stored(api, "psk")
    subject = psk_subject(TenantId("acme"), Credential("psk", "sensor1", {}), secret)
    assert load_seal(api.key_file).open_octets(base64.b64decode(secret["sealed-key"]), "pre-shared key", subject) == key


def test_a_certificate_decides_over_the_key_beside_it(root: Manager) -> None:
    key = new_key()
    given = {"cert": base64_of(certificate("CN=x", key=key)), "key": public_key(new_key()), "algorithm": "RSA"}
    root.put(PATH, [one("rpk", given | {"not-after": "2001-01-01T00:00:00Z"})])
    secret = shown(root)[0]["secrets"][0]
    del secret["id"]
    assert secret == {
        "key": public_key(key),
        "algorithm": "EC",
        "not-before": "2025-06-15T12:00:00Z",
        "not-after": "2026-06-15T12:00:00Z",
    }


PATCHES: list[tuple[Json, Json, Json]] = [
    ({"type": "x509-cert"}, {"comment": "c", "enabled": False}, {"not-after": "2030-01-01T00:00:00Z"}),
    ({"type": "psk"}, {"key": "AQID", "comment": "c"}, {"key": "BAUG"}),
    ({"type": "rpk"}, {"key": public_key(new_key())}, {"key": public_key(new_key())}),
    ({"type": "custom"}, {"a": 1, "b": 2, "comment": "c"}, {"b": 3}),
]


@pytest.mark.parametrize(("named", "before", "after"), PATCHES, ids=[each[0]["type"] for each in PATCHES])
def test_a_secret_named_by_its_id_that_brings_its_own_is_replaced(
    api: Api, root: Manager, named: Json, before: Json, after: Json
) -> None:
    credential = named | {"auth-id": "CN=a"}
    root.put(PATH, [credential | {"secrets": [before]}])
    (old,) = stored(api, named["type"])
    root.put(PATH, [credential | {"secrets": [after | {"id": old["id"]}]}])
    (new,) = stored(api, named["type"])
    assert new["id"] == old["id"]
    if named["type"] == "psk":
        assert new.keys() == {"id", "sealed-key"}
        assert new["sealed-key"] != old["sealed-key"]
        return
    assert new.items() >= after.items()
    assert new.keys() <= {"id", "algorithm"} | after.keys()


def test_the_id_of_another_credentials_secret_is_unknown_here(root: Manager) -> None:
    root.put(PATH, [password(auth_id="a"), password(auth_id="b")])
    first, second = shown(root)
    swapped = [password({"id": second["secrets"][0]["id"]}, auth_id="a"), second]
    problem = expect_refusal(root.send("PUT", PATH, swapped), 400)
    assert problem["errors"][0]["member"] == "[0].secrets[0].id"
    assert shown(root) == [first, second]

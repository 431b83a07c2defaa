"""/v1/credentials: the set of what a device proves with who it is, as a whole."""

import pytest

from tests.onboarding_api.actors import Json, new_key
from tests.onboarding_api.credentials import HASH, PATH, SHA, SHA512, one, password, shown
from tests.onboarding_api.managers import Manager, expect_refusal, public_key

YEARS_BACKWARDS = {"not-before": "2025-01-01T00:00:00Z", "not-after": "0999-01-01T00:00:00Z"}
PASSWORD_TOO_MANY = "[1].secrets[7].pwd-plain"


@pytest.fixture(autouse=True)
def d1(root: Manager) -> str:
    return root.create("/v1/devices/acme/d1")


def test_one_request_has_no_more_plain_passwords_than_are_hashed_at_ease(root: Manager) -> None:
    most = [password(*[{"pwd-plain": f"p{number}"} for number in range(8)], auth_id=name) for name in ("a", "b")]
    one_more = [*most, password({"pwd-plain": "p"}, auth_id="c")]
    assert "16" in expect_refusal(root.send("PUT", PATH, one_more), 400)["error"]
    assert shown(root) == []
    root.put(PATH, [*most, password({"pwd-hash": HASH, "hash-function": "bcrypt"}, auth_id="c")])
    assert sum(len(each["secrets"]) for each in shown(root)) == 17


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
        ([password({"pwd-hash": HASH.replace("$04$", "$03$"), "hash-function": "bcrypt"})], "[0].secrets[0].pwd-hash"),
        ([{"type": "x509-cert", "cert": 1}], "[0].cert"),
        ([{"type": "x509-cert", "cert": "AQID", "other": 1}], "[0].other"),
        ([one("psk", {"sealed-key": "AQID"})], "[0].secrets[0].sealed-key"),
        ([one("psk", {"key": "AQID", "enabled": "yes"})], "[0].secrets[0].enabled"),
        ([one("rpk", {"cert": "AQID"})], "[0].secrets[0].cert"),
        ([one("rpk", {"cert": 1})], "[0].secrets[0].cert"),
        ([one("x" * 65, {"a": 1})], "[0].type"),
        ([one("x509-cert", {}, auth_id="")], "[0].auth-id"),
        ([one("x509-cert") | {"secrets": ["x"]}], "[0].secrets[0]"),
        ([one("custom", YEARS_BACKWARDS)], "[0].secrets[0].not-after"),
        ([one("custom", {"not-before": "tomorrow"})], "[0].secrets[0].not-before"),
        ([one("custom", {"a": -(10**309)})], "[0].secrets[0].a"),
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


@pytest.mark.parametrize(
    "credential",
    [
        one("x" * 64, {"any": 1}),
        one("psk", {"key": "AQID"}, auth_id="any text: ü / +"),
        one("custom", {"not-before": "2025-01-01T00:00:00Z", "not-after": "2025-01-01T00:00:00Z"}),
        one("x509-cert", {"enabled": False, "comment": "c", "not-after": "2025-01-01T00:00:00Z"}),
        one("custom", {"sealed-key": "free", "pwd-hash": "free"}, cert="free"),
    ],
)
def test_what_hono_lets_pass_is_kept(root: Manager, credential: Json) -> None:
    root.put(PATH, [credential])
    (found,) = shown(root)
    assert len(found["secrets"][0].pop("id")) == 36
    if credential["type"] == "psk":
        credential = credential | {"secrets": [{}]}
    assert found == credential

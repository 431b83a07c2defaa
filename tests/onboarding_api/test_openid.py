"""Tokens of an external OpenID provider: a real one on loopback, its keys, and every token that is not good enough."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from werkzeug.test import TestResponse

from onboarding_api.domain.accounts import Role
from onboarding_api.domain.errors import OpenIdConfigurationError
from onboarding_api.domain.openid import LEEWAY_S, Provider
from onboarding_api.openid_provider import OCTETS_MAX
from onboarding_api.services.openid import FRESH_S, RETRY_S, STALE_S
from tests.onboarding_api.actors import NOON, PASSWORD, Api, User, expect_problem
from tests.onboarding_api.providers import AUDIENCE, DISCOVERY, KEYS, OpenIdServer, PrivateKey, jwk_of, new_rsa
from tests.onboarding_api.test_races import at_once
from tests.onboarding_api.trail import newest


@pytest.fixture
def provider() -> Iterator[OpenIdServer]:
    with OpenIdServer.started() as server:
        yield server


@pytest.fixture
def linked(folder: Path, provider: OpenIdServer) -> Iterator[Api]:
    """A registry where sub-1 of the provider is amy."""
    api = Api(folder, openid=Provider(provider.issuer, AUDIENCE))
    api.accounts.link("amy", provider.issuer, "sub-1", api.clock())
    yield api
    api.close()


def ask(api: Api, token: str, path: str = "/v1/tenants/acme") -> TestResponse:
    return User(api.app.test_client(), token).get(path)


def test_whoever_is_linked_is_that_account_everywhere(linked: Api, provider: OpenIdServer) -> None:
    token = provider.token()
    assert ask(linked, token).status_code == 200
    assert ask(linked, token, "/v1/onboardings/any").status_code == 404
    expect_problem(ask(linked, token, "/v1/tenants/globex"), 404, "tenant-unknown")
    response = User(linked.app.test_client(), token).post("/v1/devices/acme/d1", {})
    assert response.status_code == 201
    assert newest(linked)["actor"]["name"] == "amy"
    assert provider.asked == {DISCOVERY: 1, KEYS: 1}


def test_our_own_tokens_are_read_as_before(linked: Api) -> None:
    assert ask(linked, linked.sign_in("amy").token).status_code == 200
    expect_problem(ask(linked, "garbage"), 401, "token-refused")


def test_an_id_token_for_us_is_as_good(linked: Api, provider: OpenIdServer) -> None:
    assert ask(linked, provider.token(header={"typ": "JWT"})).status_code == 200
    assert ask(linked, provider.token(header={"typ": None})).status_code == 200
    assert ask(linked, provider.token(aud=[AUDIENCE])).status_code == 200
    assert ask(linked, provider.token(aud=[AUDIENCE, "other"], azp=AUDIENCE)).status_code == 200


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "RS512"])
def test_rsa_algorithms_that_are_accepted(linked: Api, provider: OpenIdServer, algorithm: str) -> None:
    assert ask(linked, provider.token(algorithm=algorithm)).status_code == 200


def test_elliptic_curves_are_accepted(linked: Api, provider: OpenIdServer) -> None:
    keys: dict[str, PrivateKey] = {
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "ES384": ec.generate_private_key(ec.SECP384R1()),
    }
    keys["EdDSA"] = ed25519.Ed25519PrivateKey.generate()
    provider.keys = [jwk_of(key, name) for name, key in keys.items()]
    for name, key in keys.items():
        assert ask(linked, provider.token(key, name, {"kid": name})).status_code == 200, name
    wrong = provider.token(keys["ES256"], "ES256", {"kid": "ES384"})
    expect_problem(ask(linked, wrong), 401, "token-refused")


@pytest.mark.parametrize(
    "bend",
    [
        pytest.param(lambda each: each.token(aud="another"), id="for another service"),
        pytest.param(lambda each: each.token(aud=None), id="for nobody"),
        pytest.param(lambda each: each.token(aud=[AUDIENCE, "other"]), id="for several"),
        pytest.param(lambda each: each.token(aud=[AUDIENCE, "other"], azp="other"), id="issued to another"),
        pytest.param(lambda each: each.token(sub="sub-2"), id="nobody here"),
        pytest.param(lambda each: each.token(sub=None), id="nobody at all"),
        pytest.param(lambda each: each.token(exp=None), id="for ever"),
        pytest.param(lambda each: each.token(iat=None), id="from no time"),
        pytest.param(lambda each: each.token(exp="tomorrow"), id="until no time"),
        pytest.param(lambda each: each.token(exp=NOON - LEEWAY_S), id="expired"),
        pytest.param(lambda each: each.token(iat=NOON + LEEWAY_S + 1), id="from the future"),
        pytest.param(lambda each: each.token(nbf=NOON + LEEWAY_S + 1), id="not yet"),
        pytest.param(lambda each: each.token(new_rsa()), id="of a stranger"),
        pytest.param(lambda each: each.token(header={"typ": "logout+jwt"}), id="of another kind"),
        pytest.param(lambda each: each.token(header={"crit": ["b64"]}), id="critical"),
        pytest.param(lambda each: each.token(header={"kid": "k9"}), id="of an unknown key"),
        pytest.param(lambda each: each.token(None, "RS256")[:-8] + "AAAAAAAA", id="flipped"),
        pytest.param(lambda each: each.token("", "none"), id="unsigned"),
        pytest.param(lambda each: each.token("k1" * 16, "HS256"), id="symmetric"),
    ],
)
def test_a_token_that_is_not_good_enough_is_refused(
    linked: Api, provider: OpenIdServer, bend: Callable[[OpenIdServer], str]
) -> None:
    assert ask(linked, provider.token()).status_code == 200
    expect_problem(ask(linked, bend(provider)), 401, "token-refused")


def test_a_public_key_is_never_taken_for_a_shared_secret(linked: Api, provider: OpenIdServer) -> None:
    pem = provider.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    expect_problem(ask(linked, provider.token(pem, "HS256")), 401, "token-refused")
    provider.keys = [{"kty": "oct", "k": "c2VjcmV0", "kid": "k1", "alg": "HS256"}]
    linked.now += FRESH_S
    expect_problem(ask(linked, provider.token("secret", "HS256", exp=NOON + 9000)), 401, "token-refused")


@pytest.mark.parametrize("members", [{"use": "enc"}, {"alg": "PS256"}, {"key_ops": ["encrypt"]}])
def test_a_key_for_something_else_verifies_nothing(
    linked: Api, provider: OpenIdServer, members: dict[str, object]
) -> None:
    provider.keys = [jwk_of(provider.key, "k1", **members)]
    expect_problem(ask(linked, provider.token()), 401, "token-refused")


def test_a_short_key_verifies_nothing(linked: Api, provider: OpenIdServer) -> None:
    short = new_rsa(1024)
    provider.keys = [jwk_of(short, "k1")]
    with pytest.warns(match="1024"):
        token = provider.token(short)
    expect_problem(ask(linked, token), 401, "token-refused")


def test_a_key_set_may_hold_what_we_do_not_know(linked: Api, provider: OpenIdServer) -> None:
    provider.keys = [{"kty": "AKP", "kid": "pq"}, {"no": "key"}, {"kty": 7}, jwk_of(provider.key)]
    assert ask(linked, provider.token(header={"kid": None})).status_code == 200


def test_a_new_key_is_found_and_strangers_cannot_make_us_ask_again_and_again(
    linked: Api, provider: OpenIdServer
) -> None:
    assert ask(linked, provider.token()).status_code == 200
    provider.key = new_rsa()
    provider.keys.append(jwk_of(provider.key, "k2"))
    linked.now += RETRY_S
    assert ask(linked, provider.token(header={"kid": "k2"})).status_code == 200
    for number in range(20):
        expect_problem(ask(linked, provider.token(header={"kid": f"x{number}"})), 401, "token-refused")
    assert provider.asked[KEYS] == 2


def test_a_key_that_was_taken_back_verifies_nothing_any_more(linked: Api, provider: OpenIdServer) -> None:
    token = provider.token(exp=NOON + 9000)
    assert ask(linked, token).status_code == 200
    provider.keys = [jwk_of(new_rsa(), "k2")]
    linked.now += FRESH_S
    expect_problem(ask(linked, token), 401, "token-refused")


def test_while_the_provider_is_down_its_last_keys_hold_for_a_day(linked: Api, provider: OpenIdServer) -> None:
    token = provider.token(exp=NOON + 2 * STALE_S)
    assert ask(linked, token).status_code == 200
    provider.status = 500
    linked.now += STALE_S - 1
    assert ask(linked, token).status_code == 200
    linked.now += 1
    response = ask(linked, token)
    expect_problem(response, 503, "openid-unreachable")
    assert int(response.headers["Retry-After"]) == RETRY_S
    provider.status = 200
    linked.now += RETRY_S
    assert ask(linked, token).status_code == 200


@pytest.mark.parametrize("status", [500, 302])
def test_without_any_keys_it_is_our_trouble(linked: Api, provider: OpenIdServer, status: int) -> None:
    provider.status = status
    expect_problem(ask(linked, provider.token()), 503, "openid-unreachable")
    assert ask(linked, linked.sign_in("amy").token).status_code == 200
    expect_problem(ask(linked, provider.token()), 503, "openid-unreachable")
    assert sum(provider.asked.values()) == 1
    provider.status = 200
    linked.now += RETRY_S
    assert ask(linked, provider.token()).status_code == 200


def test_an_answer_without_end_is_not_read(linked: Api, provider: OpenIdServer) -> None:
    provider.padding = b" " * OCTETS_MAX
    expect_problem(ask(linked, provider.token()), 503, "openid-unreachable")


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://another.example"},
        {"jwks_uri": "http://keys.example/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
    ],
)
def test_a_discovery_document_that_leads_elsewhere_is_not_followed(
    linked: Api, provider: OpenIdServer, discovery: dict[str, object]
) -> None:
    provider.discovery |= discovery
    expect_problem(ask(linked, provider.token()), 503, "openid-unusable")


def test_many_at_once_fetch_the_keys_once(linked: Api, provider: OpenIdServer) -> None:
    tokens = [provider.token(jti=str(number)) for number in range(8)]
    answers = at_once([partial(ask, linked, token) for token in tokens])
    assert {answer.status_code for answer in answers} == {200}
    assert provider.asked == {DISCOVERY: 1, KEYS: 1}


def test_a_disabled_account_is_refused_whatever_its_provider_says(linked: Api, provider: OpenIdServer) -> None:
    token = provider.token()
    assert ask(linked, token).status_code == 200
    linked.accounts.disable("amy", linked.clock())
    expect_problem(ask(linked, token), 401, "token-refused")


def test_an_account_without_a_password_signs_in_elsewhere_only(linked: Api, provider: OpenIdServer) -> None:
    linked.accounts.create("eve", None, Role.OPERATOR, None, linked.clock())
    linked.accounts.link("eve", provider.issuer, "sub-9", linked.clock())
    assert ask(linked, provider.token(sub="sub-9"), "/v1/audit").status_code == 200
    client = linked.app.test_client()
    for password in ("", "nobody has this password", PASSWORD):
        response = client.post("/v1/tokens", json={"username": "eve", "password": password})
        expect_problem(response, 401, "credentials-refused")


@pytest.mark.parametrize(
    ("issuer", "audience", "jwks"),
    [
        ("http://provider.example", AUDIENCE, None),
        ("", AUDIENCE, None),
        ("https://provider.example", "", None),
        ("https://provider.example", AUDIENCE, "http://provider.example/keys"),
    ],
)
def test_a_provider_that_others_could_play_is_refused(issuer: str, audience: str, jwks: str | None) -> None:
    with pytest.raises(OpenIdConfigurationError):
        Provider(issuer, audience, jwks)


def test_keys_can_be_had_without_discovery(folder: Path, provider: OpenIdServer) -> None:
    api = Api(folder, openid=Provider(provider.issuer, AUDIENCE, provider.issuer + KEYS))
    api.accounts.link("amy", provider.issuer, "sub-1", api.clock())
    assert ask(api, provider.token()).status_code == 200
    assert provider.asked == {KEYS: 1}
    api.close()

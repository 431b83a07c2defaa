"""The keys of access tokens: published, changed, and taken away."""

import os
from dataclasses import dataclass

import jwt
import pytest

from onboarding_api.domain.audit import Chain
from onboarding_api.key_file import load_seal
from onboarding_api.services.token_keys import RELOAD_S, TOKEN_LIFE_S, rotate_token_keys
from tests.onboarding_api.actors import ISSUER, Api, Json, User, document, expect_problem
from tests.onboarding_api.trail import newest


@dataclass
class Keys:
    api: Api

    def published(self) -> Json:
        response = self.api.app.test_client().get("/.well-known/jwks.json")
        assert response.headers["Cache-Control"] == f"public, max-age={RELOAD_S}"
        return {key["kid"]: key for key in document(response)["keys"]}

    def rotate(self, *, revoke: bool = False) -> str:
        return rotate_token_keys(
            self.api.database, load_seal(self.api.key_file), os.urandom, self.api.clock(), revoke=revoke
        )


@pytest.fixture
def keys(api: Api) -> Keys:
    return Keys(api)


def kid(user: User) -> str:
    return str(jwt.get_unverified_header(user.token)["kid"])


def works(user: User) -> bool:
    return user.get("/v1/onboardings/any").status_code == 404


def test_anybody_can_verify_a_token_by_the_published_keys(keys: Keys, ann: User) -> None:
    published = keys.published()
    assert len(published) == 2
    assert {(key["kty"], key["alg"], key["use"]) for key in published.values()} == {("EC", "ES256", "sig")}
    assert not any("d" in key for key in published.values())
    key = jwt.PyJWK(published[kid(ann)])
    claims = jwt.decode(ann.token, key, audience="onboarding-api", issuer=ISSUER, options={"verify_exp": False})
    assert claims["tenant"] == "acme"


def test_the_next_key_is_published_before_it_signs(keys: Keys, ann: User) -> None:
    old, before = kid(ann), keys.published()
    new = keys.rotate()
    assert new in before
    assert new != old
    keys.api.now += RELOAD_S
    assert kid(keys.api.sign_in("ann")) == new
    assert {old, new} < keys.published().keys()
    entry = newest(keys.api, Chain("service"))
    assert (entry["action"], entry["object"]) == ("signing-key.rotated", f"key/{new}")


def test_the_old_key_verifies_until_its_tokens_have_expired(keys: Keys, ann: User) -> None:
    keys.rotate()
    keys.api.now += TOKEN_LIFE_S - 1
    assert works(ann)
    assert kid(ann) in keys.published()
    keys.api.now += RELOAD_S + 2
    assert kid(ann) not in keys.published()
    expect_problem(ann.get("/v1/onboardings/any"), 401, "token-refused")


def test_a_revoked_key_verifies_nothing_any_more(keys: Keys, ann: User) -> None:
    assert works(ann)
    new = keys.rotate(revoke=True)
    keys.api.now += RELOAD_S
    assert kid(ann) not in keys.published()
    expect_problem(ann.get("/v1/onboardings/any"), 401, "token-refused")
    assert kid(keys.api.sign_in("ann")) == new


def test_a_process_that_meets_a_new_key_looks_at_once(keys: Keys, ann: User) -> None:
    assert works(ann)
    for _ in range(2):  # the key that signs then was made after this process has looked
        keys.rotate()
    other = Api(keys.api.folder)
    other.now = keys.api.now
    token = other.sign_in("ann").token
    keys.api.now += 2
    assert kid(User(keys.api.app.test_client(), token)) not in {kid(ann)}
    assert works(User(keys.api.app.test_client(), token))
    other.close()


def test_rotating_many_times_keeps_only_what_is_needed(keys: Keys) -> None:
    for _ in range(5):
        keys.rotate()
    assert keys.api.rows("SELECT count(*) FROM signing_keys WHERE purpose = 'token'") == [(7,)]
    keys.api.now += TOKEN_LIFE_S + RELOAD_S + 1
    keys.rotate()
    assert keys.api.rows("SELECT count(*) FROM signing_keys WHERE purpose = 'token'") == [(3,)]
    assert keys.api.rows("SELECT count(*) FROM signing_keys WHERE purpose = 'assignment'") == [(2,)]

"""POST /v1/tokens, and what a token is good for."""

from collections.abc import Callable

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_api.services.token_keys import TOKEN_LIFE_S
from tests.onboarding_api.actors import (
    ISSUER,
    NOON,
    PASSWORD,
    Api,
    FactoryDevice,
    User,
    document,
    expect_problem,
    new_key,
)


def test_a_token_names_user_tenant_and_role_for_fifteen_minutes(ann: User) -> None:
    claims = jwt.decode(ann.token, options={"verify_signature": False})
    assert jwt.get_unverified_header(ann.token)["alg"] == "ES256"
    assert (claims["iss"], claims["aud"], claims["tenant"], claims["role"]) == (
        ISSUER,
        "onboarding-api",
        "acme",
        "owner",
    )
    assert (claims["iat"], claims["exp"]) == (NOON, NOON + 900)
    assert claims["sub"]
    assert claims["jti"]


def test_the_answer_to_signing_in_says_how_long_it_holds(api: Api) -> None:
    response = api.app.test_client().post("/v1/tokens", json={"username": "ann", "password": PASSWORD})
    assert document(response)["token_type"] == "Bearer"
    assert document(response)["expires_in"] == TOKEN_LIFE_S
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("name", "password"), [("ann", "wrong password"), ("nobody", PASSWORD)])
def test_a_wrong_name_and_a_wrong_password_look_the_same(api: Api, name: str, password: str) -> None:
    response = api.app.test_client().post("/v1/tokens", json={"username": name, "password": password})
    problem = expect_problem(response, 401, "credentials-refused")
    assert problem["detail"] == "user name or password is wrong"
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_expired_token_is_refused(api: Api, ann: User, device: FactoryDevice) -> None:
    ann.open(device)
    api.now += TOKEN_LIFE_S
    response = ann.get("/v1/onboardings/any")
    assert expect_problem(response, 401, "token-refused")["detail"] == "the access token has expired"


def forged(token: str, key: ec.EllipticCurvePrivateKey | str, algorithm: str, **changes: object) -> str:
    claims = jwt.decode(token, options={"verify_signature": False}) | changes
    header = {"typ": "at+jwt", "kid": jwt.get_unverified_header(token)["kid"]}
    return jwt.encode(claims, key, algorithm, headers=header)


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda _token: "a.b.c", id="garbage"),
        pytest.param(lambda token: forged(token, "", "none"), id="unsigned"),
        pytest.param(lambda token: forged(token, "x" * 64, "HS256"), id="symmetric"),
        pytest.param(lambda token: forged(token, new_key(), "ES256", tenant="globex"), id="stranger"),
        pytest.param(lambda token: token[:-8] + "AAAAAAAA", id="flipped"),
    ],
)
def test_a_forged_token_is_refused(ann: User, forge: Callable[[str], str]) -> None:
    ann.token = forge(ann.token)
    expect_problem(ann.get("/v1/onboardings/any"), 401, "token-refused")


def test_a_request_without_a_token_is_refused(api: Api) -> None:
    expect_problem(api.app.test_client().get("/v1/onboardings/any"), 401, "token-refused")


def test_an_operator_belongs_to_no_tenant_and_owns_no_device(api: Api) -> None:
    operator = api.sign_in("root")
    expect_problem(operator.post("/v1/onboardings", {"bootstrapping_key": "AA=="}), 403, "role-refused")

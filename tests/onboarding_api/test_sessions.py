"""Sessions: refresh tokens that replace each other, and everything that ends a session."""

import base64
import os
from functools import partial

import pytest
from werkzeug.test import TestResponse

from onboarding_api.domain.audit import Chain, Origin
from onboarding_api.domain.errors import CredentialsRefusedError
from onboarding_api.domain.sessions import GRACE_S, SESSION_IDLE_S, SESSION_LIFE_S, SESSIONS_MAX
from onboarding_api.key_file import load_seal
from onboarding_api.services.sessions import Sessions
from onboarding_api.services.token_keys import TOKEN_LIFE_S
from tests.onboarding_api.actors import PASSWORD, Api, Json, User, document, expect_problem
from tests.onboarding_api.test_races import at_once
from tests.onboarding_api.trail import newest

ACME = Chain("tenant:acme")


def sign_in(api: Api, name: str = "ann") -> Json:
    response = api.app.test_client().post("/v1/tokens", json={"username": name, "password": PASSWORD})
    assert response.status_code == 200, response.text
    return document(response)


def ask(api: Api, token: str) -> TestResponse:
    body = {"grant_type": "refresh_token", "refresh_token": token}
    return api.app.test_client().post("/v1/tokens", json=body)


def refresh(api: Api, token: str) -> Json:
    response = ask(api, token)
    assert response.status_code == 200, response.text
    return document(response)


def works(api: Api, granted: Json) -> bool:
    response = User(api.app.test_client(), granted["access_token"]).get("/v1/onboardings/any")
    assert response.status_code in (401, 404)
    return response.status_code == 404


def test_a_refresh_token_gives_a_new_access_token_and_its_successor(api: Api) -> None:
    first = sign_in(api)
    api.now += TOKEN_LIFE_S
    assert not works(api, first)
    second = refresh(api, first["refresh_token"])
    assert works(api, second)
    assert second["refresh_token"] != first["refresh_token"]
    assert second["refresh_expires_in"] == SESSION_LIFE_S - TOKEN_LIFE_S
    assert (second["token_type"], second["expires_in"]) == ("Bearer", TOKEN_LIFE_S)


def test_whoever_lost_the_answer_gets_the_same_again(api: Api) -> None:
    first = sign_in(api)
    second = refresh(api, first["refresh_token"])
    api.now += GRACE_S - 1
    again = refresh(api, first["refresh_token"])
    assert again["refresh_token"] == second["refresh_token"]
    assert works(api, refresh(api, again["refresh_token"]))


def test_requests_sent_twice_at_once_get_one_successor(api: Api) -> None:
    first = sign_in(api)
    answers = at_once([partial(ask, api, first["refresh_token"]) for _ in range(6)])
    assert {answer.status_code for answer in answers} == {200}
    assert len({document(answer)["refresh_token"] for answer in answers}) == 1


@pytest.mark.parametrize("late", [True, False])
def test_a_used_token_that_comes_back_ends_the_session_for_everybody(api: Api, late: bool) -> None:
    first = sign_in(api)
    newest_grant = refresh(api, first["refresh_token"])
    if late:
        api.now += GRACE_S
    else:
        newest_grant = refresh(api, newest_grant["refresh_token"])
    assert works(api, newest_grant)
    expect_problem(ask(api, first["refresh_token"]), 401, "refresh-refused")
    assert not works(api, newest_grant)
    expect_problem(ask(api, newest_grant["refresh_token"]), 401, "refresh-refused")
    entry = newest(api, ACME)
    assert (entry["action"], entry["details"]["reason"]) == ("session.ended", "refresh-token-reused")
    assert works(api, sign_in(api))


def test_a_token_with_the_right_handle_and_another_secret_is_a_copy(api: Api) -> None:
    granted = sign_in(api)
    octets = base64.urlsafe_b64decode(granted["refresh_token"])
    forged = base64.urlsafe_b64encode(octets[:16] + bytes(32)).decode()
    expect_problem(ask(api, forged), 401, "refresh-refused")
    assert not works(api, granted)


@pytest.mark.parametrize("token", ["", "x", "AAAA", "A" * 64, "ä" * 20, "A" * 63 + "!"])
def test_what_is_no_refresh_token_is_refused_alike(api: Api, token: str) -> None:
    assert expect_problem(ask(api, token), 401, "refresh-refused")["detail"] == "the refresh token is not valid"


def test_a_session_ends_a_week_after_its_last_use(api: Api) -> None:
    granted = sign_in(api)
    for _ in range(3):
        api.now += SESSION_IDLE_S - 1
        granted = refresh(api, granted["refresh_token"])
    api.now += SESSION_IDLE_S
    expect_problem(ask(api, granted["refresh_token"]), 401, "refresh-refused")


def test_a_session_ends_a_month_after_the_password(api: Api) -> None:
    granted = sign_in(api)
    for _ in range(6):
        api.now += SESSION_LIFE_S // 6
        if granted["refresh_expires_in"] > SESSION_LIFE_S // 6:
            granted = refresh(api, granted["refresh_token"])
    assert granted["refresh_expires_in"] == SESSION_LIFE_S // 6
    expect_problem(ask(api, granted["refresh_token"]), 401, "refresh-refused")


def test_signing_out_ends_this_session_and_no_other(api: Api) -> None:
    here, there = sign_in(api), sign_in(api)
    headers = {"Authorization": f"Bearer {here['access_token']}"}
    assert api.app.test_client().delete("/v1/tokens", headers=headers).status_code == 204
    assert not works(api, here)
    expect_problem(ask(api, here["refresh_token"]), 401, "refresh-refused")
    assert works(api, there)
    assert newest(api, ACME)["details"]["reason"] == "signed-out"


def test_a_refresh_token_can_be_revoked_and_what_is_none_is_none_already(api: Api) -> None:
    granted = sign_in(api)
    for token in (granted["refresh_token"], granted["refresh_token"], "nonsense"):
        response = api.app.test_client().post("/v1/tokens/revoke", json={"refresh_token": token})
        assert response.status_code == 204
    assert not works(api, granted)


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ({"username": "ann"}, "password"),
        ({"password": PASSWORD}, "username"),
        ({"username": "ann", "password": PASSWORD, "refresh_token": "x"}, "refresh_token"),
        ({"grant_type": "refresh_token"}, "refresh_token"),
        ({"grant_type": "refresh_token", "refresh_token": "x", "username": "ann"}, "username"),
        ({"grant_type": "client_credentials"}, "grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "x" * 300}, "refresh_token"),
    ],
)
def test_each_grant_takes_its_own_members(api: Api, body: Json, member: str) -> None:
    problem = expect_problem(api.app.test_client().post("/v1/tokens", json=body), 400, "body-refused")
    assert [error["member"] for error in problem["errors"]] == [member]


def test_a_user_has_a_bounded_number_of_sessions(api: Api) -> None:
    oldest = sign_in(api)
    api.now += 1
    granted = [sign_in(api) for _ in range(SESSIONS_MAX)]
    assert not works(api, oldest)
    assert all(works(api, each) for each in (granted[0], granted[-1]))
    assert api.rows("SELECT count(*) FROM sessions WHERE ended_at IS NULL") == [(SESSIONS_MAX,)]
    api.now += SESSION_LIFE_S * 2
    sign_in(api)
    assert api.count("sessions") == 1


def test_no_refresh_token_can_be_read_in_the_database(api: Api) -> None:
    first = sign_in(api)
    second = refresh(api, first["refresh_token"])
    stored = api.stored()
    for granted in (first, second):
        octets = base64.urlsafe_b64decode(granted["refresh_token"])
        assert octets[16:] not in stored
        assert octets[:16] not in stored
        assert granted["refresh_token"].encode() not in stored


@pytest.mark.parametrize("change", ["password", "disable", "delete"])
def test_no_session_opens_for_a_password_that_was_changed_meanwhile(api: Api, change: str) -> None:
    sessions = Sessions(api.database, load_seal(api.key_file), os.urandom)
    account = api.accounts.sign_in("amy", PASSWORD, Origin(), api.clock())
    if change == "password":
        api.accounts.change_password("amy", "a new password", api.clock())
    elif change == "disable":
        api.accounts.disable("amy", api.clock())
    else:
        api.accounts.delete("amy", api.clock())
    with pytest.raises(CredentialsRefusedError):
        sessions.open(account, Origin(), api.clock())
    assert api.count("sessions") == 0

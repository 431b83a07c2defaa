"""Several servers whose clocks differ: what one has issued or counted holds at the others."""

from collections.abc import Iterator

import pytest

from onboarding_api.domain.identifiers import Timestamp
from onboarding_api.domain.sign_in_limits import FORGOTTEN_S, Buckets, Count, Kind
from onboarding_api.services.token_keys import TOKEN_LIFE_S
from onboarding_api.services.tokens import LEEWAY_S
from tests.onboarding_api.actors import PASSWORD, Api, User, expect_problem
from tests.onboarding_api.test_lockout import FREE, HOME, LONGEST, STRANGE, attempt, fail
from tests.onboarding_api.test_token_keys import works

DAY_S = 24 * 3600


@pytest.fixture
def other(api: Api) -> Iterator[Api]:
    """Another server over the same database."""
    other = Api(api.folder)
    yield other
    other.close()


@pytest.mark.parametrize("ahead", [1, LEEWAY_S])
def test_a_token_of_a_server_whose_clock_is_ahead_is_good_at_once(api: Api, other: Api, ahead: int) -> None:
    other.now = api.now + ahead
    ann = User(api.app.test_client(), other.sign_in("ann").token)
    assert works(ann)
    api.now += TOKEN_LIFE_S + ahead - 1
    assert works(ann)
    api.now += 1
    expect_problem(ann.get("/v1/onboardings/any"), 401, "token-refused")


def test_a_token_from_further_ahead_is_not_valid_yet(api: Api, other: Api) -> None:
    other.now = api.now + LEEWAY_S + 1
    ann = User(api.app.test_client(), other.sign_in("ann").token)
    problem = expect_problem(ann.get("/v1/onboardings/any"), 401, "token-refused")
    assert problem["detail"] == "the access token is not valid yet: the servers' clocks differ"


def test_one_failure_at_a_server_whose_clock_is_ahead_keeps_nobody_waiting(api: Api, other: Api) -> None:
    other.now = api.now + DAY_S
    fail(other, "ann", 1)
    assert attempt(api, "ann", PASSWORD).status_code == 200
    assert attempt(api, "amy", PASSWORD).status_code == 200
    assert attempt(api, "ann", PASSWORD, HOME).status_code == 200


@pytest.mark.parametrize("ahead", [30, 3600, DAY_S, 365 * DAY_S])
@pytest.mark.parametrize("beyond", [0, 4, 12])
def test_nobody_waits_longer_because_a_clock_was_ahead(api: Api, other: Api, ahead: int, beyond: int) -> None:
    other.now = api.now + ahead
    fail(other, "ann", FREE + beyond)
    drift = other.now - ahead - api.now  # `fail` waited
    api.now += drift
    refused = attempt(api, "ann", PASSWORD)
    expect_problem(refused, 429, "sign-in-locked")
    wait = int(refused.headers["Retry-After"])
    assert wait <= Kind.PAIR.wait_s(FREE + beyond) <= LONGEST
    api.now += wait + min(ahead, LEEWAY_S)
    assert attempt(api, "ann", PASSWORD).status_code == 200


def test_a_server_whose_clock_is_ahead_does_not_forget_what_the_others_count(api: Api, other: Api) -> None:
    other.now = api.now + DAY_S
    fail(api, "bob", FREE)
    fail(other, "nobody", 1, HOME)
    expect_problem(attempt(api, "bob", PASSWORD), 429, "sign-in-locked")
    assert attempt(api, "bob", PASSWORD, HOME).status_code == 200


def test_a_count_from_the_future_is_one_of_this_moment() -> None:
    now, buckets = Timestamp(10_000), Buckets.of("ann", STRANGE)
    ahead = Timestamp(now + DAY_S)
    count = Count(99, ahead, Timestamp(ahead + LONGEST), Timestamp(ahead + 1))
    assert count.seen(now) == Count(99, now, Timestamp(now + LONGEST), Timestamp(ahead + 1))
    assert count.seen(ahead) is count
    assert count.seen(now).after_failure(Kind.PAIR, now).failures == 100
    assert buckets.wait_s({buckets.pair: count}, now) == LONGEST
    assert count.forgotten_at == ahead + FORGOTTEN_S
    assert Count().after_failure(Kind.PAIR, now).blocked_until == 0

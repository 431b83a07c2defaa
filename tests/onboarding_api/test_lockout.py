"""Refused sign-ins: who must wait, for how long, and who never does."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest
from werkzeug.test import TestResponse

from onboarding_api.app import REGISTRY
from onboarding_api.domain.audit import Chain
from onboarding_api.domain.identifiers import Timestamp
from onboarding_api.domain.sign_in_limits import FORGOTTEN_S, KNOWN_S, Buckets, Count, Kind
from onboarding_api.services.hashing import STRANGERS, Hashing
from tests.onboarding_api.actors import PASSWORD, Api, expect_problem
from tests.onboarding_api.managers import Manager, expect_refusal
from tests.onboarding_api.test_races import at_once
from tests.onboarding_api.trail import entries, newest

HOME, STRANGE = "203.0.113.1", "198.51.100.7"
FREE, LONGEST = Kind.PAIR.value


def attempt(api: Api, name: str, password: str, address: str = STRANGE) -> TestResponse:
    client = api.app.test_client()
    body = {"username": name, "password": password}
    return client.post("/v1/tokens", json=body, environ_base={"REMOTE_ADDR": address})


def fail(api: Api, name: str, times: int, address: str = STRANGE) -> None:
    """Fail so often, waiting as told in between."""
    for _ in range(times):
        response = attempt(api, name, "wrong password", address)
        while response.status_code == 429:
            api.now += int(response.headers["Retry-After"])
            response = attempt(api, name, "wrong password", address)
        assert response.status_code == 401


def test_after_a_few_failures_each_one_doubles_the_wait(api: Api) -> None:
    fail(api, "ann", FREE - 1)
    assert attempt(api, "ann", "wrong password").status_code == 401
    waits = []
    for _ in range(12):
        response = attempt(api, "ann", PASSWORD)
        problem = expect_problem(response, 429, "sign-in-locked")
        waits.append(int(response.headers["Retry-After"]))
        assert problem["retry_after"] == waits[-1]
        api.now += waits[-1]
        assert attempt(api, "ann", "wrong password").status_code == 401
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, LONGEST, LONGEST]
    api.now += LONGEST
    assert attempt(api, "ann", PASSWORD).status_code == 200


def test_a_name_that_does_not_exist_is_locked_alike(api: Api) -> None:
    told = []
    for name in ("ann", "nobody"):
        fail(api, name, FREE, "192.0.2.1" if name == "ann" else "192.0.2.2")
        response = attempt(api, name, PASSWORD, "192.0.2.1" if name == "ann" else "192.0.2.2")
        told.append((response.status_code, response.data, response.headers["Retry-After"]))
    assert told[0] == told[1]


def test_a_success_forgets_what_failed(api: Api) -> None:
    for _ in range(4):
        fail(api, "ann", FREE - 1)
        assert attempt(api, "ann", PASSWORD).status_code == 200


def test_what_failed_long_ago_is_not_held_against_anybody(api: Api) -> None:
    fail(api, "ann", FREE)
    api.now += FORGOTTEN_S + 24 * 3600
    fail(api, "bob", 1, HOME)
    assert api.count("sign_in_counts") == 3
    fail(api, "ann", FREE - 1)
    assert attempt(api, "ann", PASSWORD).status_code == 200


def test_a_stranger_cannot_keep_a_known_administrator_out(api: Api) -> None:
    assert attempt(api, "amy", PASSWORD, HOME).status_code == 200
    for number in range(40):
        fail(api, "amy", 2, f"198.51.100.{number}")
    assert attempt(api, "amy", PASSWORD, "198.51.100.200").status_code == 429
    assert attempt(api, "amy", PASSWORD, HOME).status_code == 200
    # Nor can one who shares the address and tries other names.
    for number in range(25):
        fail(api, f"nobody{number}", 1, HOME)
    assert attempt(api, "zoe", PASSWORD, HOME).status_code == 429
    assert attempt(api, "amy", PASSWORD, HOME).status_code == 200


def test_known_is_who_came_within_a_month(api: Api) -> None:
    assert attempt(api, "amy", PASSWORD, HOME).status_code == 200
    api.now += KNOWN_S
    for number in range(25):
        fail(api, f"nobody{number}", 1, HOME)
    assert attempt(api, "amy", PASSWORD, HOME).status_code == 429


def test_many_names_from_one_address_make_the_address_wait(api: Api) -> None:
    for number in range(Kind.ADDRESS.value[0]):
        assert attempt(api, f"user{number}", "wrong password").status_code == 401
    assert attempt(api, "ann", PASSWORD).status_code == 429
    assert attempt(api, "ann", PASSWORD, HOME).status_code == 200


def test_an_ipv6_customer_is_one_address(api: Api) -> None:
    for number in range(Kind.ADDRESS.value[0]):
        attempt(api, f"user{number}", "wrong password", f"2001:db8:1:2::{number:x}")
    assert attempt(api, "ann", PASSWORD, "2001:db8:1:2:ffff::1").status_code == 429
    assert attempt(api, "ann", PASSWORD, "2001:db8:1:3::1").status_code == 200


def test_other_processes_and_the_next_start_know_of_it(api: Api) -> None:
    fail(api, "ann", FREE)
    other = Api(api.folder)
    assert attempt(other, "ann", PASSWORD).status_code == 429
    other.close()


def test_attempts_sent_at_once_are_not_all_judged_before_the_first_counts(api: Api) -> None:
    answers = at_once([partial(attempt, api, "ann", f"guess number {number}") for number in range(10)])
    judged = sum(answer.status_code == 401 for answer in answers)
    assert FREE <= judged <= FREE + 1
    assert sum(answer.status_code in (429, 503) for answer in answers) == 10 - judged


@contextmanager
def hashing_stopped(api: Api, strangers: int) -> Iterator[None]:
    """So many passwords of strangers are being checked, and none of them gets on."""
    hashing: Hashing = api.app.extensions[REGISTRY].accounts.hashing
    go = threading.Event()

    def check() -> None:
        with hashing.turn(known=False):
            hashing.run(go.wait)

    threads = [threading.Thread(target=check) for _ in range(strangers)]
    for thread in threads:
        thread.start()
    while hashing.present < strangers:
        threading.Event().wait(0.001)
    try:
        yield
    finally:
        go.set()
        for thread in threads:
            thread.join(5)


def test_whoever_must_wait_takes_no_place_where_passwords_are_checked(api: Api) -> None:
    fail(api, "ann", FREE)
    with hashing_stopped(api, STRANGERS):
        expect_problem(attempt(api, "ann", PASSWORD), 429, "sign-in-locked")
        expect_problem(attempt(api, "bob", PASSWORD), 503, "password-checks-busy")


def test_strangers_leave_places_for_whoever_is_known(api: Api) -> None:
    assert attempt(api, "amy", PASSWORD, HOME).status_code == 200
    with ThreadPoolExecutor(1) as elsewhere:
        with hashing_stopped(api, STRANGERS):
            expect_problem(attempt(api, "amy", PASSWORD), 503, "password-checks-busy")
            hashing: Hashing = api.app.extensions[REGISTRY].accounts.hashing
            answer = elsewhere.submit(attempt, api, "amy", PASSWORD, HOME)
            while hashing.present == STRANGERS and not answer.done():
                threading.Event().wait(0.001)
        assert answer.result(10).status_code == 200


def test_basic_goes_through_the_same_door(api: Api) -> None:
    amy = Manager.of(api, "amy")
    amy.get("/v1/tenants/acme")
    amy.password = "a wrong guess"
    for _ in range(FREE):
        expect_refusal(amy.send("GET", "/v1/tenants/acme"), 401, "credentials-refused")
    response = amy.send("GET", "/v1/tenants/acme")
    expect_refusal(response, 429, "sign-in-locked")
    assert int(response.headers["Retry-After"]) == 1
    amy.password = PASSWORD  # remembered as right, and still no way to try guesses faster
    expect_refusal(amy.send("GET", "/v1/tenants/acme"), 429, "sign-in-locked")
    assert attempt(api, "amy", PASSWORD, "127.0.0.1").status_code == 429
    api.now += 1
    assert amy.get("/v1/tenants/acme")


def test_who_is_signed_in_need_not_wait(api: Api) -> None:
    ann = api.sign_in("ann")
    fail(api, "ann", FREE, "127.0.0.1")
    assert ann.get("/v1/onboardings/any").status_code == 404


def test_refusals_are_in_the_trail_without_the_name_that_was_typed(api: Api) -> None:
    fail(api, "ann", FREE)
    actions = [entry["action"] for entry in entries(api)][-FREE:]
    assert actions == ["sign-in.refused"] * (FREE - 1) + ["sign-in.locked"]
    entry = newest(api)
    assert (entry["object"], entry["actor"]["role"]) == ("user/ann", "anonymous")
    assert entry["origin"]["address"] == STRANGE
    assert entry["details"] == {"failures": FREE, "wait": 1}
    fail(api, "a-password-typed-as-name", 1)
    assert "a-password" not in str(entries(api, Chain("service")))
    assert newest(api, Chain("service"))["object"] == "user/"


def test_names_that_do_not_exist_do_not_fill_the_trail(api: Api) -> None:
    before = len(entries(api, Chain("service")))
    for number in range(Kind.ADDRESS.value[0] + 15):
        fail(api, f"nobody{number}", 1)
    assert len(entries(api, Chain("service"))) == before + Kind.ADDRESS.value[0]


@pytest.mark.parametrize("kind", Kind)
def test_no_number_of_failures_waits_longer_than_the_longest(kind: Kind) -> None:
    free, longest = kind.value
    assert kind.wait_s(free - 1) == 0
    assert [kind.wait_s(free), kind.wait_s(free + 1)] == [1, 2]
    assert kind.wait_s(10**9) == longest


def test_whoever_is_known_waits_only_for_his_own_failures() -> None:
    now = Timestamp(1_000)
    buckets = Buckets.of("amy", HOME)
    blocked = Count(99, now, Timestamp(now + 60))
    counts = {buckets.address: blocked, buckets.name: blocked}
    assert buckets.wait_s(counts, now) == 60
    assert buckets.wait_s(counts | {buckets.pair: Count(known_until=Timestamp(now + 1))}, now) == 0
    assert buckets.wait_s({buckets.pair: Count(9, now, Timestamp(now + 9), Timestamp(now + 1))}, now) == 9

"""Limits: token buckets that processes share, and a tenant's requests taking turns among themselves."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from flask.testing import FlaskClient

from onboarding_api.app import DATABASE, Shared, create_app
from onboarding_api.config import Config
from onboarding_api.domain.accounts import Principal, Role
from onboarding_api.domain.errors import PasswordChecksBusyError, RateExceededError
from onboarding_api.domain.identifiers import TenantId, UserId
from onboarding_api.services.admission import Admission, Limits
from onboarding_api.services.buckets import Buckets, Rate
from onboarding_api.services.hashing import Hashing
from onboarding_api.web.admission import Early
from tests.onboarding_api.actors import ISSUER, PASSWORD, QUICK_HASHER, Api, document, expect_problem
from tests.onboarding_api.managers import Manager

ONE_A_SECOND = Rate(1, 3)


@pytest.fixture
def buckets() -> Iterator[Buckets]:
    with closing(Buckets(os.urandom)) as buckets:
        yield buckets


def principal(user: str, tenant: str | None = "acme") -> Principal:
    role = Role.OPERATOR if tenant is None else Role.TENANT_ADMIN
    return Principal(UserId(user), None if tenant is None else TenantId(tenant), role)


def test_a_bucket_gives_its_burst_then_its_rate(buckets: Buckets) -> None:
    assert [buckets.take("a", ONE_A_SECOND, 100) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a", ONE_A_SECOND, 100) == pytest.approx(1)
    assert buckets.take("a", ONE_A_SECOND, 100.5) == pytest.approx(0.5)
    assert buckets.take("a", ONE_A_SECOND, 101) == 0
    assert buckets.take("a", ONE_A_SECOND, 101) > 0
    assert [buckets.take("a", ONE_A_SECOND, 1000) for _ in range(3)] == [0, 0, 0]


def test_one_bucket_empties_without_the_other(buckets: Buckets) -> None:
    for _ in range(3):
        buckets.take("a", ONE_A_SECOND, 100)
    assert buckets.take("a", ONE_A_SECOND, 100) > 0
    assert buckets.take("b", ONE_A_SECOND, 100) == 0


def test_processes_share_a_bucket(buckets: Buckets) -> None:
    child = os.fork()
    if not child:
        os._exit(0 if [buckets.take("a", ONE_A_SECOND, 100) for _ in range(2)] == [0, 0] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert buckets.take("a", ONE_A_SECOND, 100) == 0
    assert buckets.take("a", ONE_A_SECOND, 100) > 0


def test_a_worker_killed_while_it_takes_blocks_nobody(buckets: Buckets) -> None:
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        while True:
            buckets.take("a", Rate(1e9, 10**9), 100)
            os.write(tell, b".")
    os.read(told, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert buckets.take("a", Rate(1e9, 10**9), 10**9) == 0
    os.close(told)
    os.close(tell)


def test_an_account_and_its_tenant_are_counted_apart(buckets: Buckets) -> None:
    admission = Admission(Limits(account=Rate(1, 2), tenant=Rate(1, 3)), buckets, clock=lambda: 100.0)

    def ask(user: str, tenant: str | None = "acme") -> None:
        with admission.entering(principal(user, tenant)):
            pass

    ask("ann")
    ask("ann")
    with pytest.raises(RateExceededError, match=r"account.*--account-rate") as refused:
        ask("ann")
    assert refused.value.retry_after_s >= 1
    ask("bob")
    with pytest.raises(RateExceededError, match=r"tenant.*--tenant-rate"):
        ask("cid")
    ask("zoe", "globex")
    ask("root", None)


def test_a_tenant_that_holds_all_its_places_is_refused_and_its_neighbour_is_not(buckets: Buckets) -> None:
    admission = Admission(Limits(working=1, waiting=1), buckets)

    def second() -> None:
        with admission.entering(principal("bob")):
            pass

    with ExitStack() as first:
        first.enter_context(admission.entering(principal("ann")))
        thread = threading.Thread(target=second)
        thread.start()
        while thread.is_alive() and admission._lanes["tenant acme"].present < 2:
            threading.Event().wait(0.001)
        with pytest.raises(RateExceededError, match="running already"), admission.entering(principal("cid")):
            pass
        with admission.entering(principal("zoe", "globex")), admission.entering(principal("root", None)):
            pass
        assert thread.is_alive()
    thread.join(5)
    assert not thread.is_alive()
    assert admission._lanes == {}


def test_more_passwords_than_may_wait_are_refused_at_once() -> None:
    hashing, go = Hashing(), threading.Event()
    results: list[bool] = []

    def hash_one() -> None:
        with hashing.turn():
            results.append(hashing.run(lambda: go.wait(10)))

    threads = [threading.Thread(target=hash_one) for _ in range(10)]
    for thread in threads:
        thread.start()
    while hashing.present < 10:
        threading.Event().wait(0.001)
    with pytest.raises(PasswordChecksBusyError) as refused, hashing.turn():
        pass
    assert refused.value.retry_after_s >= 1
    go.set()
    for thread in threads:
        thread.join(5)
    assert results == [True] * 10
    with hashing.turn():
        assert hashing.run(lambda: "again") == "again"


def test_passwords_are_hashed_where_everybody_else_goes_first() -> None:
    niceness = Hashing().run(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    assert niceness > os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_credentials_that_came_too_early_are_refused_unseen_until_their_moment() -> None:
    now = 100.0
    early = Early(lambda: now)
    early.remember("Bearer a", RateExceededError("too often", 1, 0.5))
    early.remember("Bearer b", RateExceededError("too many at once", 1))
    for _ in range(2):
        with pytest.raises(RateExceededError, match="too often"):
            early.require_late_enough("Bearer a")
    early.require_late_enough("Bearer b")
    early.require_late_enough("Bearer c")
    now += 0.5
    early.require_late_enough("Bearer a")


def test_what_is_remembered_of_refusals_is_bounded() -> None:
    early = Early(lambda: 100.0)
    for number in range(3000):
        early.remember(f"Bearer {number}", RateExceededError("too often", 1, 10))
    assert len(early._until) == 1024


@contextmanager
def limiting(api: Api, account_rate: float, tenant_rate: float) -> Iterator[FlaskClient]:
    config = Config(api.database_url, api.key_file, ISSUER, account_rate=account_rate, tenant_rate=tenant_rate)
    app = create_app(config, clock=api.clock, hasher=QUICK_HASHER, shared=Shared(Buckets(os.urandom)))
    try:
        yield app.test_client()
    finally:
        app.extensions[DATABASE].close()


@pytest.fixture
def limited(api: Api) -> Iterator[Manager]:
    with limiting(api, 1, 1) as client:
        yield Manager(client, "amy")


def test_who_asks_too_often_is_told_when_to_come_back(limited: Manager) -> None:
    answers = [limited.send("GET", "/v1/tenants/acme") for _ in range(20)]
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert document(refused)["remedy"]
    assert document(refused)["type"] == "urn:onboarding:problem:rate-exceeded"
    assert int(refused.headers["Retry-After"]) >= 1
    neighbour = Manager(limited.client, "gus")
    assert neighbour.send("GET", "/v1/tenants/globex").status_code == 200


def test_members_are_limited_as_managers_are(limited: Manager) -> None:
    answer = limited.client.post("/v1/tokens", json={"username": "ann", "password": PASSWORD})
    headers = {"Authorization": f"Bearer {document(answer)['access_token']}"}
    path = "/v1/onboardings/00000000-0000-4000-8000-000000000000"
    answers = [limited.client.get(path, headers=headers) for _ in range(20)]
    assert answers[0].status_code == 404
    expect_problem(next(answer for answer in answers if answer.status_code == 429), 429, "rate-exceeded")


def refresh_token(client: FlaskClient, name: str) -> str:
    answer = client.post("/v1/tokens", json={"username": name, "password": PASSWORD})
    return str(document(answer)["refresh_token"])


@pytest.mark.parametrize(("account_rate", "tenant_rate"), [(0.01, 0), (0, 0.01)])
def test_refreshing_and_revoking_are_limited_as_all_else_is(api: Api, account_rate: float, tenant_rate: float) -> None:
    with limiting(api, account_rate, tenant_rate) as client:
        first, neighbour = refresh_token(client, "ann"), refresh_token(client, "zoe")
        stored = api.rows("SELECT current FROM sessions ORDER BY session_id")
        body = {"grant_type": "refresh_token", "refresh_token": first}
        second = document(client.post("/v1/tokens", json=body))["refresh_token"]
        after = api.rows("SELECT current FROM sessions ORDER BY session_id")
        assert after != stored
        for token in (first, second):
            refused = client.post("/v1/tokens", json=body | {"refresh_token": token})
            expect_problem(refused, 429, "rate-exceeded")
            assert int(refused.headers["Retry-After"]) >= 1
            refused = client.post("/v1/tokens/revoke", json={"refresh_token": token})
            expect_problem(refused, 429, "rate-exceeded")
        assert api.rows("SELECT current FROM sessions ORDER BY session_id") == after
        assert api.rows("SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL") == [(0,)]
        assert client.post("/v1/tokens", json=body | {"refresh_token": neighbour}).status_code == 200
        expect_problem(client.post("/v1/tokens", json=body | {"refresh_token": "A" * 64}), 401, "refresh-refused")
        assert client.post("/v1/tokens/revoke", json={"refresh_token": "A" * 64}).status_code == 204

"""What is written down about a request: its id, its line in the log, the metrics."""

import json
import re
import signal
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from tests.onboarding_api.actors import PASSWORD, Api, FactoryDevice, User, document, expect_problem
from tests.onboarding_api.managers import Manager
from tests.onboarding_api.processes import HttpUser, serving


def test_a_sane_request_id_is_kept_and_echoed(api: Api) -> None:
    answer = api.app.test_client().get("/healthz", headers={"X-Request-Id": "call-7.a_B"})
    assert answer.headers["X-Request-Id"] == "call-7.a_B"


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", 'a"b', "a\x1b[31m", "ä", "a,b"])
def test_any_other_request_id_is_replaced(api: Api, given: str) -> None:
    answer = api.app.test_client().get("/healthz", headers={"X-Request-Id": given})
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["X-Request-Id"])


def test_every_answer_has_a_request_id(api: Api) -> None:
    client = api.app.test_client()
    for path in ("/healthz", "/v1/nothing", "/v1/tenants"):
        assert client.get(path).headers["X-Request-Id"]
    assert client.options("/v1/tenants").headers["X-Request-Id"]


def test_a_failure_names_the_request_in_answer_and_log(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(api.app.view_functions, "health.healthy", lambda: 1 / 0)
    with capture_logs() as logged:
        answer = api.app.test_client().get("/healthz", headers={"X-Request-Id": "mine"})
    assert expect_problem(answer, 500, "internal-error")["request"] == "mine"
    assert [each["request"] for each in logged] == ["mine", "mine"]
    assert "division" not in answer.text


def test_a_request_is_one_line_with_who_and_which_route(ann: User, device: FactoryDevice) -> None:
    with capture_logs() as logged:
        opened = ann.open(device)
        ann.read(opened)
    lines = [each for each in logged if each["event"] == "request"]
    assert [(each["method"], each["route"], each["status"]) for each in lines] == [
        ("POST", "/v1/onboardings", 201),
        ("GET", "/v1/onboardings/<onboarding>", 200),
    ]
    assert {each["tenant"] for each in lines} == {"acme"}
    assert all(each["user"] and each["request"] and each["ms"] > 0 and each["octets_out"] > 0 for each in lines)


def test_the_log_has_neither_paths_nor_queries_nor_credentials(api: Api, amy: Manager) -> None:
    with capture_logs() as logged:
        amy.send("GET", "/v1/devices/acme?filterJson=secret-query")
        api.app.test_client().get("/secret-path")
    text = json.dumps(logged)
    assert [each["route"] for each in logged] == ["/v1/devices/<tenant>", "none"]
    for secret in ("secret-query", "secret-path", PASSWORD):
        assert secret not in text


def test_metrics_are_for_operators(api: Api, root: Manager, amy: Manager) -> None:
    expect_problem(api.app.test_client().get("/metrics"), 401, "token-refused")
    expect_problem(amy.send("GET", "/metrics"), 403, "management-refused")
    assert root.send("GET", "/metrics").content_type.startswith("text/plain")


def test_metrics_count_by_route_and_never_by_path_or_tenant(root: Manager) -> None:
    for number in range(5):
        root.send("GET", f"/v1/devices/acme/none-{number}")
        root.send("GET", f"/nowhere/{number}")
        root.client.open("/healthz", method=f"METHOD{number}")
    text = root.send("GET", "/metrics").text
    route = 'method="GET",route="/v1/devices/<tenant>/<device>",status="404"'
    assert f"onboarding_http_requests_total{{{route}}} 5.0" in text
    assert 'onboarding_http_requests_total{method="GET",route="none",status="404"} 5.0' in text
    assert 'method="other"' in text
    assert 'onboarding_problems_total{problem="device-unknown"} 5.0' in text
    assert "acme" not in text
    assert "METHOD" not in text


async def test_metrics_of_two_workers_are_added_up(folder: Path) -> None:
    async with serving(folder, "--workers", "2") as (_, url):
        for _ in range(40):  # a connection each, so that the kernel spreads them over the workers
            async with httpx.AsyncClient(base_url=url) as once:
                assert (await once.get("/healthz")).status_code == 200
        async with httpx.AsyncClient(base_url=url, auth=("root", PASSWORD)) as operator:
            text = (await operator.get("/metrics")).text
    assert 'onboarding_http_requests_total{method="GET",route="/healthz",status="200"} 40.0' in text


async def test_a_stream_is_written_down_when_it_ends(folder: Path) -> None:
    async with serving(folder) as (process, url), HttpUser.signed_in(url) as user:
        opened = await user.open(FactoryDevice())
        path = f"/v1/onboardings/{opened['id']}/events"
        async with user.http.stream("GET", path, headers={"X-Request-Id": "stream-1"}) as response:
            stream = response.aiter_lines()
            await anext(stream)
            assert '"stream-1"' not in process.log.read_text()
            process.kill(signal.SIGTERM)
            assert [line async for line in stream if line.startswith("event")] == []
        assert await process.finish(10) == 0
    lines = [json.loads(line) for line in process.log.read_text().splitlines()]
    assert [each["route"] for each in lines if each.get("request") == "stream-1"] == [
        "/v1/onboardings/<onboarding>/events"
    ]


def test_the_process_says_whether_it_can_do_its_work(api: Api) -> None:
    answer = api.app.test_client().get("/readyz")
    assert (answer.status_code, document(answer)) == (200, {"status": "ready", "reasons": []})

"""What every request meets: bodies, routes, methods, sizes, and errors nobody foresaw."""

import base64

import psycopg
import pytest

from onboarding_api.domain.errors import KeyFileRefusedError
from tests.onboarding_api.actors import Api, FactoryDevice, User, document, expect_problem


def test_the_process_says_that_it_answers(api: Api) -> None:
    assert api.app.test_client().get("/healthz").get_json() == {"status": "ok"}


def test_an_unknown_path_is_a_problem(api: Api) -> None:
    expect_problem(api.app.test_client().get("/v1/nothing"), 404, "not-found")


def test_a_wrong_method_names_the_right_ones(api: Api) -> None:
    response = api.app.test_client().get("/v1/tokens")
    expect_problem(response, 405, "method-not-allowed")
    assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_is_not_json_is_refused(api: Api, content_type: str | None) -> None:
    response = api.app.test_client().post("/v1/tokens", data=b"{}", content_type=content_type)
    expect_problem(response, 415, "media-type")


def test_a_json_body_may_name_its_charset(api: Api) -> None:
    response = api.app.test_client().post("/v1/tokens", data=b"{}", content_type="application/json; charset=utf-8")
    expect_problem(response, 400, "body-refused")


@pytest.mark.parametrize("octets", [b"{", b"[]", b"null", b"\xff\xfe", b'{"username": "a", "username"'])
def test_a_malformed_body_is_refused(api: Api, octets: bytes) -> None:
    response = api.app.test_client().post("/v1/tokens", data=octets, content_type="application/json")
    expect_problem(response, 400, "body-refused")


def test_an_empty_body_is_refused(api: Api) -> None:
    expect_problem(api.app.test_client().post("/v1/tokens", content_type="application/json"), 400, "body-missing")


def test_a_body_beyond_the_limit_is_refused(api: Api) -> None:
    response = api.app.test_client().post("/v1/tokens", data=b" " * 20_000, content_type="application/json")
    expect_problem(response, 413, "request-entity-too-large")


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"resets": -1}, "resets"),
        ({"resets": "0"}, "resets"),
        ({"resets": 1 << 32}, "resets"),
        ({"csr": "%%%"}, "csr"),
        ({"csr": None}, "csr"),
        ({"proof": "a=b"}, "proof"),
        ({"proof": "\N{SNOWMAN}"}, "proof"),
        ({"csr": "\N{SNOWMAN}"}, "csr"),
        ({"serial": "x" * 200}, "serial"),
        ({"sreial": "x"}, "sreial"),
        ({"a`b": "x"}, "a`b"),
    ],
)
def test_a_refused_body_names_the_member(
    ann: User, device: FactoryDevice, change: dict[str, object], member: str
) -> None:
    opened = ann.open(device)
    response = ann.register(opened, device.answer(opened, **change))
    problem = expect_problem(response, 400, "body-refused")
    assert [error["member"] for error in problem["errors"]] == [member]
    assert ann.register(opened, device.answer(opened)).status_code == 201


def test_an_oversized_signing_request_is_refused(ann: User, device: FactoryDevice) -> None:
    opened = ann.open(device)
    body = device.answer(opened) | {"csr": base64.b64encode(b"\x30" * 8193).decode()}
    expect_problem(ann.register(opened, body), 422, "signing-request-refused")


def test_what_nobody_foresaw_is_logged_and_not_told(
    api: Api, ann: User, device: FactoryDevice, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = ann.open(device)
    with api.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE hardware RENAME TO gone")
    response = ann.get(f"/v1/onboardings/{opened['id']}")
    problem = expect_problem(response, 500, "internal-error")
    assert "hardware" not in response.text
    logged = "".join(capfd.readouterr())
    assert problem["request"] in logged
    assert "no such table" in logged or "does not exist" in logged
    assert document(response)["detail"] == "Something went wrong on our side; it has been logged."


def test_a_lost_database_connection_is_told_once_and_replaced(api: Api, ann: User, device: FactoryDevice) -> None:
    if api.database.is_sqlite:
        return
    opened = ann.open(device)
    with psycopg.connect(api.database_url.replace("+psycopg", ""), autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = user"
        )
    answer = ann.get(f"/v1/onboardings/{opened['id']}")
    expect_problem(answer, 503, "database-unreachable")
    assert int(answer.headers["Retry-After"]) > 0
    assert ann.read(opened)["state"] == "open"


def test_a_refusal_that_no_request_could_have_caused_is_our_trouble(api: Api) -> None:
    def fail() -> str:
        raise KeyFileRefusedError("the key file cannot be read: /secret/place")

    api.app.add_url_rule("/fails", view_func=fail)
    response = api.app.test_client().get("/fails")
    problem = expect_problem(response, 500, "internal-error")
    assert problem["remedy"].startswith("Try again")
    assert "/secret/place" not in response.text

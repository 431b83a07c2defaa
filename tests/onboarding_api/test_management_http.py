"""Requests to /v1/tenants, /v1/devices and /v1/credentials: their bodies, If-Match, and passwords."""

from pathlib import Path

import pytest

from onboarding_api.app import DATABASE, create_app
from onboarding_api.config import Config
from onboarding_api.domain.accounts import Role
from tests.onboarding_api.actors import ISSUER, QUICK_HASHER, Api
from tests.onboarding_api.managers import Manager, expect_refusal

RESOURCES = ["/v1/tenants/acme", "/v1/devices/acme/d1", "/v1/credentials/acme/d1"]


@pytest.fixture(autouse=True)
def d1(root: Manager) -> str:
    return root.create("/v1/devices/acme/d1")


@pytest.mark.parametrize("path", RESOURCES)
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_is_not_declared_as_json_is_a_bad_request(
    root: Manager, path: str, content_type: str | None
) -> None:
    response = root.client.put(path, data=b"{}", content_type=content_type, auth=(root.name, root.password))
    assert expect_refusal(response, 400, "content-type")["errors"][0]["member"] == "Content-Type"


def test_json_may_be_spelt_in_any_case_and_name_its_charset(root: Manager) -> None:
    response = root.client.put(
        "/v1/devices/acme/d1",
        data=b"{}",
        content_type="Application/JSON; charset=utf-8",
        auth=(root.name, root.password),
    )
    assert response.status_code == 204


@pytest.mark.parametrize("path", RESOURCES)
@pytest.mark.parametrize("octets", [b"", b"{", b"null", b"\xff", b'"text"', b"17", b"[" * 9000 + b"]" * 5000])
def test_a_malformed_body_is_refused(root: Manager, path: str, octets: bytes) -> None:
    response = root.client.put(path, data=octets, content_type="application/json", auth=(root.name, root.password))
    assert expect_refusal(response, 400)["errors"][0]["member"] == ""


def test_a_malformed_body_is_told_where(root: Manager) -> None:
    response = root.client.put(
        "/v1/tenants/acme", data=b'{"a": NaN}', content_type="application/json", auth=(root.name, root.password)
    )
    assert "(byte 6)" in expect_refusal(response, 400, "body-refused")["error"]


@pytest.mark.parametrize("path", ["/v1/tenants", "/v1/devices/acme"])
def test_creating_with_null_is_refused(root: Manager, path: str) -> None:
    response = root.client.post(path, data=b"null", content_type="application/json", auth=(root.name, root.password))
    expect_refusal(response, 400)


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", path) for path in RESOURCES]
    + [("POST", path) for path in ("/v1/tenants", "/v1/tenants/new", "/v1/devices/acme", "/v1/devices/acme/new")],
)
def test_a_body_beyond_the_limit_is_refused_before_anything_else(root: Manager, method: str, path: str) -> None:
    octets = b'{"ext": {"x": "' + b"x" * 16_000 + b'"}}'
    response = root.client.open(
        path, method=method, data=octets, content_type="text/plain", auth=(root.name, root.password)
    )
    expect_refusal(response, 413)


def test_the_limit_can_be_set(api: Api, folder: Path) -> None:
    config = Config(api.database_url, folder / "registry.key", ISSUER, management_body_max=2000)
    app = create_app(config, clock=api.clock, hasher=QUICK_HASHER)
    small = Manager(app.test_client(), "root")
    expect_refusal(small.send("PUT", "/v1/tenants/acme", {"ext": {"x": "x" * 3000}}), 413)
    small.put("/v1/tenants/acme", {"ext": {"x": "x" * 1900}})
    app.extensions[DATABASE].close()


def test_deep_or_unstorable_documents_are_refused(root: Manager) -> None:
    deep: object = 1
    for _ in range(30):
        deep = [deep]
    for ext in ({"deep": deep}, {"nul": "a\0b"}, {"n\0l": 1}):
        expect_refusal(root.send("PUT", "/v1/devices/acme/d1", {"ext": ext}), 400, "document-refused")


@pytest.mark.parametrize("path", RESOURCES)
def test_every_put_makes_a_new_version_and_if_match_names_the_old_one(root: Manager, path: str) -> None:
    body: object = [] if "credentials" in path else {}
    first = root.etag(path)
    assert len(first) == 36
    second = root.put(path, body, if_match=first).headers["ETag"]
    assert second == root.etag(path) != first
    expect_refusal(root.send("PUT", path, body, if_match=first), 412, "version-mismatch")
    assert root.etag(path) == second
    third = root.put(path, body, if_match=f'"{second}"').headers["ETag"]
    assert root.put(path, body, if_match="*").headers["ETag"] not in (first, second, third)


@pytest.mark.parametrize("path", RESOURCES)
@pytest.mark.parametrize("header", ['""', '"*"', "W/{}", 'W/"{}"', "{}, {}", '"{}", "x"', "'{}'", '"{}', "x", "\xfc"])
def test_if_match_that_is_not_the_version_matches_nothing(root: Manager, path: str, header: str) -> None:
    before = root.etag(path)
    given = header.format(before, before)
    expect_refusal(root.send("PUT", path, [] if "credentials" in path else {}, if_match=given), 412)
    if "credentials" not in path:
        expect_refusal(root.send("DELETE", path, if_match=given), 412)
    assert root.etag(path) == before


@pytest.mark.parametrize("path", RESOURCES)
@pytest.mark.parametrize("header", ["", " ", "\t"])
def test_an_empty_if_match_is_refused_and_not_taken_for_none(root: Manager, path: str, header: str) -> None:
    before = root.etag(path)
    problem = expect_refusal(
        root.send("PUT", path, [] if "credentials" in path else {}, if_match=header), 400, "precondition-refused"
    )
    assert problem["errors"][0]["member"] == "If-Match"
    if "credentials" not in path:
        expect_refusal(root.send("DELETE", path, if_match=header), 400, "precondition-refused")
    assert root.etag(path) == before


def test_where_there_is_no_version_yet_if_match_is_ignored(root: Manager) -> None:
    for path in ("/v1/tenants", "/v1/devices/acme"):
        assert root.send("POST", path, {}, if_match="x").status_code == 201
    assert root.send("DELETE", "/v1/devices/acme", if_match="").status_code == 204


@pytest.mark.parametrize("path", ["/v1/tenants/acme", "/v1/devices/acme/d1"])
def test_deleting_honours_if_match(root: Manager, path: str) -> None:
    expect_refusal(root.send("DELETE", path, if_match="another"), 412)
    response = root.send("DELETE", path, if_match=root.etag(path))
    assert (response.status_code, response.data) == (204, b"")
    assert "Content-Type" not in response.headers
    expect_refusal(root.send("GET", path), 404)


def test_what_is_missing_is_not_found_whatever_if_match_says(root: Manager) -> None:
    for path in ("/v1/tenants/none", "/v1/devices/acme/none", "/v1/devices/none/none"):
        expect_refusal(root.send("PUT", path, {}, if_match="x"), 404)
    for path in ("/v1/tenants/none", "/v1/devices/acme/none"):
        expect_refusal(root.send("DELETE", path, if_match="x"), 404)
    expect_refusal(root.send("PUT", "/v1/credentials/acme/none", [], if_match="x"), 404, "device-unknown")
    expect_refusal(root.send("GET", "/v1/credentials/none/none"), 404, "tenant-unknown")


@pytest.mark.parametrize(
    ("octets", "content_type", "slug"),
    [
        (b"x" * 16_001, "text/plain", "request-entity-too-large"),
        (b"{", "text/plain", "content-type"),
        (b"{", "application/json", "body-refused"),
        (b'{"unknown": 1}', "application/json", "identifier-refused"),
    ],
)
def test_of_several_faults_the_first_is_told(root: Manager, octets: bytes, content_type: str, slug: str) -> None:
    for path in ("/v1/tenants/a$", "/v1/devices/acme/a,b", "/v1/credentials/acme/a,b"):
        response = root.client.put(path, data=octets, content_type=content_type, auth=(root.name, root.password))
        expect_refusal(response, 413 if slug.startswith("request") else 400, slug)


@pytest.mark.parametrize("password", ["with:colons:in:it", "pässwörd ü", " blanks ", "'\"\\ quoted"])
def test_a_password_may_have_any_characters(api: Api, password: str) -> None:
    api.accounts.create("ops", password, Role.OPERATOR, None, api.clock())
    manager = Manager(api.app.test_client(), "ops", password)
    manager.get("/v1/tenants/acme")
    manager.password += ":"
    expect_refusal(manager.send("GET", "/v1/tenants/acme"), 401)


@pytest.mark.parametrize("path", RESOURCES)
def test_what_goes_wrong_on_our_side_is_told_in_honos_form(api: Api, root: Manager, path: str) -> None:
    root.get("/v1/tenants/acme")
    with api.database.writing() as connection:
        for table in ("credentials", "devices", "tenants"):
            connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO gone_{table}")
    problem = expect_refusal(root.send("GET", path), 500, "internal-error")
    assert "gone" not in str(problem)

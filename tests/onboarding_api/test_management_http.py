"""What every request to /v1/tenants, /v1/devices and /v1/credentials meets."""

from pathlib import Path

import pytest

from onboarding_api.app import DATABASE, create_app
from onboarding_api.config import Config
from tests.onboarding_api.actors import ISSUER, QUICK_HASHER, Api, document
from tests.onboarding_api.managers import Manager, expect_refusal

RESOURCES = ["/v1/tenants/acme", "/v1/devices/acme/d1", "/v1/credentials/acme/d1"]


@pytest.fixture(autouse=True)
def d1(root: Manager) -> str:
    return root.create("/v1/devices/acme/d1")


@pytest.mark.parametrize("path", ["/v1/tenants", "/v1/tenants/", "/v1/devices/acme", "/v1/devices/acme/"])
def test_without_an_id_one_is_made_with_or_without_a_slash(root: Manager, path: str) -> None:
    response = root.send("POST", path)
    assert response.status_code == 201, response.text
    identifier = document(response)["id"]
    assert response.headers["Location"] == f"{path.rstrip('/')}/{identifier}"
    assert root.etag(response.headers["Location"]) == response.headers["ETag"]
    assert "Cache-Control" not in response.headers
    assert response.content_type == "application/json; charset=utf-8"


def test_segments_may_be_percent_encoded(root: Manager) -> None:
    root.create("/v1/devices/acme/a%3Ab%3D%63")
    assert root.get("/v1/devices/acme/a:b=c")["status"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/tenants/a%20b",
        "/v1/tenants/a$",
        "/v1/tenants/" + "x" * 257,
        "/v1/devices/a%20b/d1",
        "/v1/devices/acme/a,b",
        "/v1/devices/acme/a+b",
        "/v1/devices/acme/" + "x" * 257,
        "/v1/credentials/acme/a%20b",
        "/v1/credentials/a$/d1",
    ],
)
def test_an_id_with_other_characters_is_refused(root: Manager, path: str) -> None:
    problem = expect_refusal(root.send("GET", path), 400, "identifier-refused")
    last = path.split("/")[3:]
    wrong = "tenant" if len(last) == 1 or last[0] != "acme" else "device"
    assert [each["member"] for each in problem["errors"]] == [wrong]
    expect_refusal(root.send("PUT", path, [] if "credentials" in path else {}), 400)
    if "credentials" not in path:
        expect_refusal(root.send("DELETE", path), 400, "identifier-refused")


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


@pytest.mark.parametrize(("method", "path"), [("PUT", path) for path in RESOURCES] + [("POST", "/v1/tenants/new")])
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
    ("path", "methods"),
    [
        ("/v1/tenants", {"GET", "POST"}),
        ("/v1/tenants/", {"GET", "POST"}),
        ("/v1/tenants/acme", {"GET", "POST", "PUT", "DELETE"}),
        ("/v1/devices/acme", {"GET", "POST", "DELETE"}),
        ("/v1/devices/acme/d1", {"GET", "POST", "PUT", "DELETE"}),
        ("/v1/credentials/acme/d1", {"GET", "PUT"}),
    ],
)
def test_a_preflight_says_what_a_page_may_do(api: Api, path: str, methods: set[str]) -> None:
    headers = {"Origin": "https://console.example", "Access-Control-Request-Method": "PUT"}
    response = api.app.test_client().options(path, headers=headers)
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert methods <= set(response.headers["Access-Control-Allow-Methods"].split(", "))
    for name in ("authorization", "content-type", "if-match"):
        assert name in response.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/tenants/acme", 200),
        ("GET", "/v1/tenants/none", 404),
        ("GET", "/v1/devices/acme/d1/more", 404),
        ("PATCH", "/v1/tenants/acme", 405),
        ("GET", "/v1/devices//d1", 404),
    ],
)
def test_answers_and_errors_may_be_read_by_pages(root: Manager, method: str, path: str, status: int) -> None:
    response = root.send(method, path, Origin="https://console.example")
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "etag" in response.headers["Access-Control-Expose-Headers"]


def test_who_is_not_let_in_may_read_that_on_a_page(api: Api) -> None:
    response = api.app.test_client().get("/v1/tenants/acme")
    expect_refusal(response, 401)
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_other_paths_are_not_shared_with_pages(api: Api) -> None:
    for path in ("/healthz", "/v1/nothing", "/v1/tokens"):
        assert "Access-Control-Allow-Origin" not in api.app.test_client().get(path).headers


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
        "/v1/devices//acme",
        "/v1/devices/acme//d1",
        "/v1/devices/acme//",
        "/v1/devices//",
        "/v1/devices//acme/d1",
        "/v1//devices/acme",
        "/v1/tenants//acme",
        "/v1/tenants//",
        "/v1/credentials//acme/d1",
        "/v1/credentials/acme//d1",
    ],
)
def test_an_empty_segment_makes_a_path_that_does_not_exist(root: Manager, method: str, path: str) -> None:
    expect_refusal(root.send(method, path, {} if method in ("POST", "PUT") else None), 404, "not-found")
    assert root.get("/v1/devices/acme/d1")


@pytest.mark.parametrize("path", ["/v1/devices/acme/", "/v1/devices/acme//", "/v1/devices//", "/v1/devices//acme"])
def test_a_script_that_forgets_an_id_never_deletes_all_devices(root: Manager, path: str) -> None:
    response = root.client.delete(path, auth=(root.name, root.password), follow_redirects=True)
    expect_refusal(response, 405 if path == "/v1/devices/acme/" else 404)
    assert root.get("/v1/devices/acme/d1")


def test_a_slash_at_the_end_changes_nothing_else(root: Manager) -> None:
    for path in RESOURCES:
        assert root.send("GET", path + "/").data == root.send("GET", path).data
        root.put(path + "/", [] if "credentials" in path else {})
    assert root.search("/v1/devices/acme/")["total"] == 1
    assert root.search("/v1/tenants/")["total"] == 2
    assert root.send("DELETE", "/v1/devices/acme/d1/").status_code == 204
    assert root.send("DELETE", "/v1/tenants/acme/").status_code == 204


def test_nothing_is_ever_redirected(api: Api) -> None:
    client = api.app.test_client()
    for rule in api.app.url_map.iter_rules():
        path = rule.build(dict.fromkeys(rule.arguments, "x"))[1]  # type: ignore[index]
        for changed in (path + "/", "/" + path[1:].replace("/", "//"), path.upper()):
            for method in rule.methods or ():
                assert client.open(changed, method=method).status_code // 100 != 3, (method, changed)


def test_paths_and_methods_that_do_not_exist_are_told_in_honos_form(root: Manager) -> None:
    expect_refusal(root.send("GET", "/v1/devices"), 404)
    expect_refusal(root.send("GET", "/v1/devices/acme/d1/more"), 404)
    expect_refusal(root.send("PATCH", "/v1/tenants/acme", {}), 405)
    assert "error" not in document(root.send("GET", "/v1/nothing"))

"""Paths of Hono's registry: ids, slashes and empty segments, and what pages of other origins may do there."""

import pytest

from tests.onboarding_api.actors import Api, document
from tests.onboarding_api.managers import Manager, expect_refusal


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
    for path in ("/v1/tenants/acme", "/v1/devices/acme/d1", "/v1/credentials/acme/d1"):
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


@pytest.mark.parametrize("segment", ["%2E%2E", "%2E", "%2e%2E"])
def test_a_segment_that_clients_take_away_is_no_id(root: Manager, segment: str) -> None:
    for path in (f"/v1/tenants/{segment}", f"/v1/devices/acme/{segment}", f"/v1/devices/{segment}/d1"):
        expect_refusal(root.send("POST", path), 400, "identifier-refused")

"""Who may manage what."""

from collections.abc import Callable

import pytest

from tests.onboarding_api.actors import Api, Json, User, expect_problem, new_key
from tests.onboarding_api.managers import Manager, base64_of, certificate, expect_refusal, public_key


@pytest.mark.parametrize(
    "authorization", [None, "Basic", "Basic !!!", "Bearer", "Bearer x", "Digest x", "Basic cm9vdA=="]
)
def test_who_does_not_say_who_he_is_is_asked(api: Api, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = api.app.test_client().get("/v1/tenants/acme", headers=headers)
    expect_refusal(response, 401)
    asked = response.headers.getlist("WWW-Authenticate")
    assert any(each.startswith('Basic realm="Hono"') for each in asked)
    assert any(each.startswith("Bearer") for each in asked)


def test_a_wrong_password_is_refused_even_after_the_right_one(root: Manager) -> None:
    root.get("/v1/tenants/acme")
    root.password = "wrong canary"
    expect_refusal(root.send("GET", "/v1/tenants/acme"), 401, "credentials-refused")


def test_a_changed_password_is_noticed_at_once(api: Api, root: Manager) -> None:
    root.get("/v1/tenants/acme")
    with api.database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE users SET password_hash = (SELECT 'x' || password_hash FROM users u WHERE u.name = 'ann')"
            " WHERE name = 'root'"
        )
    expect_refusal(root.send("GET", "/v1/tenants/acme"), 401)


@pytest.mark.parametrize("name", ["ann", "bob"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/tenants"),
        ("GET", "/v1/tenants"),
        ("GET", "/v1/tenants/acme"),
        ("GET", "/v1/tenants/globex"),
        ("GET", "/v1/devices/acme"),
        ("DELETE", "/v1/devices/acme"),
        ("POST", "/v1/devices/acme/new"),
        ("GET", "/v1/credentials/acme/d1"),
    ],
)
def test_owners_and_technicians_manage_nothing(api: Api, name: str, method: str, path: str) -> None:
    expect_refusal(Manager.of(api, name).send(method, path), 403, "management-refused")
    headers = {"Authorization": f"Bearer {api.sign_in(name).token}"}
    expect_refusal(api.app.test_client().open(path, method=method, headers=headers), 403, "management-refused")


def test_an_access_token_is_as_good_as_a_password(api: Api) -> None:
    operator = api.sign_in("root")
    assert operator.get("/v1/tenants/acme").status_code == 200
    assert operator.post("/v1/devices/acme/d1", {}).status_code == 201


def test_a_tenants_administrator_manages_his_own(amy: Manager) -> None:
    amy.create("/v1/devices/acme/d1")
    amy.put("/v1/credentials/acme/d1", [{"type": "psk", "auth-id": "a", "secrets": [{"key": "AQID"}]}])
    amy.put("/v1/tenants/acme", {"enabled": True, "defaults": {"ttl": 10}})
    assert amy.get("/v1/tenants/acme")["defaults"] == {"ttl": 10}
    assert amy.search("/v1/tenants")["total"] == 1
    assert amy.send("DELETE", "/v1/devices/acme").status_code == 204


def test_another_tenant_does_not_exist_for_him(root: Manager, amy: Manager) -> None:
    root.create("/v1/devices/globex/d1")
    attempts: list[tuple[str, str, object]] = [
        ("GET", "/v1/tenants/globex", None),
        ("PUT", "/v1/tenants/globex", {}),
        ("GET", "/v1/devices/globex", None),
        ("GET", "/v1/devices/globex/d1", None),
        ("POST", "/v1/devices/globex/d1", {}),
        ("PUT", "/v1/devices/globex/d1", {}),
        ("DELETE", "/v1/devices/globex/d1", None),
        ("DELETE", "/v1/devices/globex", None),
        ("GET", "/v1/credentials/globex/d1", None),
        ("PUT", "/v1/credentials/globex/d1", []),
    ]
    for method, path, body in attempts:
        of_another = expect_refusal(amy.send(method, path, body), 404, "tenant-unknown")
        of_nobody = expect_refusal(amy.send(method, path.replace("globex", "nobody"), body), 404, "tenant-unknown")
        assert of_another["detail"].replace("globex", "nobody") == of_nobody["detail"]
    assert root.get("/v1/devices/globex/d1")


@pytest.mark.parametrize(
    "change",
    [
        {"enabled": False},
        {"alias": "x"},
        {"trust-anchor-group": "g"},
        {"registration-limits": {"max-devices": -1}},
        {"resource-limits": {"max-ttl": 1}},
    ],
)
def test_what_the_operator_decides_a_tenants_administrator_cannot_change(
    root: Manager, amy: Manager, change: dict[str, object]
) -> None:
    root.put("/v1/tenants/acme", {"registration-limits": {"max-devices": 5}})
    expect_refusal(amy.send("PUT", "/v1/tenants/acme", {"registration-limits": {"max-devices": 5}} | change), 403)
    expect_refusal(amy.send("DELETE", "/v1/tenants/acme"), 403)
    expect_refusal(amy.send("POST", "/v1/tenants/own"), 403)
    amy.put("/v1/tenants/acme", {"registration-limits": {"max-devices": 5}, "ext": {"a": 1}})


def authority(subject: str) -> Json:
    return {"cert": base64_of(certificate(subject))}


def by_key(subject: str) -> Json:
    validity = {"not-before": "2025-01-01T00:00:00Z", "not-after": "2026-01-01T00:00:00Z"}
    return {"subject-dn": subject, "public-key": public_key(new_key()), "algorithm": "EC"} | validity


@pytest.mark.parametrize("make", [authority, by_key])
def test_a_tenants_administrator_adds_no_name_of_an_authority(
    root: Manager, amy: Manager, make: Callable[[str], Json]
) -> None:
    root.put("/v1/tenants/globex", {"trusted-ca": [make("CN=theirs")]})
    root.put("/v1/tenants/acme", {"trusted-ca": [make("CN=ours")]})
    for name in ("CN=theirs", "CN=nobodys"):
        refused = expect_refusal(
            amy.send("PUT", "/v1/tenants/acme", {"trusted-ca": [make("CN=ours"), make(name)]}), 403
        )
        assert refused["detail"] == f"only an operator may add an authority of another name: {name}"
    assert len(amy.get("/v1/tenants/acme")["trusted-ca"]) == 1


def test_a_tenants_administrator_renews_and_removes_authorities_under_the_names_there_are(
    root: Manager, amy: Manager
) -> None:
    root.put("/v1/tenants/acme", {"trusted-ca": [authority("CN=a,O=x"), authority("CN=b")]})
    rollover = [authority("CN=a,O=x"), by_key("cn=a, o=x")]
    amy.put("/v1/tenants/acme", {"trusted-ca": rollover})
    names = [each["subject-dn"] for each in amy.get("/v1/tenants/acme")["trusted-ca"]]
    assert names == ["CN=a,O=x", "CN=a,O=x"]
    expect_refusal(amy.send("PUT", "/v1/tenants/acme", {"trusted-ca": [authority("CN=b")]}), 403)
    amy.put("/v1/tenants/acme", {})


def test_nobody_of_a_deleted_tenant_manages_the_next_of_that_name(api: Api, root: Manager) -> None:
    token = api.sign_in("amy").token
    root.send("DELETE", "/v1/tenants/acme")
    root.create("/v1/tenants/acme")
    expect_problem(User(api.app.test_client(), token).get("/v1/devices/acme"), 401, "token-refused")

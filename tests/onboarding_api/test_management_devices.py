"""/v1/devices: what a device may be, and what the registry itself knows of it."""

from random import Random

import pytest

from tests.onboarding_api.actors import Api, Json
from tests.onboarding_api.managers import Manager, expect_refusal

PATH = "/v1/devices/acme/d1"


@pytest.fixture
def d1(root: Manager) -> str:
    return root.create(PATH, {"ext": {"first": True}})


def test_a_device_is_shown_as_it_was_sent_with_its_status(api: Api, root: Manager) -> None:
    sent = {
        "enabled": False,
        "defaults": {"importance": "high"},
        "ext": {"brand": "x"},
        "via": ["gw-1", "gw-2"],
        "viaGroups": ["group"],
        "authorities": ["auto-provisioning-enabled", "custom"],
        "downstream-message-mapper": "down",
        "upstream-message-mapper": "up",
        "command-endpoint": {
            "uri": "http://{{deviceId}}/",
            "headers": {"a": "b"},
            "payload-properties": {"c": "d"},
        },
    }
    path = root.create("/v1/devices/acme", sent)
    assert root.get(path) == sent | {"status": {"created": "2025-06-15T12:00:00Z"}}
    api.now += 60
    root.put(path, {"memberOf": ["group"]})
    assert root.get(path) == {
        "memberOf": ["group"],
        "status": {"created": "2025-06-15T12:00:00Z", "updated": "2025-06-15T12:01:00Z"},
    }


def test_single_texts_are_lists_of_one_and_repetitions_are_dropped(root: Manager, d1: str) -> None:
    root.put(d1, {"via": "gw", "viaGroups": "g", "authorities": ["a", "a"]})
    shown = root.get(d1)
    assert (shown["via"], shown["viaGroups"], shown["authorities"]) == (["gw"], ["g"], ["a"])


@pytest.mark.parametrize("member", ["via", "viaGroups", "memberOf", "authorities"])
def test_elements_of_lists_are_as_long_as_every_database_can_index(root: Manager, d1: str, member: str) -> None:
    letters = "".join(map(chr, Random(1).sample(range(0x20000, 0x2A000), 1000)))  # nothing can be compressed
    longest = letters[:256]
    root.put(d1, {member: [longest, "x"]})
    assert root.get(d1)[member] == [longest, "x"]
    for given in (["x", letters[:257]], letters[:257], [letters]):
        problem = expect_refusal(root.send("PUT", d1, {member: given}), 400, "document-refused")
        assert problem["errors"][0]["member"].startswith(member)
    assert root.get(d1)[member] == [longest, "x"]


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ({"unknown": 1}, "unknown"),
        ({"enabled": 1}, "enabled"),
        ({"via": [1]}, "via"),
        ({"via": ["a"], "memberOf": ["g"]}, "via"),
        ({"viaGroups": ["a"], "memberOf": "g"}, "viaGroups"),
        ({"authorities": "a"}, "authorities"),
        ({"defaults": []}, "defaults"),
        ({"command-endpoint": {"other": 1}}, "command-endpoint"),
        ({"command-endpoint": {"headers": {"a": 1}}}, "command-endpoint"),
    ],
)
def test_a_refused_device_names_the_member(root: Manager, d1: str, body: Json, member: str) -> None:
    before = root.etag(d1)
    for method, path in (("POST", "/v1/devices/acme/new"), ("PUT", d1)):
        problem = expect_refusal(root.send(method, path, body), 400, "document-refused")
        assert problem["errors"][0]["member"].startswith(member)
    assert root.etag(d1) == before


def test_empty_lists_do_not_exclude_each_other(root: Manager, d1: str) -> None:
    root.put(d1, {"via": [], "viaGroups": [], "memberOf": ["g"]})


def test_a_device_id_is_taken_once_in_its_tenant(root: Manager, d1: str) -> None:
    expect_refusal(root.send("POST", d1), 409, "device-exists")
    root.create("/v1/devices/globex/d1")
    expect_refusal(root.send("POST", "/v1/devices/nobody/d1"), 404, "tenant-unknown")
    expect_refusal(root.send("POST", "/v1/devices/nobody"), 404, "tenant-unknown")


def test_nobody_writes_the_status_and_replacing_keeps_provenance(api: Api, root: Manager, d1: str) -> None:
    with api.database.writing() as connection:
        connection.exec_driver_sql("UPDATE devices SET auto_provisioned = true, notification_sent = true")
    api.now += 60
    root.put(d1, {"status": {"created": "2000-01-01T00:00:00Z", "auto-provisioned": False}})
    assert root.get(d1)["status"] == {
        "created": "2025-06-15T12:00:00Z",
        "updated": "2025-06-15T12:01:00Z",
        "auto-provisioned": True,
        "auto-provisioning-notification-sent": True,
    }


def test_a_deleted_device_takes_its_credentials_along(api: Api, root: Manager, d1: str) -> None:
    root.put("/v1/credentials/acme/d1", [{"type": "psk", "auth-id": "a", "secrets": [{"key": "AQID"}]}])
    assert root.send("DELETE", d1).status_code == 204
    expect_refusal(root.send("DELETE", d1), 404, "device-unknown")
    expect_refusal(root.send("GET", "/v1/credentials/acme/d1"), 404, "device-unknown")
    assert api.count("credentials") == 0


def test_all_devices_of_a_tenant_go_at_once(root: Manager, d1: str) -> None:
    root.create("/v1/devices/acme/d2")
    kept = root.create("/v1/devices/globex/d1")
    assert root.send("DELETE", "/v1/devices/acme").status_code == 204
    assert root.send("DELETE", "/v1/devices/acme", if_match="ignored").status_code == 204
    assert root.send("DELETE", "/v1/devices/nobody").status_code == 204
    expect_refusal(root.send("DELETE", "/v1/devices/a$"), 400)
    expect_refusal(root.send("GET", d1), 404)
    assert root.get(kept)


def test_a_tenant_has_no_more_devices_than_it_may(root: Manager) -> None:
    root.put("/v1/tenants/acme", {"registration-limits": {"max-devices": 2}})
    first = root.create("/v1/devices/acme")
    root.create("/v1/devices/acme/d2")
    for path in ("/v1/devices/acme", "/v1/devices/acme/d3"):
        expect_refusal(root.send("POST", path), 403, "limit-reached")
    root.send("DELETE", first)
    root.create("/v1/devices/acme/d3")
    root.put("/v1/tenants/acme", {"registration-limits": {"max-devices": 0}})
    expect_refusal(root.send("POST", "/v1/devices/acme"), 403)
    root.put("/v1/tenants/acme", {"registration-limits": {"max-devices": -1}})
    root.create("/v1/devices/acme")


def test_a_fresh_device_has_an_empty_set_of_credentials(root: Manager, d1: str) -> None:
    response = root.send("GET", "/v1/credentials/acme/d1")
    assert (response.status_code, response.get_json()) == (200, [])
    assert len(response.headers["ETag"]) == 36
    assert response.headers["ETag"] != root.etag(d1)

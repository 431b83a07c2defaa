"""What values a tenant's members may have, and how they are shown again."""

import os

import pytest

from onboarding_api.domain.errors import TenantExistsError
from onboarding_api.domain.identifiers import TenantId, Timestamp
from onboarding_api.key_file import load_seal
from onboarding_api.services.tenants import Tenants
from tests.onboarding_api.actors import NOON, Api, Json
from tests.onboarding_api.managers import Manager, expect_refusal
from tests.onboarding_api.test_management_tenants import SINCE, explicit


def test_null_is_absent_inside_too(root: Manager) -> None:
    sent = {
        "ext": {"invalidate-cache-on-update": None},
        "adapters": [{"type": "a", "enabled": None, "ext": {"free": None}, "vendor": None}],
        "resource-limits": {"max-ttl": None, "data-volume": None},
        "trusted-ca": [explicit(id="1") | {"cert": None, "subject-dn-bytes": None}],
    }
    path = root.create("/v1/tenants", sent)
    found = root.get(path)
    assert found["adapters"] == [{"type": "a", "ext": {"free": None}}]
    assert found["resource-limits"] == {}
    assert found.keys() == {"ext", "adapters", "resource-limits", "trusted-ca"}
    root.put(path, found)
    assert root.get(path) == found


@pytest.mark.parametrize("year", ["0001", "0999", "9999"])
def test_a_moment_of_any_year_is_shown_as_it_can_be_sent_again(root: Manager, year: str) -> None:
    moment = f"{year}-01-02T00:00:00Z"
    path = root.create(
        "/v1/tenants",
        {
            "trusted-ca": [explicit(id="1", not_before=moment)],
            "resource-limits": {"data-volume": {"effective-since": moment}},
        },
    )
    found = root.get(path)
    assert found["trusted-ca"][0]["not-before"] == moment
    assert found["resource-limits"]["data-volume"]["effective-since"] == moment
    root.put(path, found)
    assert root.get(path) == found


@pytest.mark.parametrize("number", [10**309, -(10**309), 10**4000, 2**1024])
def test_a_number_beyond_a_double_is_refused_wherever_it_is_free(root: Manager, number: float) -> None:
    for path, body, member in (
        ("/v1/tenants", {"ext": {"a": [0, {"b": number}]}}, "ext.a[1].b"),
        ("/v1/tenants", {"adapters": [{"type": "x", "more": number}]}, "adapters[0].more"),
        ("/v1/devices/acme", {"defaults": {"a": number}}, "defaults.a"),
    ):
        problem = expect_refusal(root.send("POST", path, body), 400)
        assert problem["errors"][0]["member"] in (member, "")


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**53 + 1, 10**308, 9e18, 1e300, -1e300, 1e-300, 0.1])
def test_every_other_number_is_shown_as_it_was_sent(root: Manager, number: float) -> None:
    path = root.create("/v1/tenants", {"ext": {"a": number}})
    for _ in range(2):
        found = root.get(path)
        assert type(number)(found["ext"]["a"]) == number  # PostgreSQL writes 1e300 with all its digits
        root.put(path, found)


def test_an_alias_is_no_other_tenants_id(root: Manager, api: Api) -> None:
    root.put("/v1/tenants/acme", {"alias": "acme"})
    expect_refusal(root.send("PUT", "/v1/tenants/acme", {"alias": "globex"}), 409, "alias-taken")
    expect_refusal(root.send("POST", "/v1/tenants", {"alias": "globex"}), 409, "alias-taken")
    root.put("/v1/tenants/acme", {"alias": "third"})
    expect_refusal(root.send("POST", "/v1/tenants/third"), 409, "tenant-exists")
    tenants = Tenants(api.database, load_seal(api.key_file), os.urandom)
    with pytest.raises(TenantExistsError):
        tenants.create(TenantId("third"), "mqtts://broker.example:8883", None, Timestamp(NOON))
    assert root.search("/v1/tenants")["total"] == 2
    root.put("/v1/tenants/acme", {})
    root.create("/v1/tenants/third")


def test_a_tenant_is_not_read_by_its_alias(root: Manager) -> None:
    root.put("/v1/tenants/acme", {"alias": "the-acme"})
    for path in ("/v1/tenants/the-acme", "/v1/devices/the-acme"):
        expect_refusal(root.send("GET", path), 404, "tenant-unknown")


@pytest.mark.parametrize(
    "sent",
    [
        {"resource-limits": {"data-volume": SINCE | {"max-bytes": -1, "period": {"mode": "weekly", "no-of-days": 0}}}},
        {"resource-limits": {"connection-duration": SINCE | {"max-minutes": -1}}},
        {"resource-limits": {"max-ttl": 2**63 - 1}},
        {"registration-limits": {"max-credentials-per-device": 0}},
        {"tracing": {"sampling-mode": "default", "sampling-mode-per-auth-id": {}}},
        {"adapters": [{"type": "any-type"}]},
        {"alias": "a-1"},
        {"ext": {"messaging-type": "amqp", "invalidate-cache-on-update": False}},
        {"trust-anchor-group": "Any Text"},
    ],
)
def test_what_hono_lets_pass_is_kept(root: Manager, sent: Json) -> None:
    path = root.create("/v1/tenants", sent)
    assert root.get(path) == sent

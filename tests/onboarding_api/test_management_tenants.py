"""/v1/tenants: what a tenant may be."""

import base64
import os
from random import Random

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from werkzeug.test import TestResponse

from onboarding_api.domain.errors import TenantExistsError
from onboarding_api.domain.identifiers import TenantId, Timestamp
from onboarding_api.domain.management.tenants import NAME_AND_GROUP_MAX_OCTETS
from onboarding_api.key_file import load_seal
from onboarding_api.services.tenants import Tenants
from tests.onboarding_api.actors import NOON, Api, Json, document, new_key
from tests.onboarding_api.managers import Manager, base64_of, certificate, expect_refusal, public_key, renamed

VALID = {"not-before": "2025-01-01T00:00:00Z", "not-after": "2026-01-01T00:00:00Z"}


def explicit(**changes: object) -> Json:
    """A trust anchor given by name, key and validity."""
    anchor: Json = {"subject-dn": "CN=ca,O=x", "public-key": public_key(new_key()), "algorithm": "EC"} | VALID
    anchor |= {name.replace("_", "-"): each for name, each in changes.items()}
    return {name: each for name, each in anchor.items() if each is not None}


def anchors(root: Manager, path: str, *given: Json, **rest: object) -> list[Json]:
    root.put(path, {"trusted-ca": list(given)} | rest)
    found: list[Json] = root.get(path)["trusted-ca"]
    return found


def test_a_tenant_is_shown_as_it_was_sent_without_defaults(root: Manager) -> None:
    sent = {
        "enabled": False,
        "alias": "the-acme",
        "ext": {"messaging-type": "kafka", "invalidate-cache-on-update": True, "free": [1, {"x": None}]},
        "defaults": {"ttl": 30},
        "adapters": [
            {"type": "hono-mqtt", "enabled": True, "device-authentication-required": False, "ext": {"a": 1}},
            {"type": "custom", "vendor": "x"},
        ],
        "minimum-message-size": 4096,
        "resource-limits": {
            "max-connections": 100,
            "max-ttl": -1,
            "max-ttl-telemetry-qos0": 1,
            "max-ttl-telemetry-qos1": 2,
            "max-ttl-command-response": 3,
            "data-volume": {
                "effective-since": "2025-06-15T12:00:00Z",
                "max-bytes": 1000,
                "period": {"mode": "days", "no-of-days": 30},
            },
            "connection-duration": {"effective-since": "2025-06-15T12:00:00Z", "period": {"mode": "monthly"}},
            "ext": {"x": 1},
        },
        "registration-limits": {"max-devices": 0, "max-credentials-per-device": -1},
        "tracing": {"sampling-mode": "all", "sampling-mode-per-auth-id": {"s1": "none"}},
        "trust-anchor-group": "g",
    }
    path = root.create("/v1/tenants/new", sent)
    assert root.get(path) == sent
    root.put(path, {})
    assert root.get(path) == {}


def test_null_is_absent_and_zero_message_size_is_the_default(root: Manager) -> None:
    path = root.create("/v1/tenants", {"enabled": None, "alias": None, "minimum-message-size": 0, "trusted-ca": []})
    assert root.get(path) == {}


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


@pytest.mark.parametrize("number", [10**309, -(10**309), 10**4000, 2**63, -(2**63), 1e300, -1e300])
def test_a_number_beyond_64_bits_is_refused_wherever_it_is_free(root: Manager, number: float) -> None:
    for path, body, member in (
        ("/v1/tenants", {"ext": {"a": [0, {"b": number}]}}, "ext.a[1].b"),
        ("/v1/tenants", {"adapters": [{"type": "x", "more": number}]}, "adapters[0].more"),
        ("/v1/devices/acme", {"defaults": {"a": number}}, "defaults.a"),
    ):
        problem = expect_refusal(root.send("POST", path, body), 400)
        assert problem["errors"][0]["member"] in (member, "")


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63) + 1, 2**53 + 1, 9e18, 1e-300, 0.1])
def test_every_other_number_is_shown_as_it_was_sent(root: Manager, number: float) -> None:
    path = root.create("/v1/tenants", {"ext": {"a": number}})
    assert root.get(path) == {"ext": {"a": number}}
    root.put(path, root.get(path))


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ({"unknown": 1}, "unknown"),
        ({"enabled": "yes"}, "enabled"),
        ({"alias": "Upper"}, "alias"),
        ({"alias": ""}, "alias"),
        ({"adapters": []}, "adapters"),
        ({"adapters": [{"enabled": True}]}, "adapters[0].type"),
        ({"adapters": [{"type": "b"}, {"type": "a"}, {"type": "a"}]}, "adapters[2].type"),
        ({"minimum-message-size": -1}, "minimum-message-size"),
        ({"resource-limits": {"max-ttl": -2}}, "resource-limits.max-ttl"),
        ({"resource-limits": {"other": 1}}, "resource-limits.other"),
        ({"resource-limits": {"data-volume": {"max-bytes": 1}}}, "resource-limits.data-volume.effective-since"),
        ({"resource-limits": {"data-volume": {}}}, "resource-limits.data-volume.effective-since"),
        (
            {"resource-limits": {"data-volume": {"effective-since": "yesterday"}}},
            "resource-limits.data-volume.effective-since",
        ),
        (
            {"resource-limits": {"connection-duration": {"effective-since": "2025-01-01T00:00:00+0100"}}},
            "resource-limits.connection-duration.effective-since",
        ),
        ({"registration-limits": {"max-devices": -2}}, "registration-limits.max-devices"),
        ({"tracing": {"sampling-mode": "some"}}, "tracing.sampling-mode"),
        ({"tracing": {"sampling-mode-per-auth-id": {"b": "all", "a": "some"}}}, "tracing.sampling-mode-per-auth-id.a"),
        ({"trust-anchor-group": ""}, "trust-anchor-group"),
        ({"ext": []}, "ext"),
        ({"ext": {"invalidate-cache-on-update": "yes"}}, "ext.invalidate-cache-on-update"),
        ({"trusted-ca": {}}, "trusted-ca"),
        ({"trusted-ca": [{}]}, "trusted-ca[0].public-key"),
        ({"trusted-ca": [{"cert": "AQID"}]}, "trusted-ca[0].cert"),
        ({"trusted-ca": [{"cert": "%%"}]}, "trusted-ca[0].cert"),
        ({"trusted-ca": [explicit(subject_dn="nothing")]}, "trusted-ca[0].subject-dn"),
        ({"trusted-ca": [explicit(subject_dn=None)]}, "trusted-ca[0].subject-dn"),
        ({"trusted-ca": [explicit(algorithm="RSA")]}, "trusted-ca[0].public-key"),
        ({"trusted-ca": [explicit(algorithm=None)]}, "trusted-ca[0].public-key"),
        ({"trusted-ca": [explicit(algorithm="NONE")]}, "trusted-ca[0].algorithm"),
        ({"trusted-ca": [explicit(public_key="AQID")]}, "trusted-ca[0].public-key"),
        ({"trusted-ca": [explicit(not_before=None)]}, "trusted-ca[0].not-before"),
        ({"trusted-ca": [explicit(not_after="soon")]}, "trusted-ca[0].not-after"),
        ({"trusted-ca": [explicit(subject_dn_bytes="AQID")]}, "trusted-ca[0].subject-dn-bytes"),
        ({"trusted-ca": [explicit(auth_id_template="x")]}, "trusted-ca[0].auth-id-template"),
        ({"trusted-ca": [explicit(auth_id_template="{{subject-cn}}{{a\nb}}")]}, "trusted-ca[0].auth-id-template"),
        (
            {"trusted-ca": [explicit(auto_provisioning_device_id_template="{{x}}")]},
            "trusted-ca[0].auto-provisioning-device-id-template",
        ),
        ({"trusted-ca": [explicit(ocsp_revocation_enabled=True)]}, "trusted-ca[0].ocsp-responder-cert"),
        ({"trusted-ca": [explicit(ocsp_responder_cert="AQID")]}, "trusted-ca[0].ocsp-responder-cert"),
        ({"trusted-ca": [explicit(other=1)]}, "trusted-ca[0].other"),
        ({"trusted-ca": [explicit(id="1"), explicit(id="1")]}, "trusted-ca[1].id"),
    ],
)
def test_a_refused_tenant_names_the_member(root: Manager, body: Json, member: str) -> None:
    before = root.etag("/v1/tenants/acme")
    for problem in (
        expect_refusal(root.send("POST", "/v1/tenants/new", body), 400, "document-refused"),
        expect_refusal(root.send("PUT", "/v1/tenants/acme", body), 400, "document-refused"),
    ):
        assert problem["errors"][0]["member"] == member
    expect_refusal(root.send("GET", "/v1/tenants/new"), 404)
    assert root.etag("/v1/tenants/acme") == before


def test_a_tenant_id_is_taken_once(root: Manager) -> None:
    expect_refusal(root.send("POST", "/v1/tenants/acme"), 409, "tenant-exists")


def test_an_alias_belongs_to_one_tenant(root: Manager) -> None:
    first = root.create("/v1/tenants", {"alias": "x"})
    expect_refusal(root.send("POST", "/v1/tenants", {"alias": "x"}), 409, "alias-taken")
    expect_refusal(root.send("PUT", "/v1/tenants/acme", {"alias": "x"}), 409, "alias-taken")
    root.put(first, {"alias": "x"})
    root.put(first, {})
    root.put("/v1/tenants/acme", {"alias": "x"})


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


def test_an_authority_by_certificate_says_everything_itself(root: Manager) -> None:
    key = new_key()
    der = certificate("CN=ca,OU=Hono,emailAddress=a@b,O=Eclipse", key=key)
    (anchor,) = anchors(root, "/v1/tenants/acme", explicit(cert=base64_of(der), subject_dn="CN=ignored"))
    loaded = x509.load_der_x509_certificate(der)
    assert len(anchor.pop("id")) == 36
    assert base64.b64decode(anchor.pop("subject-dn-bytes")) == loaded.subject.public_bytes()
    assert anchor == {
        "subject-dn": "CN=ca,OU=Hono,1.2.840.113549.1.9.1=#1603614062,O=Eclipse",
        "public-key": public_key(key),
        "algorithm": "EC",
        "not-before": "2025-06-15T12:00:00Z",
        "not-after": "2026-06-15T12:00:00Z",
        "auto-provisioning-enabled": False,
        "auto-provision-as-gateway": False,
    }


def test_an_authoritys_name_keeps_the_octets_of_its_certificate(root: Manager) -> None:
    der = renamed(certificate("CN=before,O=x"), "before", 0x14, b"Mueler")
    (anchor,) = anchors(root, "/v1/tenants/acme", {"cert": base64_of(der)})
    assert anchor["subject-dn"] == "CN=Mueler,O=x"
    assert b"\x14\x06Mueler" in base64.b64decode(anchor["subject-dn-bytes"])
    assert anchors(root, "/v1/tenants/acme", anchor) == [anchor]


@pytest.mark.parametrize(
    "der",
    [
        renamed(certificate("CN=before"), "before", 0x14, b"M\xfcller"),
        renamed(certificate("CN=before"), "before", 0x0C, b"ab\xff\xfeef"),
        certificate(""),
    ],
)
def test_an_authority_without_a_name_that_can_be_written_is_refused(root: Manager, der: bytes) -> None:
    problem = expect_refusal(root.send("PUT", "/v1/tenants/acme", {"trusted-ca": [{"cert": base64_of(der)}]}), 400)
    assert problem["errors"][0]["member"] == "trusted-ca[0].cert"


def der_name(text: str) -> str:
    """A name in DER, in base64; the tags of values as `cryptography` chooses them."""
    return base64_of(x509.Name.from_rfc4514_string(text, {"emailAddress": NameOID.EMAIL_ADDRESS}).public_bytes())


def test_an_authoritys_name_in_octets_decides_the_tags_of_the_one_in_text(root: Manager) -> None:
    octets = der_name("CN=ca,2.5.4.5=7,O=x")
    given = explicit(subject_dn="cn=ca, SERIALNUMBER=7, o=x", subject_dn_bytes=octets)
    (anchor,) = anchors(root, "/v1/tenants/acme", given)
    assert anchor["subject-dn-bytes"] == octets
    assert anchor["subject-dn"] in ("CN=ca,2.5.4.5=#130137,O=x", "CN=ca,2.5.4.5=#0c0137,O=x")
    assert anchors(root, "/v1/tenants/acme", anchor) == [anchor]


@pytest.mark.parametrize("octets", ["CN=victim", "CN=ca", "O=x,CN=ca", "CN=ca+O=x", "CN=ca,O=x,C=DE", "CN=ca,O=X", ""])
def test_an_authority_has_one_name_in_text_and_octets(root: Manager, octets: str) -> None:
    given = explicit(subject_dn="CN=ca,O=x", subject_dn_bytes=der_name(octets))
    problem = expect_refusal(root.send("PUT", "/v1/tenants/acme", {"trusted-ca": [given]}), 400)
    assert problem["errors"][0]["member"] == "trusted-ca[0].subject-dn-bytes"


def test_an_authority_by_key_is_brought_into_normal_form(root: Manager) -> None:
    (anchor,) = anchors(
        root,
        "/v1/tenants/acme",
        explicit(
            id="mine",
            subject_dn="cn = ca , o=x",
            not_before="2025-06-15T14:00:00.5+02:00",
            auto_provisioning_enabled=True,
            auth_id_template="auth-{{subject-cn}}",
            auto_provisioning_device_id_template="device-{{subject-cn}}",
        ),
    )
    assert (anchor["id"], anchor["subject-dn"], anchor["not-before"]) == ("mine", "CN=ca,O=x", "2025-06-15T12:00:00Z")
    assert anchor["auto-provisioning-enabled"]
    assert anchor["auth-id-template"] == "auth-{{subject-cn}}"
    assert anchors(root, "/v1/tenants/acme", anchor) == [anchor]


def test_for_revocation_an_authority_answers_itself_unless_a_responder_is_named(root: Manager) -> None:
    der, responder = base64_of(certificate("CN=ca")), base64_of(certificate("CN=ocsp"))
    asks: Json = {
        "cert": der,
        "ocsp-revocation-enabled": True,
        "ocsp-responder-uri": "http://o",
        "ocsp-nonce-enabled": True,
    }
    (anchor,) = anchors(root, "/v1/tenants/acme", asks)
    assert anchor["ocsp-responder-cert"] == der
    assert (anchor["ocsp-responder-uri"], anchor["ocsp-nonce-enabled"]) == ("http://o", True)
    (anchor,) = anchors(root, "/v1/tenants/acme", asks | {"ocsp-responder-cert": responder})
    assert anchor["ocsp-responder-cert"] == responder


def test_one_tenant_may_trust_several_authorities_of_one_name(root: Manager) -> None:
    assert len(anchors(root, "/v1/tenants/acme", explicit(), explicit())) == 2


def test_two_tenants_share_an_authority_only_within_one_group(root: Manager) -> None:
    def put(tenant: str, group: str | None) -> TestResponse:
        body = {"trusted-ca": [explicit(subject_dn="cn=ca,o=x")]} | ({"trust-anchor-group": group} if group else {})
        return root.send("PUT", f"/v1/tenants/{tenant}", body)

    assert put("acme", None).status_code == 204
    refused = expect_refusal(put("globex", None), 409, "trust-anchor-taken")
    assert refused["subject-dn"] == "CN=ca,O=x"
    assert "the tenant acme" in refused["error"]
    expect_refusal(put("globex", "g"), 409)
    assert put("acme", "g").status_code == 204
    expect_refusal(put("globex", None), 409)
    assert "the trust anchor group g" in expect_refusal(put("globex", "other"), 409)["error"]
    assert put("globex", "g").status_code == 204
    expect_refusal(put("acme", None), 409)
    expect_refusal(root.send("POST", "/v1/tenants/third", {"trusted-ca": [explicit()]}), 409)
    root.send("DELETE", "/v1/tenants/acme")
    assert put("globex", None).status_code == 204
    root.put("/v1/tenants/globex", {})
    root.create("/v1/tenants/third", {"trusted-ca": [explicit()]})


def test_a_deleted_tenant_takes_everything_along(root: Manager) -> None:
    root.create("/v1/tenants/gone", {"alias": "gone", "trusted-ca": [explicit()]})
    device = root.create("/v1/devices/gone/d1")
    root.put("/v1/credentials/gone/d1", [{"type": "psk", "auth-id": "a", "secrets": [{"key": "AQID"}]}])
    assert root.send("DELETE", "/v1/tenants/gone").status_code == 204
    for method, path in [("GET", device), ("GET", "/v1/credentials/gone/d1"), ("GET", "/v1/devices/gone")]:
        expect_refusal(root.send(method, path), 404, "tenant-unknown")
    expect_refusal(root.send("POST", "/v1/devices/gone/d2"), 404, "tenant-unknown")
    expect_refusal(root.send("DELETE", "/v1/tenants/gone"), 404)
    assert root.send("DELETE", device).status_code == 204
    assert root.send("DELETE", "/v1/devices/gone").status_code == 204
    root.create("/v1/tenants/gone", {"alias": "gone"})
    expect_refusal(root.send("GET", device), 404, "device-unknown")
    assert document(root.send("GET", "/v1/tenants/gone")) == {"alias": "gone"}


def test_a_group_and_the_names_in_it_are_as_long_as_every_database_can_index(root: Manager) -> None:
    letters = "".join(map(chr, Random(1).sample(range(0x20000, 0x2A000), 800)))  # four octets each, not compressible
    longest = f"CN={letters[:509]}"
    path = root.create("/v1/tenants/new", {"trusted-ca": [explicit(subject_dn=longest)]})
    group = letters[-((NAME_AND_GROUP_MAX_OCTETS - len(longest.encode())) // 4) :]
    accepted = {"trust-anchor-group": group, "trusted-ca": [explicit(), explicit(subject_dn=longest)]}
    root.put(path, accepted)
    refused = accepted | {"trust-anchor-group": group + "x" * 4}
    problem = expect_refusal(root.send("PUT", path, refused), 400, "document-refused")
    assert problem["errors"][0]["member"] == "trust-anchor-group"
    assert root.get(path)["trust-anchor-group"] == group
    root.put(path, {"trust-anchor-group": letters[:256], "trusted-ca": [explicit(subject_dn=longest[:200])]})

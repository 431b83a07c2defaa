"""Tenants, devices and credentials on the command line: what scripts read, what people are asked, what is refused."""

import json
from collections.abc import Sequence

import pytest

from onboarding_api.domain.errors import (
    AliasTakenError,
    CredentialTakenError,
    CredentialUnknownError,
    DeviceExistsError,
    DeviceUnknownError,
    DocumentRefusedError,
    EndpointRefusedError,
    TenantExistsError,
    TenantUnknownError,
    VersionMismatchError,
)
from tests.onboarding_api.actors import Api, FactoryDevice, Json, User
from tests.onboarding_api.managers import Manager
from tests.onboarding_api.shell import Shell

PSK = {"type": "psk", "auth-id": "p", "secrets": [{"key": "AQID"}]}
PASSWORD = {"type": "hashed-password", "auth-id": "u", "secrets": [{"pwd-plain": "secret"}]}


@pytest.fixture
def shell(api: Api) -> Shell:
    return Shell.over(api.folder)


@pytest.fixture
def d1(shell: Shell) -> Json:
    return shell.json("device", "create", "acme", "d1")


def test_a_tenant_with_a_document_and_no_endpoint(shell: Shell, root: Manager) -> None:
    document = json.dumps({"ext": {"plan": "gold"}})
    made = shell.json("tenant", "create", "fresh", "--document", "-", stdin=document)
    assert made == {"id": "fresh", "endpoint": None}
    shown = shell.json("tenant", "show", "fresh")
    assert (shown["document"], shown["endpoint"]) == ({"ext": {"plan": "gold"}}, None)
    assert root.etag("/v1/tenants/fresh") == shown["version"]
    shell.ok("tenant", "endpoint", "fresh", "--endpoint", "mqtts://h:1")
    assert shell.json("tenant", "show", "fresh")["endpoint"] == "mqtts://h:1"


def test_a_tenant_with_a_document_and_an_endpoint_is_certified(shell: Shell) -> None:
    document = json.dumps({"registration-limits": {"max-devices": 3}})
    arguments = ("tenant", "create", "fresh", "--document", "-", "--endpoint", "mqtts://h:1")
    assert shell.json(*arguments, stdin=document)["authority"] == "O=fresh"
    assert "BEGIN CERTIFICATE" in shell.ok("tenant", "ca", "fresh")
    assert isinstance(shell.refused(*arguments, stdin=document), TenantExistsError)
    refused = shell.refused("tenant", "create", "other", "--document", "-", "--endpoint", "http://h", stdin=document)
    assert isinstance(refused, EndpointRefusedError)
    assert isinstance(shell.refused("tenant", "show", "other"), TenantUnknownError)


def test_a_tenant_is_created_with_its_endpoint_or_not_at_all(api: Api, shell: Shell, root: Manager) -> None:
    root.put("/v1/tenants/globex", {"alias": "taken"})
    junk = shell.folder / "junk.pem"
    junk.write_text("no certificate")
    endpoint = ("tenant", "create", "fresh", "--endpoint", "mqtts://h:1")
    before = api.rows("SELECT * FROM audit_heads ORDER BY chain"), api.rows("SELECT tenant_id FROM tenants")
    for arguments, document, error in (
        ((*endpoint, "--document", "-", "--endpoint-ca", str(junk)), "{}", EndpointRefusedError),
        ((*endpoint, "--endpoint-ca", str(junk)), "", EndpointRefusedError),
        ((*endpoint, "--document", "-"), '{"alias": "taken"}', AliasTakenError),
        ((*endpoint, "--document", "-"), '{"colour": 1}', DocumentRefusedError),
        ((*endpoint, "--document", "-"), "null", DocumentRefusedError),
        (("tenant", "create", "fresh", "--document", "-"), "[]", DocumentRefusedError),
        (("tenant", "create", "fresh", "--endpoint-ca", str(junk)), "", EndpointRefusedError),
    ):
        assert isinstance(shell.refused(*arguments, stdin=document), error)
        assert (
            api.rows("SELECT * FROM audit_heads ORDER BY chain"),
            api.rows("SELECT tenant_id FROM tenants"),
        ) == before
    shell.ok(*endpoint, "--document", "-", stdin='{"alias": "fresh-one"}')
    shown = shell.json("tenant", "show", "fresh")
    assert (shown["document"], shown["endpoint"]) == ({"alias": "fresh-one"}, "mqtts://h:1")
    ((entry,),) = api.rows("SELECT entry FROM audit_entries WHERE chain = 'tenant:fresh'")
    told = json.loads(bytes(entry))
    assert (told["action"], told["version"]) == ("tenant.created", shown["version"])


def test_a_tenant_is_updated_in_the_version_that_was_read(shell: Shell) -> None:
    version = shell.json("tenant", "show", "acme")["version"]
    updated = shell.json("tenant", "update", "acme", "-", "--if-version", version, stdin='{"enabled": false}')
    assert updated["version"] == shell.json("tenant", "show", "acme")["version"] != version
    error = shell.refused("tenant", "update", "acme", "-", "--if-version", version, stdin="{}")
    assert isinstance(error, VersionMismatchError)
    assert shell.json("tenant", "show", "acme")["document"] == {"enabled": False}
    assert shell.json("tenant", "show", "acme")["endpoint"] == "mqtts://broker.acme.example:8883"


def test_a_tenant_is_deleted_after_a_question_that_says_what_goes(shell: Shell, ann: User) -> None:
    ann.onboard(FactoryDevice())
    asked = shell.run("tenant", "delete", "acme", stdin="n\n")
    assert asked.exit_code == 1
    assert "1 devices" in asked.stderr
    assert shell.run("tenant", "delete", "acme").exit_code == 1
    assert shell.json("tenant", "delete", "acme", "--yes") == {"id": "acme", "deleted": True, "devices": 1}
    assert [each["id"] for each in json.loads(shell.ok("tenant", "list", "--json"))] == ["globex"]
    assert isinstance(shell.refused("tenant", "delete", "acme", "--yes"), TenantUnknownError)


def test_a_device_is_created_shown_updated_and_deleted(shell: Shell, d1: Json, amy: Manager) -> None:
    assert d1["id"] == "d1"
    assert amy.etag("/v1/devices/acme/d1") == d1["version"]
    assert isinstance(shell.refused("device", "create", "acme", "d1"), DeviceExistsError)
    other = shell.json("device", "create", "acme", "--document", "-", stdin='{"via": "d1"}')
    shown = shell.json("device", "show", "acme", other["id"])
    assert (shown["version"], shown["document"]["via"]) == (other["version"], ["d1"])
    updated = shell.json("device", "update", "acme", "d1", "-", stdin='{"enabled": false}')
    assert amy.get("/v1/devices/acme/d1")["enabled"] is False
    stale = shell.refused("device", "update", "acme", "d1", "-", "--if-version", d1["version"], stdin="{}")
    assert isinstance(stale, VersionMismatchError)
    assert shell.run("device", "delete", "acme", "d1", stdin="n\n").exit_code == 1
    assert shell.json("device", "delete", "acme", "d1", "--yes", "--if-version", updated["version"])["deleted"]
    for command in (("show",), ("delete", "--yes")):
        assert isinstance(shell.refused("device", command[0], "acme", "d1", *command[1:]), DeviceUnknownError)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["d0", "d1", "d2", "gw"]),
        (("--filter", "/ext/room=1"), ["d1"]),
        (("--filter", '/ext/floor="1"'), ["d2"]),
        (("--filter", "/id=d*", "--filter", "/enabled=true"), ["d0", "d2"]),
        (("--gateways",), ["gw"]),
        (("--no-gateways", "--sort", "/id:desc", "--page-size", "2"), ["d2", "d1"]),
        (("--sort", "/id", "--page-size", "3", "--page", "1"), ["gw"]),
        (("--filter", "/id=nothing"), []),
    ],
)
def test_devices_are_found(shell: Shell, amy: Manager, options: Sequence[str], expected: list[str]) -> None:
    amy.create("/v1/devices/acme/gw")
    amy.create("/v1/devices/acme/d0", {"ext": {"room": 0}, "via": ["gw"]})
    amy.create("/v1/devices/acme/d1", {"ext": {"room": 1}, "enabled": False})
    amy.create("/v1/devices/acme/d2", {"ext": {"floor": "1"}})
    found = shell.json("device", "list", "acme", *options)
    assert [each["id"] for each in found["result"]] == expected
    table = shell.ok("device", "list", "acme", *options).splitlines()
    assert [line.split()[0] for line in table[1:]] == expected


def test_a_table_is_aligned_and_steers_no_terminal(shell: Shell, amy: Manager) -> None:
    amy.create("/v1/devices/acme/a-long-device-id", {"via": ["g\x1b[31m", "\u202eh"]})
    amy.create("/v1/devices/acme/b", {"enabled": False})
    head, *lines = shell.ok("device", "list", "acme").splitlines()
    assert [line.index("2") for line in lines] == [head.index("CREATED")] * 2
    assert not any(character in "".join(lines) for character in "\x1b\u202e")
    assert lines[1].split()[:2] == ["b", "no"]


@pytest.mark.usefixtures("d1")
def test_credentials_are_added_and_removed_and_the_others_stay_as_they_are(api: Api, shell: Shell) -> None:
    shell.ok("credential", "set", "acme", "d1", "-", stdin=json.dumps([PSK]))
    before = api.rows("SELECT document FROM credentials")
    shell.ok("credential", "add", "acme", "d1", "-", stdin=json.dumps(PASSWORD))
    listed = shell.json("credential", "list", "acme", "d1")
    assert [each["type"] for each in listed["document"]] == ["psk", "hashed-password"]
    assert "pwd-hash" not in str(listed)
    table = shell.ok("credential", "list", "acme", "d1").splitlines()
    assert [line.split()[:4] for line in table[1:]] == [["psk", "p", "yes", "1"], ["hashed-password", "u", "yes", "1"]]
    assert shell.run("credential", "remove", "acme", "d1", "hashed-password", "u", stdin="n\n").exit_code == 1
    shell.ok("credential", "remove", "acme", "d1", "hashed-password", "u", "--yes")
    assert api.rows("SELECT document FROM credentials") == before
    gone = shell.refused("credential", "remove", "acme", "d1", "hashed-password", "u", "--yes")
    assert isinstance(gone, CredentialUnknownError)


def test_a_credential_is_added_beside_an_onboarded_certificate(shell: Shell, ann: User, device: FactoryDevice) -> None:
    identifier = ann.onboard(device)["device"]["id"]
    (certificate,) = shell.json("credential", "list", "acme", identifier)["document"]
    shell.ok("credential", "add", "acme", identifier, "-", stdin=json.dumps(PSK))
    assert shell.json("credential", "list", "acme", identifier)["document"][0] == certificate
    ann.onboard(device)


@pytest.mark.usefixtures("d1")
def test_a_set_of_credentials_is_replaced_after_a_question_or_with_yes(shell: Shell) -> None:
    shell.ok("credential", "set", "acme", "d1", "-", stdin=json.dumps([PSK]))
    assert shell.run("credential", "set", "acme", "d1", "-", stdin="[]").exit_code == 1
    version = shell.json("credential", "list", "acme", "d1")["version"]
    shell.ok("credential", "set", "acme", "d1", "-", "--yes", "--if-version", version, stdin="[]")
    again = shell.refused("credential", "set", "acme", "d1", "-", "--yes", "--if-version", version, stdin="[]")
    assert isinstance(again, VersionMismatchError)
    assert shell.ok("credential", "list", "acme", "d1") == ""


@pytest.mark.parametrize(
    ("arguments", "stdin", "error"),
    [
        (("credential", "add", "acme", "d1", "-"), "[]", DocumentRefusedError),
        (("credential", "add", "acme", "d1", "-"), "{", DocumentRefusedError),
        (("credential", "add", "acme", "d1", "-"), json.dumps(PSK), CredentialTakenError),
        (("credential", "set", "acme", "d1", "-"), "[{}]", DocumentRefusedError),
        (("credential", "list", "acme", "d9"), "", DeviceUnknownError),
        (("device", "list", "nobody"), "", TenantUnknownError),
        (("device", "list", "acme", "--filter", "room=1"), "", DocumentRefusedError),
        (("device", "update", "acme", "d1", "-"), '{"enabled": 1}', DocumentRefusedError),
        (("device", "update", "acme", "d1", "-"), " " * 1024 * 1024 + "{}", DocumentRefusedError),
        (("tenant", "update", "acme", "-"), '{"colour": 1}', DocumentRefusedError),
    ],
)
@pytest.mark.usefixtures("d1")
def test_what_is_wrong_is_refused(shell: Shell, arguments: Sequence[str], stdin: str, error: type[Exception]) -> None:
    shell.ok("device", "create", "acme", "d2")
    shell.ok("credential", "set", "acme", "d2", "-", stdin=json.dumps([PSK]))
    assert isinstance(shell.refused(*arguments, stdin=stdin), error)


@pytest.mark.parametrize(
    "arguments",
    [("device", "list", "acme", "--filter", "/a"), ("device", "list", "acme", "--sort", "/a:up"), ("device", "show")],
)
def test_a_command_that_is_not_understood_ends_with_2(shell: Shell, arguments: Sequence[str]) -> None:
    assert shell.run(*arguments).exit_code == 2

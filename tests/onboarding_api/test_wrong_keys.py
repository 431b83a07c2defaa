"""A key file that is another registry's, or lost: refused by whatever seals; and keys that were sealed under one."""

import base64
import json
import os
from pathlib import Path

import pytest
from sqlalchemy import update

from onboarding_api.domain.errors import KeyFileLostError, SealBrokenError
from onboarding_api.domain.sealing import KEY_OCTETS, Seal
from onboarding_api.key_file import create_key_file, load_seal
from onboarding_api.services.readiness import Readiness
from onboarding_api.services.signing_keys import TOKEN
from onboarding_api.services.token_keys import RELOAD_S, rotate_token_keys
from onboarding_api.storage.signing_keys import find_signing_keys
from onboarding_api.storage.tables import signing_keys
from tests.onboarding_api.actors import PASSWORD, Api, database_url, expect_problem
from tests.onboarding_api.managers import Manager, expect_refusal
from tests.onboarding_api.shell import Shell
from tests.onboarding_api.test_token_keys import kid, works

PSK = [{"type": "psk", "auth-id": "a", "secrets": [{"key": base64.b64encode(b"secret").decode()}]}]
SEALING = [
    ["signing-key", "rotate"],
    ["signing-key", "rotate", "--revoke"],
    ["tenant", "create", "new", "--endpoint", "mqtts://broker.example:8883"],
    ["tenant", "create", "new"],
    ["tenant", "endpoint", "acme", "--endpoint", "mqtts://broker.example:8883"],
    ["credential", "set", "acme", "d1", "-", "--yes"],
    ["credential", "add", "acme", "d1", "-"],
    ["db", "upgrade"],
]
TABLES = ("signing_keys", "tenants", "tenant_authorities", "credentials", "audit_entries")


@pytest.fixture
def shell(folder: Path) -> Shell:
    create_key_file(folder / "other.key", os.urandom)
    shell = Shell(folder, database_url(folder))
    shell.variables["ONBOARDING_KEY_FILE"] = str(folder / "other.key")
    return shell


def stored(api: Api) -> list[int]:
    return [api.count(table) for table in TABLES]


def sealed_elsewhere(api: Api, *ranks: int) -> None:
    """Have these keys of access tokens be such as another key file sealed."""
    seal = Seal(os.urandom(KEY_OCTETS))
    with api.database.writing() as connection:
        for key in find_signing_keys(connection, TOKEN):
            if key.rank in ranks:
                foreign = seal.close_octets(b"a key", TOKEN, key.thumbprint.hex(), os.urandom)
                this = signing_keys.c.thumbprint == key.thumbprint
                connection.execute(update(signing_keys).where(this).values(sealed_key=foreign))


@pytest.mark.parametrize("command", SEALING, ids=" ".join)
def test_another_registrys_key_file_is_refused_before_anything_is_sealed(
    shell: Shell, api: Api, root: Manager, command: list[str]
) -> None:
    root.create("/v1/devices/acme/d1", {})
    before, body = stored(api), PSK[0] if "add" in command else PSK
    refused = shell.refused(*command, stdin=json.dumps(body))
    assert isinstance(refused, SealBrokenError)
    assert "does not open with this key file" in str(refused)
    assert stored(api) == before


def test_a_lost_key_file_is_not_replaced_by_a_new_one(shell: Shell, api: Api) -> None:
    lost = shell.folder / "lost.key"
    shell.variables["ONBOARDING_KEY_FILE"] = str(lost)
    refused = shell.refused("db", "upgrade")
    assert isinstance(refused, KeyFileLostError)
    assert "backup" in refused.remedy
    assert not lost.exists()
    shell.variables["ONBOARDING_KEY_FILE"] = str(api.key_file)
    assert shell.json("db", "upgrade")["key_file_created"] is False


def test_another_registrys_key_file_does_not_rotate_whoever_asks(api: Api) -> None:
    before = api.rows("SELECT rank, thumbprint FROM signing_keys WHERE purpose = 'token' ORDER BY rank")
    with pytest.raises(SealBrokenError):
        rotate_token_keys(api.database, Seal(os.urandom(KEY_OCTETS)), os.urandom, api.clock())
    assert api.rows("SELECT rank, thumbprint FROM signing_keys WHERE purpose = 'token' ORDER BY rank") == before


@pytest.mark.parametrize("rank", [0, 1])
def test_one_key_that_does_not_open_takes_nothing_down(api: Api, rank: int) -> None:
    sealed_elsewhere(api, rank)
    ann = api.sign_in("ann")
    assert works(ann)
    published = api.app.test_client().get("/.well-known/jwks.json")
    assert published.status_code == 200
    assert kid(ann) in published.text
    assert Readiness(api.database, load_seal(api.key_file)).obstacles() == []


@pytest.mark.parametrize("ranks", [(0,), (1,), (0, 1)])
def test_rotating_once_replaces_every_key_that_does_not_open(api: Api, ranks: tuple[int, ...]) -> None:
    sealed_elsewhere(api, *ranks)
    seal = load_seal(api.key_file)
    signing = rotate_token_keys(api.database, seal, os.urandom, api.clock())
    api.now += RELOAD_S
    ann = api.sign_in("ann")
    assert kid(ann) == signing
    assert works(ann)
    with api.database.reading() as connection:
        present = find_signing_keys(connection, TOKEN)
    assert [key.rank for key in present] == [0, 1]
    for key in present:
        assert seal.open(key.sealed_key, TOKEN, key.thumbprint.hex())


def test_without_a_key_that_opens_the_answer_is_503_and_readiness_and_check_config_say_why(api: Api) -> None:
    amy = Manager.of(api, "amy")
    sealed_elsewhere(api, 0, 1)
    client = api.app.test_client()
    problem = expect_problem(client.get("/.well-known/jwks.json"), 503, "keys-unusable")
    assert "signing-key rotate" in problem["remedy"]
    body = {"username": "ann", "password": PASSWORD}
    expect_problem(client.post("/v1/tokens", json=body), 503, "keys-unusable")
    bearer = {"Authorization": "Bearer a.b.c"}
    expect_refusal(client.get("/v1/tenants/acme", headers=bearer), 503, "keys-unusable")
    assert amy.get("/v1/tenants/acme")
    assert [each.check for each in Readiness(api.database, load_seal(api.key_file)).obstacles()] == ["keys"]
    shell = Shell.over(api.folder)
    told = shell.run("serve", "--check-config", "--bind", "127.0.0.1:8999", "--json")
    assert [each["setting"] for each in json.loads(told.stdout)["problems"]] == ["key-file"]


def test_keys_that_were_never_made_are_503(api: Api) -> None:
    with api.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM signing_keys WHERE purpose = 'token'")
    problem = expect_problem(api.app.test_client().get("/.well-known/jwks.json"), 503, "schema-outdated")
    assert "db upgrade" in problem["remedy"]


def test_the_listener_is_told_of_a_wrong_key_file(shell: Shell) -> None:
    pem = str(shell.folder / "none.pem")
    options = ["--broker", "mqtts://localhost:8883", "--broker-ca", pem, "--certificate", pem, "--key", pem, "--json"]
    told = json.loads(shell.run("listen", "--check-config", *options).stdout)["problems"]
    assert [each["setting"] for each in told] == ["key-file", "certificates"]

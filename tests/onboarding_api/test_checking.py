"""`serve --check-config` and `listen --check-config`: everything that is wrong, with its remedy."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from onboarding_api.cli import onboarding_api
from tests.onboarding_api.actors import database_url


def check(command: str, *options: str, **variables: str) -> Result:
    return CliRunner(env=variables).invoke(onboarding_api, [command, "--check-config", *options])


def settings(folder: Path) -> list[str]:
    where = ["--database", database_url(folder), "--key-file", str(folder / "registry.key")]
    return [*where, "--bind", "127.0.0.1:8999"]


def test_a_usable_configuration_is_said_to_be_one(folder: Path) -> None:
    result = check("serve", *settings(folder))
    assert (result.exit_code, result.stdout) == (0, "the configuration is usable\n")


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/none.db"
    options = ["--bind", "nowhere", "--database", database, "--key-file", str(tmp_path / "none"), "--json"]
    result = check("serve", *options)
    told = json.loads(result.stdout)["problems"]
    assert [each["setting"] for each in told] == ["bind", "database", "key-file"]
    assert all(each["problem"] and each["remedy"] for each in told)
    assert result.exit_code == 1


def test_another_databases_key_file_is_found_out(folder: Path) -> None:
    (folder / "registry.key").write_bytes(b"A" * 43 + b"=\n")
    result = check("serve", *settings(folder))
    assert result.exit_code == 1
    assert "does not open with this key file" in result.stderr


@pytest.mark.parametrize(
    ("issuer", "told"), [("", "is empty"), ("  ", "is empty"), ("https://login.example", "is the OpenID provider's")]
)
def test_an_issuer_that_is_nobody_or_somebody_else_is_found_out(folder: Path, issuer: str, told: str) -> None:
    openid = ["--openid-issuer", "https://login.example", "--openid-audience", "us"]
    result = check("serve", *settings(folder), "--issuer", issuer, *openid, "--json")
    (problem,) = json.loads(result.stdout)["problems"]
    assert problem["setting"] == "issuer"
    assert told in problem["problem"]
    assert "--issuer" in problem["remedy"]


def test_a_providers_address_that_is_none_is_found_out(folder: Path) -> None:
    openid = ["--openid-issuer", "https://[bad", "--openid-audience", "us"]
    (problem,) = json.loads(check("serve", *settings(folder), *openid, "--json").stdout)["problems"]
    assert problem["setting"] == "openid"


def test_a_misspelt_variable_is_warned_about(folder: Path) -> None:
    result = check("serve", *settings(folder), ONBOARDING_TENNANT_RATE="5", ONBOARDING_SERVE_BIND="x")
    assert result.exit_code == 0
    assert "ONBOARDING_TENNANT_RATE\nDid you mean ONBOARDING_TENANT_RATE?" in result.stderr
    assert "ONBOARDING_SERVE_BIND" not in result.stderr


@pytest.mark.parametrize("broker", ["mqtt://localhost", "localhost:8883"])
def test_the_listener_tells_all_that_is_wrong_too(folder: Path, broker: str) -> None:
    pem = str(folder / "none.pem")
    options = ["--broker", broker, "--broker-ca", pem, "--certificate", pem, "--key", pem, "--json"]
    keys = ["--key-file", str(folder / "registry.key")]
    result = check("listen", *options, *keys, "--database", database_url(folder))
    told = json.loads(result.stdout)["problems"]
    assert [each["setting"] for each in told] == ["broker", "certificates"]
    assert result.exit_code == 1

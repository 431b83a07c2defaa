"""The command line, from nothing to a tenant with a user."""

import json
import os
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509

from onboarding_api.cli import main
from onboarding_api.domain.errors import EndpointMissingError, TenantUnknownError
from onboarding_api.storage.database import Database
from onboarding_api.storage.migrations import upgrade, upgrading_alone
from tests.onboarding_api.processes import PROGRAM
from tests.onboarding_api.shell import Shell


@pytest.fixture
def shell(tmp_path: Path, empty_url: str) -> Shell:
    return Shell(tmp_path, empty_url)


def test_from_nothing_to_a_user_who_can_sign_in(shell: Shell) -> None:
    upgraded = json.loads(shell.ok("db", "upgrade", "--json"))
    assert (upgraded["key_file_created"], json.loads(shell.ok("db", "upgrade", "--json"))["key_file_created"]) == (
        True,
        False,
    )
    assert stat.S_IMODE((shell.folder / "registry.key").stat().st_mode) == 0o600
    created = json.loads(shell.ok("tenant", "create", "acme", "--endpoint", "mqtts://broker.example:8883", "--json"))
    assert created == {"id": "acme", "endpoint": "mqtts://broker.example:8883", "authority": "O=acme"}
    user = json.loads(
        shell.ok(
            "user",
            "create",
            "ann",
            "--role",
            "owner",
            "--tenant",
            "acme",
            "--password-stdin",
            "--json",
            stdin="long enough\n",
        )
    )
    assert (user["name"], user["role"], user["tenant"]) == ("ann", "owner", "acme")


def test_several_who_upgrade_at_once_wait_for_each_other(shell: Shell) -> None:
    command: list[str | Path] = [PROGRAM, "db", "upgrade", "--json"]
    environment = os.environ | shell.variables
    rivals = [
        subprocess.Popen(
            command, env=environment, cwd=shell.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(5)
    ]
    answers = [(*rival.communicate(), rival.returncode) for rival in rivals]
    assert [(told, ended) for _, told, ended in answers] == [("", 0)] * len(rivals)
    assert sum(json.loads(told)["key_file_created"] for told, _, _ in answers) == 1
    shell.ok("tenant", "create", "acme", "--endpoint", "mqtts://broker.example:8883")
    assert shell.ok("db", "upgrade")


def test_whoever_upgrades_waits_as_long_as_another_takes(shell: Shell, kind: str) -> None:
    if kind == "sqlite":
        return
    url = shell.variables["ONBOARDING_DATABASE"]
    held, waiting = Database(url), Database(url, patience_s=0.1)
    long = "waitstart < clock_timestamp() - interval '0.5 seconds'"
    seen = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND {long}"
    with closing(held), closing(waiting), ThreadPoolExecutor(1) as pool:
        with held.writing() as connection:
            upgrading_alone(connection)
            later = pool.submit(upgrade, waiting)
            while not connection.exec_driver_sql(seen).scalar():
                assert not later.done()
        assert later.result(timeout=60)


def test_a_new_database_is_for_its_owner_alone(shell: Shell, kind: str) -> None:
    if kind == "postgresql":
        return
    before = os.umask(0o022)
    try:
        shell.ok("db", "upgrade")
        with closing(Database(shell.variables["ONBOARDING_DATABASE"])) as database, database.writing():
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in shell.folder.glob("registry.db*")}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("registry.db", "registry.db-wal", "registry.db-shm", "registry.db-turn"), 0o600)


def test_a_script_reads_what_a_broker_must_trust(shell: Shell) -> None:
    shell.ok("db", "upgrade")
    for tenant in ("acme", "globex"):
        shell.ok("tenant", "create", tenant, "--endpoint", "mqtts://broker.example:8883")
    shell.ok("tenant", "create", "bare")
    assert shell.json("tenant", "ca", "acme") == {"id": "acme", "pem": shell.ok("tenant", "ca", "acme")}
    everyone = json.loads(shell.ok("tenant", "ca", "--all", "--json"))
    assert [each["id"] for each in everyone] == ["acme", "globex"]
    assert "".join(each["pem"] for each in everyone) == shell.ok("tenant", "ca", "--all")
    assert isinstance(shell.refused("tenant", "ca", "bare"), EndpointMissingError)
    assert isinstance(shell.refused("tenant", "ca", "nobody"), TenantUnknownError)


def test_the_trust_bundle_holds_each_tenants_authority(shell: Shell) -> None:
    shell.ok("db", "upgrade")
    for tenant in ("acme", "globex"):
        shell.ok("tenant", "create", tenant, "--endpoint", "mqtts://broker.example:8883")
    one = x509.load_pem_x509_certificates(shell.ok("tenant", "ca", "acme").encode())
    everyone = x509.load_pem_x509_certificates(shell.ok("tenant", "ca", "--all").encode())
    assert [each.subject.rfc4514_string() for each in everyone] == ["O=acme", "O=globex"]
    assert one == everyone[:1]
    assert [each["id"] for each in json.loads(shell.ok("tenant", "list", "--json"))] == ["acme", "globex"]


def test_a_tenant_can_be_given_another_endpoint(shell: Shell) -> None:
    shell.ok("db", "upgrade")
    shell.ok("tenant", "create", "acme", "--endpoint", "mqtts://old.example:8883")
    authority = shell.ok("tenant", "ca", "acme")
    given = json.loads(shell.ok("tenant", "endpoint", "acme", "--endpoint", "mqtts://new.example:8883", "--json"))
    assert given == {"id": "acme", "endpoint": "mqtts://new.example:8883"}
    assert [each["endpoint"] for each in json.loads(shell.ok("tenant", "list", "--json"))] == [given["endpoint"]]
    assert shell.ok("tenant", "ca", "acme") == authority
    assert shell.run("tenant", "endpoint", "nobody", "--endpoint", "mqtts://new.example:8883").exit_code != 0


@pytest.mark.parametrize(
    ("arguments", "told", "remedy"),
    [
        (["serve"], "no tables yet", "db upgrade"),
        (["tenant", "list"], "no tables yet", "db upgrade"),
        (["serve", "--bind", "nowhere"], "not an address", "--bind"),
        (["tenant", "list", "--database", "nonsense"], "not one", "--database"),
    ],
)
def test_an_error_says_what_happened_and_what_to_do(
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    told: str,
    remedy: str,
) -> None:
    for name, value in shell.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["onboarding-api", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    errors = capsys.readouterr().err
    assert told in errors
    assert remedy in errors


def test_a_script_reads_an_error_as_json(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.ok("db", "upgrade")
    document = shell.folder / "document.json"
    document.write_text('{"ext": 7}')
    for name, value in shell.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["onboarding-api", "tenant", "create", "a", "--document", str(document), "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    told = json.loads(capsys.readouterr().err)
    assert told["errors"] == [{"member": "ext", "reason": "Expected `object | null`, got `int`"}]
    assert told["error"]
    assert told["remedy"]


@pytest.mark.parametrize(("variable", "as_json"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_the_variable_for_json_holds_for_errors_too(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, as_json: bool
) -> None:
    for name, value in (shell.variables | {"ONBOARDING_JSON": variable}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["onboarding-api", "tenant", "list"])
    with pytest.raises(SystemExit):
        main()
    errors = capsys.readouterr().err
    assert errors.startswith("{") == as_json
    assert "no tables yet" in (json.loads(errors)["error"] if as_json else errors)


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["tenant", "create", "a b", "--endpoint", "mqtts://h:1"], ""),
        (["tenant", "create", "new", "--endpoint", "http://h:1"], ""),
        (["tenant", "create", "new", "--endpoint", "mqtts://h"], ""),
        (["tenant", "create", "acme", "--endpoint", "mqtts://h:1"], ""),
        (["tenant", "ca", "nobody"], ""),
        (["user", "create", "x", "--role", "owner", "--password-stdin"], "long enough\n"),
        (["user", "create", "x", "--role", "operator", "--tenant", "acme", "--password-stdin"], "long enough\n"),
        (["user", "create", "x", "--role", "owner", "--tenant", "none", "--password-stdin"], "long enough\n"),
        (["user", "create", "x", "--role", "operator", "--password-stdin"], "short\n"),
        (["user", "create", "a b", "--role", "operator", "--password-stdin"], "long enough\n"),
    ],
)
def test_a_refused_command_changes_nothing(shell: Shell, arguments: list[str], stdin: str) -> None:
    shell.ok("db", "upgrade")
    shell.ok("tenant", "create", "acme", "--endpoint", "mqtts://h:1")
    before = shell.ok("tenant", "list", "--json")
    assert shell.run(*arguments, stdin=stdin).exit_code != 0
    assert shell.ok("tenant", "list", "--json") == before

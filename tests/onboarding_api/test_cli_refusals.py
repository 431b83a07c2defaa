"""What the command line is given and cannot use: a sentence and a remedy each time, and the same on both databases."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from onboarding_api.domain.errors import (
    DatabaseUnusableError,
    EndpointRefusedError,
    FileNotWritableError,
    FileUnreadableError,
    OpenIdConfigurationError,
    SubjectRefusedError,
)
from onboarding_api.storage.database import Database
from tests.onboarding_api.actors import Api
from tests.onboarding_api.shell import Shell
from tests.onboarding_api.test_checking import check, settings


@pytest.fixture
def shell(api: Api) -> Shell:
    return Shell.over(api.folder)


@pytest.fixture
def junk(tmp_path: Path) -> str:
    path = tmp_path / "junk.db"
    path.write_bytes(b"this is no database, and long enough for nobody to take it for an empty one" * 100)
    return f"sqlite:///{path}"


@pytest.mark.parametrize(
    "command", [("tenant", "list"), ("db", "upgrade"), ("device", "export", "acme"), ("audit", "verify")]
)
def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path, junk: str, command: Sequence[str]) -> None:
    error = Shell(tmp_path, junk).refused(*command)
    assert isinstance(error, DatabaseUnusableError)
    assert "file is not a database" in str(error)
    assert "--database" in error.remedy


def test_a_configuration_whose_database_is_none_is_refused(folder: Path, junk: str) -> None:
    result = check("serve", *settings(folder), "--database", junk)
    assert (result.exit_code, "file is not a database" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u@h/x",
        "postgresql+asyncpg://u@h/x",
        "sqlite+aiosqlite:///x.db",
        "oracle://u@h/x",
        "postgresql+psycopg://u@h:notaport/x",
    ],
)
def test_a_url_that_names_no_database_of_ours_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(DatabaseUnusableError) as refused:
        Database(url)
    assert "postgresql+psycopg://" in refused.value.remedy
    assert isinstance(Shell(tmp_path, url).refused("tenant", "list"), DatabaseUnusableError)


@pytest.mark.parametrize("issuer", ["https://[bad", "https://h:notaport", "https://", "ftp://h"])
def test_an_issuer_that_is_no_address_is_refused(folder: Path, shell: Shell, issuer: str) -> None:
    result = check("serve", *settings(folder), "--openid-issuer", issuer, "--openid-audience", "x")
    assert result.exit_code == 1
    assert "not an https address" in result.stderr
    linked = shell.refused("user", "link", "amy", "--issuer", issuer, "--subject", "s")
    assert isinstance(linked, OpenIdConfigurationError)


@pytest.mark.parametrize(
    ("issuer", "subject"),
    [
        ("https://idp.example", "s" * 257),
        ("https://idp.example", ""),
        ("https://idp.example", "a\udcff"),
        ("https://idp.example/" + "i" * 493, "s"),
    ],
)
def test_an_account_is_linked_to_what_both_databases_can_hold(
    api: Api, shell: Shell, issuer: str, subject: str
) -> None:
    error = shell.refused("user", "link", "amy", "--issuer", issuer, "--subject", subject)
    assert isinstance(error, SubjectRefusedError)
    assert api.count("external_subjects") == 0
    shell.ok("user", "link", "amy", "--issuer", issuer[:512], "--subject", "s" * 256)


@pytest.mark.parametrize("command", [("create", "fresh"), ("endpoint", "acme")])
def test_an_endpoint_is_what_both_databases_can_hold(shell: Shell, command: Sequence[str]) -> None:
    before = shell.ok("tenant", "list", "--json")
    longest = f"mqtts://{'h' * 2035}:8883"
    refused = shell.refused("tenant", *command, "--endpoint", longest.replace("//h", "//hh"))
    assert isinstance(refused, EndpointRefusedError)
    assert "2048" in str(refused)
    assert shell.ok("tenant", "list", "--json") == before
    shell.ok("tenant", *command, "--endpoint", longest)


@pytest.mark.parametrize("options", [[], ["--json"], ["--dry-run"]])
def test_an_import_wants_a_file_that_it_can_read_twice(shell: Shell, options: list[str]) -> None:
    pipe = shell.folder / "pipe.csv"
    os.mkfifo(pipe)
    before = set(shell.folder.iterdir())
    for path in (str(pipe), "/dev/null", str(shell.folder)):
        error = shell.refused("device", "import", "acme", path, "--format", "csv", *options)
        assert isinstance(error, FileUnreadableError)
        assert "not a file" in str(error)
    assert set(shell.folder.iterdir()) == before


def test_an_export_into_what_is_no_file_is_refused_and_replaces_nothing(shell: Shell) -> None:
    pipe = shell.folder / "pipe"
    os.mkfifo(pipe)
    before = set(shell.folder.iterdir())
    for output in (shell.folder, pipe, shell.folder / "nowhere" / "x", Path("/dev/full/x")):
        error = shell.refused("device", "export", "acme", "--output", str(output))
        assert isinstance(error, FileNotWritableError)
    assert set(shell.folder.iterdir()) == before
    assert pipe.is_fifo()


@pytest.mark.parametrize("value", ["\udcff", "a\udcff*"])
def test_a_filter_that_is_no_text_is_not_understood(shell: Shell, value: str) -> None:
    for filters in (f"/ext/a={value}", f"/ext/{value}=a"):
        assert shell.run("device", "list", "acme", "--filter", filters).exit_code == 2

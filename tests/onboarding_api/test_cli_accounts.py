"""The command line of accounts, keys and the audit trail, and what running servers notice of it."""

import json
import subprocess
from pathlib import Path

import pytest

from onboarding_api.domain.errors import AuditBrokenError, AuditUnknownError, UserExistsError, UserUnknownError
from tests.onboarding_api.actors import PASSWORD, Api, database_url, document
from tests.onboarding_api.managers import Manager, expect_refusal
from tests.onboarding_api.shell import Shell
from tests.onboarding_api.test_sessions import ask, sign_in, works


@pytest.fixture
def shell(folder: Path) -> Shell:
    return Shell(folder, database_url(folder))


def test_accounts_are_listed_without_their_passwords(shell: Shell) -> None:
    listed = json.loads(shell.ok("user", "list", "--tenant", "acme", "--json"))
    assert [each["name"] for each in listed] == ["amy", "ann", "bob"]
    assert listed[0].keys() == {"id", "name", "role", "tenant", "disabled", "password"}
    everybody = shell.ok("user", "list")
    assert "root  operator\n" in everybody
    assert "argon2" not in everybody + json.dumps(listed)


@pytest.mark.parametrize(
    ("command", "stdin", "afterwards"),
    [
        (["password", "amy", "--password-stdin"], "a new password\n", 401),
        (["disable", "amy"], "", 401),
        (["delete", "amy"], "", 401),
    ],
)
def test_a_changed_account_is_signed_out_everywhere_at_once(
    shell: Shell, api: Api, command: list[str], stdin: str, afterwards: int
) -> None:
    granted, amy = sign_in(api, "amy"), Manager.of(api, "amy")
    amy.get("/v1/tenants/acme")
    assert works(api, granted)
    changed = json.loads(shell.ok("user", *command, "--json", stdin=stdin))
    assert (changed["name"], changed["tenant"]) == ("amy", "acme")
    assert not works(api, granted)
    assert ask(api, granted["refresh_token"]).status_code == 401
    expect_refusal(amy.send("GET", "/v1/tenants/acme"), afterwards)


def test_a_new_password_and_an_enabled_account_work(shell: Shell, api: Api) -> None:
    shell.ok("user", "password", "amy", "--password-stdin", stdin="a new password\n")
    assert api.sign_in("amy", "a new password")
    shell.ok("user", "disable", "amy")
    response = api.app.test_client().post("/v1/tokens", json={"username": "amy", "password": "a new password"})
    assert response.status_code == 401
    shell.ok("user", "enable", "amy")
    assert api.sign_in("amy", "a new password")


def test_a_locked_account_can_be_unlocked(shell: Shell, api: Api) -> None:
    def attempt(password: str) -> int:
        body = {"username": "amy", "password": password}
        return api.app.test_client().post("/v1/tokens", json=body).status_code

    for _ in range(5):
        assert attempt("a wrong password") == 401
    assert attempt(PASSWORD) == 429
    shell.ok("user", "unlock", "amy", "--address", "127.0.0.1")
    assert attempt(PASSWORD) == 200
    assert shell.run("user", "unlock", "amy", "--address", "here").exit_code == 2


@pytest.mark.parametrize("command", ["password", "disable", "enable", "delete", "unlock"])
def test_a_user_who_does_not_exist_is_not_changed(shell: Shell, command: str) -> None:
    arguments = ["--password-stdin"] if command == "password" else []
    result = shell.run("user", command, "nobody", *arguments, stdin=f"{PASSWORD}\n")
    assert isinstance(result.exception, UserUnknownError)


def test_a_name_is_given_once(shell: Shell) -> None:
    result = shell.run("user", "create", "amy", "--role", "operator", "--no-password")
    assert isinstance(result.exception, UserExistsError)


def test_a_user_is_linked_to_one_subject_once(shell: Shell) -> None:
    where = ["--issuer", "https://provider.example", "--subject", "s1"]
    shell.ok("user", "link", "amy", *where)
    assert shell.run("user", "link", "ann", *where).exit_code != 0
    assert shell.run("user", "link", "ann", "--issuer", "http://provider.example", "--subject", "s").exit_code != 0


def test_the_signing_key_can_be_rotated(shell: Shell, api: Api) -> None:
    before = sign_in(api)
    rotated = json.loads(shell.ok("signing-key", "rotate", "--json"))
    published = document(api.app.test_client().get("/.well-known/jwks.json"))
    assert rotated["kid"] in [key["kid"] for key in published["keys"]]
    assert works(api, before)


def test_what_the_console_does_is_in_the_trail(shell: Shell) -> None:
    shell.ok("user", "disable", "amy")
    entry = json.loads(shell.ok("audit", "export", "acme").splitlines()[-1])
    assert (entry["action"], entry["object"], entry["actor"]["role"]) == ("user.disabled", "user/amy", "console")
    assert entry["actor"]["name"]
    assert entry["origin"]["address"]


def test_an_export_is_verified_anywhere_and_against_a_head_that_was_kept(shell: Shell, tmp_path: Path) -> None:
    kept = {each["chain"]: each["head"] for each in json.loads(shell.ok("audit", "heads", "--json"))}
    shell.ok("user", "disable", "amy")
    exported = shell.ok("audit", "export", "acme")
    file = tmp_path / "acme.ndjson"
    file.write_text(exported)
    proven = json.loads(shell.ok("audit", "verify", str(file), "--head", kept["tenant:acme"], "--json"))
    assert (proven["chain"], proven["first"]) == ("tenant:acme", 1)
    assert f"head {proven['head']}" in shell.ok("audit", "verify")
    assert shell.ok("audit", "verify", "--chain", "tenant:acme", "--head", kept["tenant:acme"])
    file.write_text("".join(exported.splitlines(keepends=True)[:1]))
    assert isinstance(
        shell.run("audit", "verify", str(file), "--head", kept["tenant:acme"]).exception, AuditBrokenError
    )
    file.write_text(exported.rstrip("\n"))
    assert isinstance(shell.run("audit", "verify", str(file)).exception, AuditBrokenError)
    assert isinstance(shell.run("audit", "verify", str(tmp_path / "none")).exception, AuditUnknownError)
    assert isinstance(shell.run("audit", "export", "nobody").exception, AuditUnknownError)
    assert shell.run("audit", "verify", "--head", kept["service"]).exit_code == 2


def test_an_export_can_go_on_where_the_last_one_ended(shell: Shell, tmp_path: Path) -> None:
    first = shell.ok("audit", "export", "acme").splitlines()
    shell.ok("user", "disable", "amy")
    rest = shell.ok("audit", "export", "acme", "--since", str(len(first)))
    file = tmp_path / "rest.ndjson"
    file.write_text(rest)
    told = shell.ok("audit", "verify", str(file))
    assert f"entries {len(first) + 1} to {len(first) + 1} are whole, after {len(first)}:" in told
    assert [*first, *rest.splitlines()] == shell.ok("audit", "export", "acme").splitlines()


def test_a_moment_is_written_as_everywhere(shell: Shell) -> None:
    entry = json.loads(shell.ok("audit", "export").splitlines()[0])
    assert entry["at"] == "2025-06-15T12:00:00Z"


def test_the_documented_way_to_verify_needs_nothing_of_ours(shell: Shell, tmp_path: Path) -> None:
    for command in ("disable", "enable", "disable"):
        shell.ok("user", command, "amy")
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()
    (script,) = [block for block in page.split("```") if block.startswith("sh\nprevious=")]
    exported = shell.ok("audit", "export", "acme")
    proven = json.loads(shell.ok("audit", "verify", "--chain", "tenant:acme", "--json"))

    def told() -> str:
        done = subprocess.run(["sh", "-c", script[3:]], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout

    (tmp_path / "acme.ndjson").write_text(exported)
    assert told() == f"head {proven['head'].partition(':')[2]}\n"
    (tmp_path / "acme.ndjson").write_text(exported.replace('"user.enabled"', '"user.deleted"'))
    assert told().startswith("broken at: ")

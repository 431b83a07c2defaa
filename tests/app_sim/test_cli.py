import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from app_sim import errors
from app_sim.cli import main
from app_sim.config import Account
from app_sim.documents import ProblemError
from app_sim.errors import AppError, ConfigurationRejectedError, ContactMissingError, EndpointError, LinkLostError
from app_sim.progress import JsonLines, Lines, Progress, StepName
from onboarding_protocol.members import EndpointResult
from tests.app_sim.conftest import Api, free_port
from tests.app_sim.device import Device
from tests.app_sim.test_label import draw, new_label

NO_BUS = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}
CANARY = "canary passphrase"


def run(*arguments: str, text: str = "", **variables: str) -> Result:
    return CliRunner().invoke(main, arguments, input=text, env={**NO_BUS, **variables})


def error_of(result: Result) -> dict[str, object]:
    assert result.exit_code == 1
    found = json.loads(result.stdout.splitlines()[-1])["error"]
    assert {"type", "message", "remedy"} <= found.keys()
    assert isinstance(found, dict)
    return found


@pytest.fixture
def files(tmp_path: Path, api: Api) -> list[str]:
    (tmp_path / "password").write_text(api.passwords["alice"] + "\n")
    (tmp_path / "wifi").write_text(CANARY + "\n")
    return ["--password-file", str(tmp_path / "password"), "--wifi-password-file", str(tmp_path / "wifi")]


def onboard(*arguments: str, url: str = "http://127.0.0.1:1", text: str = "") -> Result:
    common = ["--api", url, "--user", "alice", "--wifi", "Home", "--json"]
    return run("onboard", *common, *arguments, text=text)


def test_a_picture_that_is_no_label_ends_with_what_to_do(tmp_path: Path, files: list[str]) -> None:
    draw("https://example.com", tmp_path / "other.png")
    error = error_of(onboard("--label", str(tmp_path / "other.png"), *files))
    assert error["type"] == "label-foreign"
    assert error["step"] == "label"


def test_a_machine_without_bluetooth_ends_with_what_to_do(api: Api, files: list[str]) -> None:
    result = onboard("--label", str(new_label()), *files, url=api.url)
    assert error_of(result)["type"] == "bluetooth-unavailable"
    steps = [json.loads(line) for line in result.stdout.splitlines()[:-1]]
    assert {"step": "scan", "ok": False} in [{"step": step["step"], "ok": step["ok"]} for step in steps]
    assert CANARY not in result.output


def test_an_unreachable_api_ends_with_what_to_do() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    error = error_of(run("status", "1", "--api", url, "--user", "x", "--password-file", "-", "--json", text="secret"))
    assert error["type"] == "api-unreachable"
    assert url in str(error["message"])
    assert "secret" not in str(error)


def test_a_wrong_login_is_the_api_s_problem_document(api: Api) -> None:
    arguments = ["status", "1", "--api", api.url, "--user", "alice", "--password-file", "-"]
    error = error_of(run(*arguments, "--json", text="wrong"))
    assert error["type"] == "urn:onboarding:problem:credentials-refused"
    assert error["status"] == 401
    human = run(*arguments, text="wrong")
    assert human.exit_code == 1
    assert human.stderr.splitlines() == [f"Error: {error['message']}", error["remedy"]]


def test_the_status_of_an_onboarding_is_shown_to_people_and_programs(api: Api) -> None:
    with httpx.Client(base_url=api.url) as http:
        login = {"username": "alice", "password": api.passwords["alice"]}
        token = http.post("/v1/tokens", json=login).json()["access_token"]
        key = Device().uri.partition("K:")[2].removesuffix(";;")
        opened = http.post(
            "/v1/onboardings", json={"bootstrapping_key": key}, headers={"Authorization": f"Bearer {token}"}
        ).json()
    variables = {"ONBOARDING_API": api.url, "ONBOARDING_USER": "alice", "ONBOARDING_PASSWORD_FILE": "-"}
    machine = run("status", opened["id"], "--json", text=api.passwords["alice"], **variables)
    assert machine.exit_code == 0
    assert json.loads(machine.stdout)["result"]["state"] == "open"
    human = run("status", opened["id"], text=api.passwords["alice"], **variables)
    assert human.stdout == f"{opened['id']}: open, no device yet\n"


@pytest.mark.parametrize(
    ("missing", "kind"),
    [
        ("--password-file", "password-missing"),
        ("--wifi-password-file", "wifi-password-missing"),
    ],
)
def test_what_nobody_can_be_asked_for_must_be_given(files: list[str], missing: str, kind: str) -> None:
    at = files.index(missing)
    assert error_of(onboard("--label", "DPP:", *files[:at], *files[at + 2 :]))["type"] == kind


def test_without_a_network_and_without_a_terminal_there_is_nothing_to_do(files: list[str]) -> None:
    result = run("onboard", "--label", "DPP:", "--api", "http://x", "--user", "x", "--json", *files)
    assert error_of(result)["type"] == "wifi-network-missing"


@pytest.mark.parametrize("content", [b"\xff\xfecanary", b"\n\n", None])
def test_a_password_file_that_is_useless_is_named_and_not_shown(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "password").write_bytes(content)
    arguments = ["--api", "http://x", "--user", "x", "--password-file", str(tmp_path / "password"), "--json"]
    error = error_of(run("status", "1", *arguments))
    assert str(error["type"]).startswith("password-")
    assert "canary" not in str(error)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--label", "DPP:", "--password-file", "-", "--wifi-password-file", "-"],
        ["--label", "DPP:", "--wifi", "x" * 33],
        ["--label", "DPP:", "--timeout", "0"],
        [],
    ],
)
def test_a_wrong_command_line_is_told_from_a_failure(arguments: list[str]) -> None:
    assert onboard(*arguments).exit_code == 2


def test_a_scan_for_a_label_needs_bluetooth() -> None:
    result = run("scan", "--seconds", "0.1", "--label", str(new_label()))
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 2
    assert result.stdout == ""


def test_the_installed_program_answers_in_json() -> None:
    program = Path(sys.executable).parent / "app-sim"
    arguments: list[str | Path] = [program, "scan", "--seconds", "0.1", "--json"]
    done = subprocess.run(arguments, env={**os.environ, **NO_BUS}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["type"] == "bluetooth-unavailable"
    assert done.stderr == ""


def every_error() -> list[AppError]:
    special: dict[type[AppError], AppError] = {
        ConfigurationRejectedError: ConfigurationRejectedError("x", None),
        ContactMissingError: ContactMissingError("x", "1"),
        EndpointError: EndpointError(EndpointResult.REFUSED, None),
    }
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AppError)]
    return [special.get(kind) or kind("x") for kind in kinds if kind is not AppError] + [ProblemError({}, 500)]


@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
def test_every_error_says_what_to_do_and_can_be_told_by_a_program(error: AppError) -> None:
    document = json.loads(json.dumps(error.to_json()))
    assert document["remedy"].endswith((".", "1", "its log says more.", ";;"))
    assert document["type"]


def test_every_error_has_a_type_of_its_own() -> None:
    types = [error.type for error in every_error()]
    assert len(types) == len(set(types))


def test_an_account_does_not_show_its_password() -> None:
    assert CANARY not in repr(Account("http://x", "alice", CANARY))


def test_a_failed_step_is_told_to_a_program_and_left_to_the_error_for_a_person(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for view in (JsonLines(sys.stdout), Lines(Console(highlight=False))):
        with (
            pytest.raises(LinkLostError) as error,
            Progress(view, iter((0.0, 2.5)).__next__).step(StepName.CONNECT, "connected"),
        ):
            raise LinkLostError("gone")
        assert error.value.step == "connect"
    assert json.loads(capsys.readouterr().out) == {"step": "connect", "ok": False, "seconds": 2.5, "facts": {}}


def test_facts_from_outside_cannot_style_or_steer_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(Lines(Console(highlight=False)), iter((0.0, 0.5)).__next__)
    with progress.step(StepName.SCAN, "device found") as step:
        step.facts |= {"name": "[red]\x1b[2J", "rssi": -40, "serial": None}
    assert capsys.readouterr().out == "   0.50 s  scan         device found: name [red]\\x1b[2J, rssi -40\n"


def test_on_a_terminal_the_running_step_is_shown_and_a_question_has_the_screen_for_itself() -> None:
    console = Console(force_terminal=True, width=80, record=True)
    view = Lines(console)
    progress = Progress(view, lambda: 0.0)
    with progress.step(StepName.WIFI, "Wi-Fi chosen"), view.asking():
        console.print("a question")
    assert "wifi …" in console.export_text()

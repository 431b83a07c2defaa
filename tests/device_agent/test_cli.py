"""The command line as a person or a script meets it: every error a sentence and a remedy, never a traceback."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from device_agent.store import read_record
from tests.world.world import BIN

ROOT = Path(__file__).parents[2]
AS_NOBODY = """
import os
import device_agent.companions
import device_agent.label
import device_agent.wifi.simulated
from device_agent.cli import main
os.setuid(65534)
main()
"""
WITHOUT_LIBRARIES = """
import sys
from device_agent.cli import main
sys.path.insert(0, sys.argv.pop(1))
main()
"""
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text('state = "state"\nserial = "SN-1"\n[wifi]\nnetworks = "networks.toml"\n')
    return path


@pytest.fixture
def command(config: Path) -> Command:
    def run(*arguments: str | Path, nobody: bool = False) -> "subprocess.CompletedProcess[str]":
        program: list[str | Path] = [sys.executable, "-c", AS_NOBODY] if nobody else [BIN / "device-agent"]
        line = [*program, "--config", config, *arguments]
        return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    return run


def complaint(done: "subprocess.CompletedProcess[str]", code: int = 1) -> str:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert len(done.stderr.splitlines()) >= 2
    return done.stderr


def test_the_label_is_the_same_each_time_and_in_each_form(command: Command, tmp_path: Path) -> None:
    first = json.loads(command("label", "--json").stdout)
    again = command("label", "--png", tmp_path / "label.png", "--svg", tmp_path / "label.svg", "--json")
    assert json.loads(again.stdout) == first
    assert first.keys() == {"uri", "code", "serial", "name"}
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO((tmp_path / "label.png").read_bytes())))
    assert found.text == first["uri"]
    assert first["code"] in (tmp_path / "label.svg").read_text()
    assert first["code"] in command("label").stdout


def test_status_without_an_agent_is_what_the_disk_says_and_changes_nothing(command: Command, tmp_path: Path) -> None:
    told = command("status", "--json")
    assert json.loads(told.stdout) == {"running": False, "state": "new", "window": None}
    assert told.returncode == 0
    assert not (tmp_path / "state").exists()
    assert command("status").stdout == "running: False\nstate: new\n"


def test_a_reset_without_an_agent_counts(command: Command, tmp_path: Path) -> None:
    for resets in (1, 2):
        assert json.loads(command("reset", "--yes", "--json").stdout) == {"reset": True, "resets": resets}
    (tmp_path / "state" / "record.json").write_text("{")
    assert "device-agent reset" in complaint(command("run"))
    assert json.loads(command("reset", "--yes", "--json").stdout)["resets"] == 3
    assert read_record(tmp_path / "state").resets == 3


def test_a_reset_asks_first(command: Command, tmp_path: Path) -> None:
    assert command("reset").returncode == 1
    assert not (tmp_path / "state").exists()


def test_a_reset_never_goes_behind_the_back_of_an_agent_that_does_not_answer(command: Command, tmp_path: Path) -> None:
    holder = "import sys, pathlib, device_agent.store as s; s.Store(pathlib.Path(sys.argv[1])); print(); input()"
    line: list[str | Path] = [sys.executable, "-c", holder, tmp_path / "state"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as agent:
        assert agent.stdout is not None
        agent.stdout.readline()
        assert "another process uses" in complaint(command("reset", "--yes"))
        agent.communicate("\n")
    assert read_record(tmp_path / "state").resets == 0


def test_opening_needs_an_agent(command: Command) -> None:
    refused = command("open", "--json")
    assert "device-agent run" in complaint(refused)
    assert json.loads(refused.stdout)["error"]["type"] == "NotRunningError"
    assert command("open", "--seconds", "901").returncode == 2


@pytest.mark.parametrize("name", ["run", "label", "status", "open", "reset"])
@pytest.mark.parametrize("text", [None, "state = ", 'state = "a\\u0000b"', "[" * 5000])
def test_a_configuration_that_cannot_be_used_is_told(
    command: Command, config: Path, name: str, text: str | None
) -> None:
    config.unlink()
    if text is not None:
        config.write_text(text)
    assert str(config) in complaint(command(name))


@pytest.mark.parametrize("name", ["run", "label", "reset"])
def test_a_state_directory_that_cannot_be_made_is_told(command: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / "state").write_text("in the way")
    assert "state" in complaint(command(name, *(["--yes"] if name == "reset" else [])))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("name", ["run", "label", "status", "open", "reset"])
def test_somebody_else_is_told_to_run_it_as_its_user(command: Command, tmp_path: Path, name: str) -> None:
    command("label")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    refused = command(name, *(["--yes"] if name == "reset" else []), nobody=True)
    assert "user" in complaint(refused)


def test_a_wifi_that_is_not_configured_is_told(command: Command, config: Path) -> None:
    config.write_text('state = "state"\n[wifi]\nbackend = "simulated"\n')
    assert "wifi.networks" in complaint(command("run"))


def test_a_picture_that_cannot_be_written_is_told(command: Command, tmp_path: Path) -> None:
    assert "folder" in complaint(command("label", "--png", tmp_path / "none" / "label.png"))


def test_a_good_configuration_is_said_to_be_with_its_files(command: Command, config: Path) -> None:
    drop_in = config.with_suffix(".d") / "10-serial.toml"
    drop_in.parent.mkdir()
    drop_in.write_text('serial = "SN-2"')
    for line in (["check-config", "--json"], ["run", "--check-config", "--json"]):
        told = command(*line)
        assert json.loads(told.stdout) == {"good": True, "files": [str(config), str(drop_in)]}
    assert not (config.parent / "state").exists()


def test_each_problem_of_a_configuration_is_told_for_people_and_for_scripts(command: Command, config: Path) -> None:
    config.write_text('seriel = "x"\nclock = "guess"\n')
    refused = command("check-config", "--json")
    lines = complaint(refused).splitlines()
    problems = json.loads(refused.stdout)["error"]["problems"]
    assert [(problem["key"], problem["remedy"]) for problem in problems] == [
        ("seriel", "Did you mean `serial`?"),
        ("clock", "Write one of: keep, set."),
    ]
    assert all(any(problem["message"] in line for line in lines) for problem in problems)


def test_what_a_configuration_names_and_the_machine_lacks_is_told_before_anything_runs(
    command: Command, config: Path
) -> None:
    hooks = '[hooks]\nconnected = ["/none/at/all"]\nfailed = ["/bin/true"]\n[button]\ninput = "/dev/input/none"\n'
    config.write_text(f'led = "none"\n{hooks}[wifi]\nbackend = "simulated"\n')
    refused = command("run", "--check-config", "--json")
    complaint(refused)
    problems = json.loads(refused.stdout)["error"]["problems"]
    assert {problem["key"] for problem in problems} == {"wifi", "led", "hooks.connected", "button.input"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work on somebody else's directory")
def test_what_root_makes_in_the_agents_directory_belongs_to_the_agent(command: Command, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    os.chown(state, 65534, 65534)
    command("label")
    command("reset", "--yes")
    assert {(path.stat().st_uid, path.stat().st_gid) for path in state.iterdir()} == {(65534, 65534)}
    assert len(list(state.glob("*.pem"))) == 2


def test_an_error_in_systemds_journal_has_an_errors_priority(config: Path, tmp_path: Path) -> None:
    config.write_text("state = ")
    with (tmp_path / "journal").open("w") as journal:
        status = os.fstat(journal.fileno())
        environment = {**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        line: list[str | Path] = [BIN / "device-agent", "--config", config, "run"]
        subprocess.run(line, stderr=journal, env=environment, check=False, timeout=60)
    lines = (tmp_path / "journal").read_text().splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("<3>") for line in lines)


@pytest.mark.parametrize("how", ["raise ImportError", "raise TypeError('as 1.2 does beside a newer cryptography')"])
@pytest.mark.parametrize(
    ("keys", "library"),
    [
        ('store = "tpm"', "tpm2_pytss"),
        ('store = "pkcs11"\nmodule = "/m.so"\ntoken = "t"\npin_file = "p"', "pkcs11"),
    ],
    ids=["tpm", "pkcs11"],
)
def test_hardware_without_its_library_is_told(config: Path, tmp_path: Path, keys: str, library: str, how: str) -> None:
    config.write_text(f"{config.read_text()}[keys]\n{keys}\n")
    (tmp_path / "networks.toml").write_text("")
    (tmp_path / "libraries").mkdir()
    (tmp_path / "libraries" / f"{library}.py").write_text(how)
    for command in ("check-config", "label", "run"):
        line: list[str | Path] = [
            sys.executable,
            "-c",
            WITHOUT_LIBRARIES,
            tmp_path / "libraries",
            "--config",
            config,
            command,
        ]
        told = complaint(subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60))
        assert "hardware-keys" in told
        assert ("agent.toml: keys: " in told) is (command == "check-config")

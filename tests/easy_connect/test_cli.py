"""The commands as somebody types them: what they show, what they hide, how they end."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from app_sim.cli import main
from app_sim.easy_connect import errors
from app_sim.errors import AppError
from app_sim.label import read_label
from onboarding_protocol.bootstrapping import BootstrappingUri
from tests.app_sim.test_label import draw
from tests.protocol import samples
from tests.world.process import Process
from tests.world.world import BIN, Command, free_port

CANARY = "canary passphrase"
URI = str(BootstrappingUri(samples.LABEL))
GIVE: list[str | Path] = ["configure", "--uri", URI, "--ssid", "Home", "--akm", "psk"]


def run(*arguments: str | Path, text: str = "", **variables: str) -> Result:
    return CliRunner().invoke(main, ["easy-connect", *map(str, arguments)], input=text, env=variables)


def error_of(result: Result) -> dict[str, object]:
    assert result.exit_code == 1, result.output
    found = json.loads(result.stdout.splitlines()[-1])["error"]
    assert {"type", "message", "remedy"} <= found.keys()
    assert isinstance(found, dict)
    return found


async def start(folder: Path, name: str, *arguments: str | Path) -> Process:
    return await Process.start(name, [BIN / "app-sim", "easy-connect", *arguments], folder)


@pytest.mark.parametrize("show", [False, True])
async def test_no_secret_is_shown_unless_asked_for(tmp_path: Path, show: bool) -> None:
    (tmp_path / "wifi").write_text(CANARY)
    grant = samples.grant()
    (tmp_path / "members").write_text(json.dumps({"/example": {"token": CANARY}, **grant.to_members()}))
    more = ["--show-secrets"] if show else []
    enrolling = await start(tmp_path, "enroll", "enroll", "--listen", "127.0.0.1:0", "--json", *more)
    listening = (await enrolling.wait_for(lambda event: "listening" in event))["listening"]
    assert isinstance(listening, dict)
    where: Command = ["--uri", listening["uri"], "--tcp", listening["address"]]
    what: Command = [
        "--ssid",
        "Home",
        "--akm",
        "psk",
        "--password-file",
        tmp_path / "wifi",
        "--members",
        tmp_path / "members",
    ]
    configuring = await start(tmp_path, "configure", "configure", *where, *what, *more)
    codes = await asyncio.gather(configuring.finish(), enrolling.finish())
    assert codes[1] == 0, enrolling.story
    assert codes[0] == 1, "our enrollee says that it joined no network"
    assert (enrolling.story.count(CANARY) == 2) == show
    assert CANARY not in configuring.story
    assert (grant.assignment in enrolling.story) == show


async def test_a_person_sees_a_symbol_that_a_camera_reads_and_what_was_given(tmp_path: Path) -> None:
    (tmp_path / "wifi").write_text(CANARY)
    address = f"127.0.0.1:{free_port()}"
    enrolling = await start(tmp_path, "enroll", "enroll", "--listen", address, "--joining", "ok")
    await enrolling.wait_line("Listening at")
    uri = next(line for line in enrolling.text if line.startswith("DPP:"))
    symbol = enrolling.text[: enrolling.text.index(uri)]
    draw_characters(symbol, tmp_path / "symbol.png")
    assert str(read_label(str(tmp_path / "symbol.png"))) == uri
    what: Command = ["--ssid", "Home", "--akm", "psk", "--password-file", tmp_path / "wifi", "--tcp", address]
    configuring = await start(tmp_path, "configure", "configure", "--uri", tmp_path / "symbol.png", *what)
    assert await configuring.finish() == 0, configuring.story
    assert await enrolling.finish() == 0
    assert configuring.text[-2:] == [
        'It says of itself: name "app-sim", wi-fi_tech "infra", netRole "sta"',
        'Result: ok. Connection Status: result 0, ssid64 "SG9tZQ"',
    ]
    assert '      "akm": "psk",' in enrolling.text
    assert enrolling.text[-1] == "Configured; a Connection Status was sent."


def draw_characters(rows: list[str], path: Path) -> None:
    """Photograph a terminal."""
    light = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}
    picture = Image.new("L", (len(rows[0]), 2 * len(rows)))
    for y, row in enumerate(rows):
        for x, character in enumerate(row):
            for half in (0, 1):
                picture.putpixel((x, 2 * y + half), 255 * light[character][half])
    picture.resize((picture.width * 6, picture.height * 6), Image.Resampling.NEAREST).save(path)


def test_nobody_there_ends_with_what_to_do() -> None:
    error = error_of(run(*GIVE, "--tcp", f"127.0.0.1:{free_port()}", "--password-file", "-", "--json", text=CANARY))
    assert (error["type"], error["step"]) == ("peer-unreachable", "connect")
    assert CANARY not in str(error)


def test_a_machine_without_bluetooth_ends_with_what_to_do() -> None:
    nowhere = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}
    result = run(*GIVE, "--ble", "--password-file", "-", "--json", text=CANARY, **nowhere)
    assert error_of(result)["type"] == "bluetooth-unavailable"
    human = run(*GIVE, "--ble", "--password-file", "-", text=CANARY, **nowhere)
    assert len(human.stderr.splitlines()) == 2


def test_the_api_s_password_is_never_taken_for_the_network_s(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(CANARY)
    result = run(*GIVE, "--tcp", "127.0.0.1:1", "--json", ONBOARDING_PASSWORD_FILE=str(tmp_path / "password"))
    assert error_of(result)["type"] == "wifi-password-unfit"
    named = run(*GIVE, "--tcp", "127.0.0.1:1", "--json", ONBOARDING_WIFI_PASSWORD_FILE=str(tmp_path / "password"))
    assert error_of(named)["type"] == "peer-unreachable"


@pytest.mark.parametrize("secret", ["short77", "x" * 64, "tab\tinside it", ""])
def test_a_password_that_the_standard_does_not_allow_is_told_and_not_shown(secret: str) -> None:
    error = error_of(run(*GIVE, "--tcp", "127.0.0.1:1", "--password-file", "-", "--json", text=secret))
    assert error["type"] == "wifi-password-unfit"
    assert not secret or secret not in str(error)


@pytest.mark.parametrize("content", ["[1]", '{"pass": 1}', '{"/a": 1.5}', "{", None])
def test_members_that_are_none_are_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "members").write_text(content)
    arguments: Command = ["--tcp", "127.0.0.1:1", "--password-file", "-", "--members", tmp_path / "members", "--json"]
    assert error_of(run(*GIVE, *arguments, text=CANARY))["type"] == "members-unreadable"


@pytest.mark.parametrize("content", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_file_that_holds_no_key_is_neither_used_nor_overwritten(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content)
    arguments: Command = ["--tcp", "127.0.0.1:1", "--akm", "dpp", "--configurator-key", tmp_path / "key", "--json"]
    assert error_of(run(*GIVE, *arguments))["type"] == "key-unusable"
    assert (tmp_path / "key").read_text() == content


def test_a_label_that_is_none_ends_with_what_to_do(tmp_path: Path) -> None:
    draw("https://example.com", tmp_path / "other.png")
    what: Command = ["--ssid", "Home", "--tcp", "127.0.0.1:1", "--json"]
    assert error_of(run("configure", "--uri", tmp_path / "other.png", *what))["type"] == "label-foreign"


def test_all_of_it_may_be_given_a_limit() -> None:
    error = error_of(run("enroll", "--listen", "127.0.0.1:0", "--timeout", "0.05", "--json"))
    assert error["type"] == "overdue"


def test_an_address_that_is_taken_ends_with_what_to_do() -> None:
    assert error_of(run("enroll", "--listen", "203.0.113.1:1", "--json"))["type"] == "address-unusable"


@pytest.mark.parametrize(
    "arguments",
    [
        GIVE,
        [*GIVE, "--ble", "--tcp", "127.0.0.1"],
        [*GIVE, "--tcp", "127.0.0.1:x"],
        [*GIVE, "--tcp", "127.0.0.1", "--akm", "dpp"],
        [*GIVE, "--tcp", "127.0.0.1", "--ssid", "x" * 33],
        ["enroll", "--tcp", "127.0.0.1"],
        ["enroll", "--uri", URI],
        ["enroll", "--name", "a\nb"],
        ["enroll", "--listen", "127.0.0.1:1", "--tcp", "127.0.0.1", "--uri", URI],
        ["decode"],
        ["decode", "-", "--key", "ke=12"],
    ],
)
def test_a_wrong_command_line_is_told_from_a_failure(arguments: Command) -> None:
    assert run(*arguments).exit_code == 2


def test_every_error_says_what_to_do() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AppError)]
    own = [kind for kind in kinds if kind.__module__ == errors.__name__]
    assert len(own) >= 10
    assert all("remedy" in vars(kind) or "remedy" in kind.__init__.__code__.co_names for kind in own)


def test_the_commands_are_part_of_the_installed_program() -> None:
    program = Path(sys.executable).parent / "app-sim"
    done = subprocess.run([program, "easy-connect", "--help"], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in ("configure", "enroll", "decode"))

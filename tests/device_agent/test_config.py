import os
import pwd
from pathlib import Path

import pytest

from device_agent.config import WINDOW_SECONDS_MAX, ClockPolicy, read_config
from device_agent.errors import ConfigurationFileError
from device_agent.other_writers import other_writers
from device_agent.wifi import open_wifi

NOBODY = 65534
UNKNOWN = 4_000_000_000


def config_file(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "agent.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_an_empty_file_is_a_configuration(tmp_path: Path) -> None:
    config = read_config(config_file(tmp_path, ""))
    assert config.state == Path("/var/lib/device-agent")
    assert config.control_socket == Path("/var/lib/device-agent/control.sock")
    assert (config.clock, config.window_seconds) == (ClockPolicy.KEEP, 300)


def test_paths_count_from_the_files_folder(tmp_path: Path) -> None:
    text = 'state = "here/state"\nclock = "set"\n[wifi]\nnetworks = "../networks.toml"\n'
    config = read_config(config_file(tmp_path, text))
    assert config.state == tmp_path / "here/state"
    assert config.wifi.networks == tmp_path / "../networks.toml"
    assert config.clock is ClockPolicy.SET
    assert read_config(config_file(tmp_path, 'state = "/elsewhere"')).state == Path("/elsewhere")


def test_every_relative_path_counts_from_the_files_folder(tmp_path: Path) -> None:
    text = 'state = "s"\ncontrol = "c"\n[wifi]\nnetworks = "n"\ncontrol = "w"\n[button]\ninput = "b"\n'
    config = read_config(config_file(tmp_path, f'{text}[keys]\nmodule = "m.so"\npin_file = "p"\n'))
    paths = (config.state, config.control, config.wifi.networks, config.wifi.control, config.button.input)
    assert paths == tuple(tmp_path / name for name in ("s", "c", "n", "w", "b"))
    assert (config.keys.module, config.keys.pin_file) == (tmp_path / "m.so", tmp_path / "p")


@pytest.mark.parametrize(
    "text",
    [
        "state = ",
        b"\xff\xfe",
        "state = 1",
        'state = ""',
        'state = "a\\u0000b"',
        "serial = 1",
        'serial = ""',
        'serial = "a\\nb"',
        f'model = "{"x" * 65}"',
        'firmware = "\\u001b[2J"',
        'window_seconds = "300"',
        "window_seconds = 0",
        "window_seconds = -1",
        f"window_seconds = {WINDOW_SECONDS_MAX + 1}",
        "window_seconds = 1.5",
        'clock = "guess"',
        "wifi = 1",
        "[wifi]\nnetworks = 1",
        "[wifi]\nbackend = []",
        "[wifi]\njoin_seconds = 0",
        "[wifi]\naddress_seconds = 3600",
        f"a = {'[' * 2000}",
    ],
)
def test_what_is_wrong_is_told_with_the_file(tmp_path: Path, text: str | bytes) -> None:
    path = config_file(tmp_path, text)
    with pytest.raises(ConfigurationFileError) as refused:
        read_config(path)
    assert str(path) in str(refused.value)
    assert refused.value.remedy


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_file_that_cannot_be_read_has_a_remedy(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ConfigurationFileError) as refused:
        read_config(tmp_path if kind == "folder" else tmp_path / "none.toml")
    assert "--config" in refused.value.remedy


@pytest.mark.parametrize("text", ['[wifi]\nbackend = "pigeon"', '[wifi]\nbackend = "simulated"'])
def test_a_wifi_backend_that_cannot_work_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationFileError, match="Wi-Fi") as refused:
        open_wifi(read_config(config_file(tmp_path, text)).wifi)
    assert "wifi." in refused.value.remedy


@pytest.mark.parametrize("text", ["serial = 'Ünïcödé 🛰'", "serial = 'x'", f"serial = '{'x' * 64}'"])
def test_a_printable_text_is_taken_as_it_is(tmp_path: Path, text: str) -> None:
    assert f"serial = '{read_config(config_file(tmp_path, text)).serial}'" == text


def test_drop_ins_count_in_the_order_of_their_names_key_by_key(tmp_path: Path) -> None:
    path = config_file(tmp_path, 'serial = "main"\nmodel = "main"\n[wifi]\nnetworks = "main.toml"\n')
    folder = tmp_path / "agent.d"
    folder.mkdir()
    (folder / "20-late.toml").write_text('serial = "late"\n[hooks]\nconnected = ["/bin/true"]\n')
    (folder / "10-early.toml").write_text('serial = "early"\nwindow_seconds = 60\n[hooks]\nseconds = 3\n')
    (folder / "README").write_text("not TOML at all [")
    config = read_config(path)
    assert (config.serial, config.model, config.window_seconds) == ("late", "main", 60)
    assert (config.hooks.connected, config.hooks.seconds) == (("/bin/true",), 3)
    assert config.wifi.networks == tmp_path / "main.toml"


def test_every_problem_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    path = config_file(tmp_path, 'window_secnods = 60\nclock = "guess"\nwifi = 1\n')
    drop_in = tmp_path / "agent.d" / "10.toml"
    drop_in.parent.mkdir()
    drop_in.write_text('serial = ""\n[button]\nkeys = 1\n[pigeon]\n')
    with pytest.raises(ConfigurationFileError) as refused:
        read_config(path)
    told = {(problem.file, problem.key): problem.remedy for problem in refused.value.problems}
    assert told[path, "window_secnods"] == "Did you mean `window_seconds`?"
    assert told[path, "clock"] == "Write one of: keep, set."
    assert told[path, "wifi"] == "Write it as a table: [wifi]"
    assert told[drop_in, "button.keys"] == "Did you mean `key`?"
    assert "window_seconds" in told[drop_in, "pigeon"]
    assert told.keys() == {
        *((path, key) for key in ("window_secnods", "clock", "wifi")),
        *((drop_in, key) for key in ("serial", "button.keys", "pigeon")),
    }
    assert all(str(problem) in str(refused.value) for problem in refused.value.problems)


@pytest.mark.parametrize(
    "text",
    [
        "[button]\nkey = 768",
        '[button]\ninput = ""',
        "[button]\nreset_seconds = 1",
        '[hooks]\nconnected = ["beep"]',
        "[hooks]\nconnected = []",
        '[hooks]\nconnected = ["/bin/a\\u0000b"]',
        '[hooks]\nexploded = ["/bin/true"]',
    ],
)
def test_a_button_or_hook_that_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationFileError) as refused:
        read_config(config_file(tmp_path, text))
    assert len(refused.value.problems) == 1


def test_a_file_that_anybody_may_write_is_refused_because_hooks_run_from_it(tmp_path: Path) -> None:
    path = config_file(tmp_path, "")
    path.chmod(0o666)
    with pytest.raises(ConfigurationFileError) as refused:
        read_config(path)
    assert refused.value.remedy == f"chmod o-w {path}"


def test_where_the_owner_is_of_another_system_his_own_group_has_his_number() -> None:
    def status(group: int) -> os.stat_result:
        return os.stat_result((0o100664, 0, 0, 1, UNKNOWN, group, 0, 0, 0, 0))

    assert list(other_writers(status(UNKNOWN))) == []
    assert list(other_writers(status(NOBODY))) == [("can be written by a group", "chmod g-w")]


def test_a_file_of_a_group_of_several_is_refused_and_one_of_its_owners_own_group_is_not(tmp_path: Path) -> None:
    path = config_file(tmp_path, "")
    os.chown(path, -1, pwd.getpwuid(os.geteuid()).pw_gid)
    path.chmod(0o664)
    assert read_config(path)
    if os.geteuid() == 0:
        os.chown(path, -1, NOBODY)
        path.chmod(0o664)
        with pytest.raises(ConfigurationFileError, match="can be written by a group") as refused:
            read_config(path)
        assert refused.value.remedy == f"chmod g-w {path}"


def test_the_control_socket_may_stand_where_a_group_may_enter(tmp_path: Path) -> None:
    assert read_config(config_file(tmp_path, 'control = "here.sock"')).control_socket == tmp_path / "here.sock"

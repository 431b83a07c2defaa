"""The package's life on one device, in this order: installed, used, in trouble, removed, purged."""

import signal
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from tests.package.system import DROP_IN, UNIT, System
from tests.world.process import ProcessError

pytestmark = pytest.mark.asyncio(loop_scope="module")
_NOT_OURS = ("/tmp/", "/var/tmp", "/var/lib/systemd", "/var/lib/bluetooth", "/etc/shadow-", "/etc/gshadow-")
_HOOK = """[hooks]
window_open = ["/bin/sh", "-c", "cd $RUN; echo $DEVICE_AGENT_EVENT $DEVICE_AGENT_SECONDS $(id -un) >new; mv new heard"]
""".replace("$RUN", "/run/device-agent")
_POWERED = "busctl get-property org.bluez /org/bluez/hci0 org.bluez.Adapter1 Powered"
BUTTON = Path(__file__).parent / "press_button.py"


async def test_installing_asks_nothing_and_the_service_gets_ready(system: System) -> None:
    await system.configure("10-wifi", DROP_IN)
    await system.install()
    process = await system.wait_running()
    assert (await system.property("StatusText")).startswith("Ready for commands on /run/device-agent/")
    assert await system.property("User") == "device-agent"
    status = dict(
        line.split(":\t", 1) for line in await system.guest.run("cat", f"/proc/{process}/status") if ":\t" in line
    )
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert await system.property("UnitFileState") == "enabled"
    await system.guest.run("systemd-analyze", "security", "--no-pager", "--threshold=20", UNIT)


async def test_the_window_opens_by_command_and_the_device_advertises(system: System) -> None:
    assert await system.advertisements() == 0
    opened = await system.ask("open", "--seconds", "120")
    assert (await system.ask("status"))["running"] is True
    assert await system.advertisements() == 1
    assert f"window is open for 120 s, name {opened['window']['name']}" in await system.property("StatusText")  # type: ignore[index]
    (entry,) = await system.journal("DEVICE_AGENT_EVENT=window")
    assert (entry["DEVICE_AGENT_SECONDS"], entry["PRIORITY"]) == ("120", "6")
    assert entry["MESSAGE"].startswith("The provisioning window is open")


async def test_the_label_is_there_for_root_and_its_key_for_the_agent_alone(system: System) -> None:
    assert str((await system.ask("label"))["uri"]).startswith("DPP:")
    listing = "stat --format '%U %a %n' /var/lib/device-agent /var/lib/device-agent/*"
    listed = await system.guest.run("sh", "-c", listing)
    assert {line.split()[0] for line in listed} == {"device-agent"}
    assert "device-agent 700 /var/lib/device-agent" in listed
    assert "device-agent 600 /var/lib/device-agent/bootstrapping.pem" in listed


async def test_the_label_is_printed_as_pictures(system: System) -> None:
    picture, drawing = system.guest.folder / "label.png", system.guest.folder / "label.svg"
    label = await system.ask("label", "--png", str(picture), "--svg", str(drawing))
    (found,) = zxingcpp.read_barcodes(Image.open(picture))
    assert found.text == label["uri"]
    assert str(label["code"]) in drawing.read_text()


async def test_the_agents_group_may_open_the_window_and_nobody_else(system: System) -> None:
    as_nobody = ("setpriv", "--reuid", "nobody", "--clear-groups", "--regid")
    command = ("/usr/bin/device-agent", "status", "--json")
    (told,) = await system.guest.run(*as_nobody, "device-agent", *command)
    assert '"running": true' in told
    with pytest.raises(ProcessError, match="as another user"):
        await system.guest.run(*as_nobody, "nogroup", *command)


async def test_a_button_opens_the_window_and_a_hook_hears_of_it(system: System) -> None:
    button = await system.guest.start("button", ["python3", "-c", BUTTON.read_text()])
    await button.wait_line("/dev/input/event")
    await system.configure("20-button", f'[button]\ninput = "{button.text[0]}"\nkey = 529\n{_HOOK}')
    await system.restart()
    assert await system.advertisements() == 0
    button.kill(signal.SIGUSR1)
    await system.wait_property("StatusText", "window is open")
    assert await system.advertisements() == 1
    assert await system.until("cat /run/device-agent/heard") == ["window_open 300 device-agent"]
    await system.guest.run("rm", "/etc/device-agent/config.d/20-button.toml")
    await button.stop()


async def test_bluetooth_that_rfkill_keeps_off_is_told_with_what_lifts_it(system: System) -> None:
    await system.restart()
    switch = "echo {} > $(echo /sys/class/bluetooth/hci0/rfkill*/soft)"
    await system.guest.run("sh", "-c", switch.format(1))
    await system.until(f"{_POWERED} | grep false")
    with pytest.raises(ProcessError, match="rfkill unblock bluetooth"):
        await system.ask("open")
    await system.guest.run("sh", "-c", switch.format(0))
    await system.guest.run(
        "timeout", "90", "sh", "-c", f"until {_POWERED.replace('get', 'set')} b true; do sleep 0.2; done"
    )
    await system.ask("open")


async def test_an_agent_that_dies_or_stands_still_is_started_again(system: System) -> None:
    await system.guest.run("mkdir", "-p", f"/run/systemd/system/{UNIT}.d")
    text = "[Service]\nWatchdogSec=8\nRestartSec=0\n"
    await system.guest.run("tee", f"/run/systemd/system/{UNIT}.d/test.conf", given=text)
    await system.guest.run("systemctl", "daemon-reload")
    await system.restart()
    for number, restarts in (("KILL", "1"), ("STOP", "2")):
        process = await system.property("MainPID")
        await system.guest.run("kill", f"-{number}", process)
        await system.wait_property("NRestarts", restarts)
        await system.wait_property("StatusText", "Ready")
        assert await system.property("MainPID") != process
    await system.guest.run("rm", "-r", f"/run/systemd/system/{UNIT}.d")
    await system.guest.run("systemctl", "daemon-reload")


async def test_a_configuration_that_is_wrong_is_told_before_and_after(system: System) -> None:
    await system.configure("30-typo", "window_secnods = 60\n")
    with pytest.raises(ProcessError, match="Did you mean `window_seconds`"):
        await system.guest.run("/usr/bin/device-agent", "check-config")
    with pytest.raises(ProcessError):
        await system.restart()
    assert any(
        "30-typo.toml: window_secnods: is not a known key" in entry["MESSAGE"] for entry in await system.journal()
    )
    await system.guest.run("rm", "/etc/device-agent/config.d/30-typo.toml")
    await system.restart()


async def test_after_a_boot_it_comes_back_by_itself(system: System) -> None:
    former = await system.property("MainPID")
    await system.guest.run("systemctl", "stop", UNIT, "bluetooth.service")
    assert await system.property("ActiveState") == "inactive"
    await system.guest.run("test", "!", "-e", "/run/device-agent")
    await system.guest.run("systemctl", "start", "multi-user.target")  # what a boot starts
    await system.wait_running(former)
    assert (await system.ask("status"))["running"] is True


async def test_a_reset_under_the_service_keeps_the_label(system: System) -> None:
    uri = (await system.ask("label"))["uri"]
    assert await system.ask("reset", "--yes") == {"reset": True, "resets": 1}
    assert (await system.ask("label"))["uri"] == uri


async def test_an_upgrade_keeps_identity_and_configuration_and_runs_the_new_version(
    system: System, newer: Path
) -> None:
    await system.configure("15-product", 'serial = "SN-7"\n')
    label, former = await system.ask("label"), await system.property("MainPID")
    assert label["serial"] == "SN-7"
    await system.install(newer)
    await system.wait_running(former)
    assert await system.property("UnitFileState") == "enabled"
    assert await system.ask("label") == label
    (version,) = await system.guest.run("dpkg-query", "--show", "--showformat=${Version}\\n", "device-agent")
    assert version.endswith(".1")


async def test_an_upgrade_leaves_a_service_alone_that_was_disabled_or_masked(system: System, newer: Path) -> None:
    for order, state in (("disable", "disabled"), ("mask", "masked")):
        await system.guest.run("systemctl", order, "--now", UNIT)
        await system.install(newer)
        assert (await system.property("UnitFileState"), await system.property("ActiveState")) == (state, "inactive")
    await system.guest.run("systemctl", "unmask", UNIT)
    await system.guest.run("systemctl", "enable", "--now", UNIT)


async def test_a_removal_that_fails_leaves_the_service_running(system: System) -> None:
    former = await system.property("MainPID")
    await system.guest.run("sh", "-c", "echo exit 1 >> /var/lib/dpkg/info/device-agent.prerm")
    with pytest.raises(ProcessError):
        await system.guest.run("dpkg", "--remove", "device-agent")
    await system.wait_running(former)
    await system.install()


async def test_removing_stops_the_agent_and_installing_again_goes_on(system: System) -> None:
    label = await system.ask("label")
    await system.guest.run("dpkg", "--remove", "device-agent")
    assert not [line for line in await system.guest.run("ps", "-eo", "args") if "device-agent" in line]
    assert await system.advertisements() == 0
    await system.install()
    await system.wait_running()
    assert await system.property("UnitFileState") == "enabled"
    assert await system.ask("label") == label


async def test_purging_leaves_nothing(system: System) -> None:
    await system.guest.run("dpkg", "--purge", "device-agent")
    left = await system.every_file() - system.files
    assert {name for name in left if not name.startswith(_NOT_OURS)} == set()
    assert await system.every_user() == system.users
    await system.guest.run("test", "!", "-e", "/run/device-agent")
    listing = f"systemctl list-unit-files --no-legend {UNIT} || true"  # it fails where there is none
    assert await system.guest.run("sh", "-c", listing) == []

"""sd_notify against a real datagram socket, in both kinds of address, and with the real agent as the one who speaks."""

import asyncio
import os
import select
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_agent.systemd import ServiceManager
from tests.device_agent.scene import Scene
from tests.world.process import Process
from tests.world.world import BIN


class Systemd:
    """The receiving end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._link.setblocking(False)
        self._link.bind("\0" + address[1:] if address.startswith("@") else address)
        self.heard: list[str] = []

    def drain(self) -> int:
        """Take what has come, and return how many datagrams it was."""
        count = 0
        while select.select([self._link], [], [], 0)[0]:
            self._link.recv(65536)
            count += 1
        return count

    async def wait_for(self, wanted: str, patience_s: float = 30.0) -> str:
        """Read until an assignment begins with this text, and return it."""
        async with asyncio.timeout(patience_s):
            while True:
                octets = await asyncio.get_running_loop().sock_recv(self._link, 65536)
                assignments = octets.decode().split("\n")
                self.heard += assignments
                for assignment in assignments:
                    if assignment.startswith(wanted):
                        return assignment

    def close(self) -> None:
        self._link.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    systemd = Systemd(str(tmp_path / "notify"))
    yield systemd
    systemd.close()


async def start(scene: Scene, systemd: Systemd, **environment: str) -> Process:
    command: list[str | Path] = [BIN / "device-agent", "--config", scene.folder / "agent.toml", "run", "--json"]
    bus = {"DBUS_SYSTEM_BUS_ADDRESS": scene.world.bus_address("device"), "NOTIFY_SOCKET": systemd.address}
    agent = await Process.start("agent", command, scene.folder, {**bus, **environment})
    scene.stack.push_async_callback(agent.stop)
    return agent


@pytest.mark.parametrize("kind", ["file", "abstract"])
async def test_both_kinds_of_address_are_spoken_to(tmp_path: Path, kind: str) -> None:
    address = str(tmp_path / "notify") if kind == "file" else f"@onboarding-test-{os.getpid()}"
    systemd = Systemd(address)
    ServiceManager.from_environment({"NOTIFY_SOCKET": address}).heard("ready", {"control": "a\nREADY=0"})
    assert await systemd.wait_for("STATUS=") == 'STATUS=Ready for commands on "a\\nREADY=0"'
    assert systemd.heard[0] == "READY=1"
    assert "READY=0" not in systemd.heard
    systemd.close()


@pytest.mark.parametrize(
    ("environment", "watchdog"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "2000000"}, 2.0),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_a_watchdog_is_fed_only_if_it_is_ours(environment: dict[str, str], watchdog: float | None) -> None:
    manager = ServiceManager.from_environment({"NOTIFY_SOCKET": "/run/notify", **environment})
    assert manager.watchdog_s == watchdog


@pytest.mark.parametrize("address", ["", "vsock:2:1", "relative"])
def test_without_a_manager_nothing_is_said(address: str) -> None:
    manager = ServiceManager.from_environment({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1"})
    assert manager == ServiceManager()
    manager.tell("READY=1")


def test_a_manager_that_does_not_listen_is_no_reason_to_stop(tmp_path: Path) -> None:
    ServiceManager(str(tmp_path / "nobody")).tell("READY=1")


async def test_the_agent_is_ready_when_its_control_socket_answers_and_says_what_it_does(
    scene: Scene, systemd: Systemd
) -> None:
    agent = await start(scene, systemd)
    await systemd.wait_for("READY=1")
    assert (await scene.ask("status"))["running"] is True
    await scene.ask("open", seconds=60)
    assert scene.key.name in await systemd.wait_for("STATUS=The provisioning window is open for 60 s")
    await scene.ask("reset")
    await systemd.wait_for("STATUS=The provisioning window is closed: the device was reset")
    agent.kill(signal.SIGTERM)
    await systemd.wait_for("STOPPING=1")
    assert await agent.finish() == 0


async def test_an_agent_that_cannot_start_never_says_that_it_is_ready(scene: Scene, systemd: Systemd) -> None:
    (scene.folder / "networks.toml").unlink()
    (scene.folder / "agent.toml").write_text('state = "state"\ncontrol = "/none/at/all.sock"\n[wifi]\nnetworks = "n"\n')
    agent = await start(scene, systemd)
    assert await agent.finish() == 1
    assert "control" in scene.log
    await systemd.wait_for("STOPPING=1")
    assert "READY=1" not in systemd.heard


async def test_a_loop_that_stands_for_two_thirds_of_the_watchdogs_time_is_not_killed(systemd: Systemd) -> None:
    watchdog_s = 1.5
    turns = iter([0.0, watchdog_s * 0.65])
    manager = ServiceManager(systemd.address, watchdog_s)
    feeding = asyncio.create_task(manager.feed_watchdog(lambda: asyncio.sleep(next(turns, 0.0))))
    await systemd.wait_for("WATCHDOG=1")
    await systemd.wait_for("WATCHDOG=1", patience_s=watchdog_s)
    feeding.cancel()
    await asyncio.wait([feeding])


async def test_the_watchdog_hears_of_a_loop_that_goes_round_and_not_of_one_that_stands(
    scene: Scene, systemd: Systemd
) -> None:
    agent = await start(scene, systemd, WATCHDOG_USEC="200000")
    for _ in range(3):
        await systemd.wait_for("WATCHDOG=1")
    agent.kill(signal.SIGSTOP)
    assert systemd.drain() <= 1
    with pytest.raises(TimeoutError):
        await systemd.wait_for("WATCHDOG=1", patience_s=1.0)
    agent.kill(signal.SIGCONT)
    await systemd.wait_for("WATCHDOG=1")

"""A small Debian system of its own with the package on it, as an administrator works with it."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.vm.guest import Guest

UNIT = "device-agent.service"
_NETWORKS = '[[network]]\nssid = "Home"\npassphrase = "correct horse battery"\n'
DROP_IN = '[wifi]\nbackend = "simulated"\nnetworks = "/etc/networks.toml"\n'
_BLUETOOTH = "[General]\nControllerMode = le\n"
_RUNNING = """\
process=$(systemctl show --value --property=MainPID {unit})
case "$process $(systemctl show --value --property=SubState {unit})" in
  "0 "*|"{former} "*) false;; *" running") echo $process;; *) false;; esac"""
_HOLDS = """case "$({what} 2>/dev/null)" in *"{text}"*) true;; *) false;; esac"""
# On a busy machine a controller may answer the kernel too late, which then wants no more of it: it gets another one.
_CONTROLLER = """
while true; do
  nice -n -20 btvirt -l1 -L & controller=$!
  for try in $(seq 15); do
    if busctl set-property org.bluez /org/bluez/hci0 org.bluez.Adapter1 Powered b true 2>/dev/null
    then echo powered; wait; fi
    sleep 0.5
  done
  kill $controller; wait
done
"""
_EVERY_FILE = """
import os
left_out = {"/proc", "/sys", "/dev", "/run", "/var/lib/dpkg", "/var/log"}
for folder, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if name != "__pycache__" and os.path.join(folder, name) not in left_out]
    print(folder, *(os.path.join(folder, name) for name in files), sep="\\n")
"""


@dataclass(frozen=True, slots=True)
class System:
    """Build it with `prepare`."""

    guest: Guest
    package: Path
    files: frozenset[str]
    """Every file before the package came."""
    users: frozenset[str]

    @classmethod
    async def prepare(cls, guest: Guest, package: Path) -> "System":
        """Bring up Bluetooth, and what the package will find."""
        at_hand = guest.folder / package.name
        shutil.copy(package, at_hand)
        await guest.run("groupadd", "--system", "input")  # as udev's own package does when it is installed
        await guest.run("systemctl", "restart", "systemd-udevd.service")
        await guest.run("modprobe", "-a", "hci_vhci", "uhid", "cmac", "ecb", "evdev", "uinput")
        await guest.run("tee", "/etc/bluetooth/main.conf", given=_BLUETOOTH)
        await guest.run("sh", "-c", "systemctl is-system-running --wait || true")  # nothing competes any more
        await guest.run("systemctl", "start", "bluetooth.service")
        controller = await guest.start("controller", ["sh", "-c", _CONTROLLER])
        await controller.wait_line("powered", patience_s=150)
        await guest.run("tee", "/etc/networks.toml", given=_NETWORKS)
        await guest.run("ln", "-s", "/bin/busybox", "/usr/bin/diff")  # dpkg wants one to be there
        await guest.run("sh", "-c", "mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates; touch /var/lib/dpkg/status")
        bare = cls(guest, at_hand, frozenset(), frozenset())
        return cls(guest, at_hand, await bare.every_file(), await bare.every_user())

    async def every_file(self) -> frozenset[str]:
        """Return every file of the system, but for logs, what dpkg itself remembers, and bytecode of Python's."""
        return frozenset(await self.guest.run("python3", "-c", _EVERY_FILE))

    async def every_user(self) -> frozenset[str]:
        """Return every user and group."""
        return frozenset(await self.guest.run("cat", "/etc/passwd", "/etc/group"))

    async def install(self, package: Path | None = None) -> None:
        """Have dpkg install the package, or another build of it; the rest is the package's own business."""
        # The guest is made of packages that dpkg does not know of.
        await self.guest.run("dpkg", "--install", "--force-depends", package or self.package)

    async def configure(self, name: str, text: str) -> None:
        """Write a drop-in."""
        await self.guest.run("mkdir", "-p", "/etc/device-agent/config.d")
        await self.guest.run("tee", f"/etc/device-agent/config.d/{name}.toml", given=text)

    async def restart(self) -> None:
        """Restart the service; returns when it has said READY, fails if it does not."""
        await self.guest.run("sh", "-c", f"systemctl reset-failed {UNIT} || true")  # it need not have been started yet
        await self.guest.run("systemctl", "restart", UNIT)

    async def wait_running(self, former: str = "0") -> str:
        """Wait until the service is ready, as another process than `former`; return its process."""
        (process,) = await self.until(_RUNNING.format(unit=UNIT, former=former))
        return process

    async def until(self, command: str) -> list[str]:
        """Wait until a command of the shell succeeds; return what it says then."""
        script = f"until said=$({command}); do sleep 0.2; done; echo $said"
        return await self.guest.run("timeout", "90", "sh", "-c", script)

    async def property(self, name: str) -> str:
        """Return what systemd says of the service."""
        (value,) = await self.guest.run("systemctl", "show", "--value", f"--property={name}", UNIT)
        return value

    async def wait_property(self, name: str, text: str) -> None:
        """Wait until a property of the service holds this text."""
        what = f"systemctl show --value --property={name} {UNIT}"
        await self.until(_HOLDS.format(what=what, text=text))

    async def ask(self, *arguments: str) -> dict[str, object]:
        """Run a `device-agent` command as root and return what it says."""
        *_, line = await self.guest.run("/usr/bin/device-agent", *arguments, "--json")
        answer: dict[str, object] = json.loads(line)
        return answer

    async def advertisements(self) -> int:
        """Return how many advertisements bluetoothd sends for its clients."""
        what = ("org.bluez", "/org/bluez/hci0", "org.bluez.LEAdvertisingManager1", "ActiveInstances")
        (told,) = await self.guest.run("busctl", "get-property", *what)
        return int(told.removeprefix("y "))

    async def journal(self, *matches: str) -> list[dict[str, str]]:
        """Return the service's entries in the journal."""
        lines = await self.guest.run("journalctl", "--unit", UNIT, "--output=json", "--no-pager", *matches)
        return [json.loads(line) for line in lines]

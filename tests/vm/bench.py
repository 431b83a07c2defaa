"""Everybody who takes part, brought up once in one guest: Bluetooth, the site, the operator; and devices as they come.

bench = await Bench.start(guest)
device = await bench.add_device()
await device.run()
app = await bench.onboard(device)
"""

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from device_agent.label import Label
from device_agent.store import label_key
from onboarding_protocol.bootstrapping import BootstrappingKey, BootstrappingUri
from tests.vm.bluetooth import DEVICE_ADAPTER, INSIDE, MTU_MAX, PHONE_ADAPTER, Bluetooth
from tests.vm.guest import PATIENCE_S, Guest
from tests.vm.registry import API_URL, Registry
from tests.vm.site import INSIDE_SITE, STATION, Site
from tests.world.process import Process
from tests.world.world import PASSPHRASE, SSID, USER, Command

_DEVICES = Path("/run/devices")
_PATIENT = ("--request-timeout", "90", "--connect-timeout", "60", "--scan-timeout", "60", "--contact-timeout", "120")
"""Emulated, a password's hash alone takes seconds."""
_CONFIG = """\
state = "state"
serial = "{serial}"
model = "vm-sensor"
firmware = "1.0.0"
adapter = "{adapter}"
peripheral = "{peripheral}"

[wifi]
backend = "wpa_supplicant"
interface = "{station}"
"""


@dataclass
class Device:
    """One device: made in the factory, which is the host; it lives in the guest."""

    guest: Guest
    serial: str
    label: str
    agent: Process | None = None
    runs: int = 0

    @property
    def folder(self) -> Path:
        """Its disk, in the guest."""
        return _DEVICES / self.serial

    async def run(self, *, window: bool = True) -> Process:
        """Start the agent and wait until it is ready, and advertising if the window is to be open."""
        self.runs += 1
        command: Command = ["device-agent", "--config", self.folder / "agent.toml", "run", "--json"]
        self.agent = await self.guest.start(
            f"agent-{self.serial}-{self.runs}", [*command, *(["--open"] if window else [])]
        )
        await self.agent.wait_event("ready")
        if window:
            await self.agent.wait_event("window", open=True)
        return self.agent

    async def open(self, seconds: int | None = None) -> None:
        """Press the button."""
        command: Command = ["device-agent", "--config", self.folder / "agent.toml", "open", "--json"]
        await self.guest.run(*command, *([] if seconds is None else ["--seconds", str(seconds)]))

    async def record(self) -> dict[str, object]:
        """Return what it would know after a power cut."""
        text = await self.guest.run("cat", self.folder / "state" / "record.json")
        record: dict[str, object] = json.loads("\n".join(text))
        return record

    async def identity(self) -> str:
        """Return the device id that the registry gave it."""
        ownership = (await self.record())["ownership"]
        assert isinstance(ownership, dict)
        return str(ownership["device"])


@dataclass
class Bench:
    """Build it with `start`."""

    guest: Guest
    bluetooth: Bluetooth
    site: Site
    registry: Registry
    devices: list[Device] = field(default_factory=list)

    @classmethod
    async def start(cls, guest: Guest) -> "Bench":
        """Bring everybody up. They end with the guest."""
        bluetooth = await Bluetooth.start(guest)
        site = await Site.start(guest)
        await site.open_home()
        return cls(guest, bluetooth, site, await Registry.start(guest))

    async def tidy(self) -> None:
        """Undo what a scenario may have done to the world."""
        await self.site.open_home()
        await self.site.forget_networks()
        if self.bluetooth.mtu != MTU_MAX:
            await self.bluetooth.restart()

    async def add_device(self, peripheral: str = "auto") -> Device:
        """Make a factory-fresh device; its agent does not run yet, and will offer its service by `peripheral`."""
        serial = f"VM-{len(self.devices) + 1:04}"
        made = self.guest.folder / serial
        made.mkdir()
        config = _CONFIG.format(serial=serial, adapter=DEVICE_ADAPTER, peripheral=peripheral, station=STATION)
        (made / "agent.toml").write_text(config)
        uri = BootstrappingUri(BootstrappingKey.from_public_key(label_key(made / "state").public_key()))
        (made / "label.png").write_bytes(Label(uri, serial).to_png())
        await self.guest.run("mkdir", "-p", _DEVICES)
        await self.guest.run("cp", "-r", made, _DEVICES)
        device = Device(self.guest, serial, str(uri))
        self.devices.append(device)
        return device

    async def begin_onboarding(
        self,
        device: Device,
        *arguments: str | Path,
        passphrases: tuple[str, ...] = (PASSPHRASE,),
        ssid: str = SSID,
    ) -> Process:
        """Start `app-sim onboard --json` on the phone."""
        file = self.guest.folder / f"wifi-{secrets.token_hex(4)}"
        file.write_text("".join(f"{passphrase}\n" for passphrase in passphrases))
        wifi: Command = ["--wifi", ssid, "--wifi-password-file", file, "--adapter", PHONE_ADAPTER]
        account: Command = ["--api", API_URL, "--user", USER, "--password-file", self.registry.password_file]
        command: Command = ["app-sim", "onboard", "--label", device.label, *account, *wifi, "--json"]
        return await self.guest.start(f"app-{device.serial}", [*INSIDE_SITE, *command, *_PATIENT, *arguments])

    async def onboard_by_smallest_phone(self, device: Device) -> Process:
        """Run the app's story on a phone of ATT_MTU 23 to its end."""
        file = self.guest.folder / f"wifi-{secrets.token_hex(4)}"
        file.write_text(f"{PASSPHRASE}\n")
        account: Command = [API_URL, USER, self.registry.password_file]
        command: Command = ["python3", INSIDE / "smallest_phone.py", device.label, *account, SSID, file]
        app = await self.guest.start(f"smallest-phone-{device.serial}", [*INSIDE_SITE, *command])
        await app.finish(2 * PATIENCE_S)
        return app

    async def onboard(
        self,
        device: Device,
        *arguments: str | Path,
        passphrases: tuple[str, ...] = (PASSPHRASE,),
        ssid: str = SSID,
    ) -> Process:
        """Run `app-sim onboard --json` to its end."""
        app = await self.begin_onboarding(device, *arguments, passphrases=passphrases, ssid=ssid)
        await app.finish(2 * PATIENCE_S)
        return app

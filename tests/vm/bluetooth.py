"""Bluetooth of the guest: btvirt's two controllers, bluetoothd, and somebody who watches it. hci0 is the device's."""

from dataclasses import dataclass
from pathlib import Path

from tests.vm.guest import Guest
from tests.world.process import Event, Process, ProcessError

DEVICE_ADAPTER, PHONE_ADAPTER = "hci0", "hci1"
INSIDE = Path("/opt/onboarding/inside")
_ONE_PROCESSOR: list[str | Path] = ["taskset", "--cpu-list", "1"]
_BLUETOOTHD: list[str | Path] = [*_ONE_PROCESSOR, "chrt", "--fifo", "1", "/usr/libexec/bluetooth/bluetoothd"]
_BTVIRT: list[str | Path] = [*_ONE_PROCESSOR, "btvirt", "-l2", "-L"]
"""The controllers speak when bluetoothd has dealt with what they said before; a real one leaves it 30 ms and more.

If bluetoothd hears of a link from its socket before it hears so from the kernel, it never says `Connected` on the bus.
"""
_MAIN_CONF = """\
[General]
ControllerMode = le
DiscoverableTimeout = 0

[GATT]
Cache = no
# Both ends are one bluetoothd, which would mix up the channels of its own enhanced bearers.
Channels = 1
ExchangeMTU = {mtu}

[Policy]
AutoEnable = true
"""
MTU_MAX = 517
_LINK = f"{PHONE_ADAPTER}/dev_00_AA_01_00_00_00"
_TO_BLUEZ = ("--system", "--print-reply", "--dest=org.bluez")
_CONTROLLER_TRIES, _CONTROLLER_PATIENCE_S = 5, 20.0
"""On a busy host a new controller may not answer the kernel's first command within its two seconds."""


@dataclass
class Bluetooth:
    """Build it with `start`."""

    guest: Guest
    watch: Process
    daemon: Process | None = None
    mtu: int = MTU_MAX

    @classmethod
    async def start(cls, guest: Guest) -> "Bluetooth":
        """Bring up the bus, the controllers and bluetoothd."""
        await guest.run("modprobe", "-a", "hci_vhci", "uhid", "cmac", "ecb")
        await guest.run("dbus-daemon", "--system", "--fork", "--nopidfile")
        watch = await guest.start("watch", ["python3", INSIDE / "watch_bluez.py"])
        await watch.wait_event("watching")
        bluetooth = cls(guest, watch)
        await guest.start("btmon", ["btmon", "-w", guest.folder / "bluetooth.snoop"])
        await bluetooth._start_daemon(MTU_MAX)
        await bluetooth._start_controllers()
        repeater: list[str | Path] = ["python3", INSIDE / "repeat_advertisements.py", PHONE_ADAPTER]
        await guest.start("repeat-advertisements", repeater)
        return bluetooth

    async def begin(self, mtu: int = MTU_MAX) -> None:
        """Start bluetoothd; both ends will offer this ATT_MTU."""
        seen = len(self.watch.events)
        await self._start_daemon(mtu)
        await self._wait_for_adapters(seen)

    async def end(self) -> None:
        """End bluetoothd, and with it every link and advertisement."""
        seen = len(self.watch.events)
        assert self.daemon is not None
        await self.daemon.stop()
        await self._wait(seen, {"event": "bluez", "present": False})

    async def restart(self, mtu: int = MTU_MAX) -> None:
        """End bluetoothd and start it again."""
        await self.end()
        await self.begin(mtu)

    async def wait_until_silent(self) -> None:
        """Wait until the device's adapter advertises nothing."""
        for index in range(len(self.watch.events) - 1, -1, -1):
            event = self.watch.events[index]
            if event["event"] == "advertising" and event["adapter"] == DEVICE_ADAPTER:
                await self._wait(index, {**event, "count": 0})
                return

    async def close_link(self) -> None:
        """Close the phone's link, as its system does when the app that opened it has ended; bluetoothd does not."""
        seen = len(self.watch.events)
        path = f"/org/bluez/{_LINK}"
        await self.guest.run("dbus-send", *_TO_BLUEZ, path, "org.bluez.Device1.Disconnect")
        await self._wait(seen, {"event": "device", "device": _LINK, "connected": False})

    @property
    def pairings(self) -> list[Event]:
        """Every request to pair, and every pairing, since the beginning."""
        return [
            event
            for event in self.watch.events
            if event["event"] == "pairing" or event.get("paired") is True or event.get("bonded") is True
        ]

    async def _start_daemon(self, mtu: int) -> None:
        file = self.guest.folder / f"main-{mtu}.conf"
        file.write_text(_MAIN_CONF.format(mtu=mtu))
        self.mtu = mtu
        self.daemon = await self.guest.start("bluetoothd", [*_BLUETOOTHD, "-n", "-f", file])
        await self._wait(0, {"event": "bluez", "present": True})

    async def _start_controllers(self) -> None:
        for tries_left in range(_CONTROLLER_TRIES - 1, -1, -1):
            seen = len(self.watch.events)
            controllers = await self.guest.start("btvirt", _BTVIRT)
            try:
                await self._wait_for_adapters(seen, _CONTROLLER_PATIENCE_S)
            except ProcessError:
                if not tries_left:
                    raise
                await controllers.stop()
            else:
                return

    async def _wait_for_adapters(self, seen: int, patience_s: float | None = None) -> None:
        for adapter in (DEVICE_ADAPTER, PHONE_ADAPTER):
            await self._wait(seen, {"event": "adapter", "adapter": adapter, "powered": True}, patience_s)

    async def _wait(self, seen: int, wanted: Event, patience_s: float | None = None) -> None:
        await self.watch.wait_for(lambda event: wanted.items() <= event.items(), patience_s, seen)

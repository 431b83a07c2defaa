"""The place the device is brought to: an access point and what is behind it, in a network namespace of their own.

guest itself: the device     wlan1 (mac80211_hwsim) ))) ((( wlan0   namespace `site`: hostapd, DHCP, broker, API, phone
              bluetoothd                                             no other way leads from one to the other
"""

from dataclasses import dataclass, field
from pathlib import Path

from tests.vm.guest import Guest
from tests.world.process import Process
from tests.world.world import PASSPHRASE, SSID

NAMESPACE = "site"
INSIDE_SITE: list[str | Path] = ["ip", "netns", "exec", NAMESPACE]
STATION, ACCESS_POINT = "wlan1", "wlan0"
GATEWAY = "10.9.0.1"
_HOSTAPD = """\
interface=wlan0
driver=nl80211
ssid={ssid}
hw_mode=g
channel={channel}
wpa=2
rsn_pairwise=CCMP
{security}
"""
_SECURITY = {
    "psk": "wpa_key_mgmt=WPA-PSK\nwpa_passphrase={passphrase}",
    "sae": "wpa_key_mgmt=SAE\nieee80211w=2\nsae_pwe=2\nsae_password={passphrase}",
}
_STATION_CONF = "ctrl_interface=/run/wpa_supplicant\nupdate_config=1\n"
_ON_LINK = """\
#!/bin/sh
# wpa_cli calls this with the interface and the event.
case $2 in
  CONNECTED) busybox udhcpc -i "$1" -n -q -t 8 -T 1 -s {folder}/address.sh ;;
  DISCONNECTED) ip address flush dev "$1" ;;
esac
"""
_ON_ADDRESS = """\
#!/bin/sh
case $1 in
  deconfig) ip address flush dev "$interface" ;;
  bound|renew) ip address replace "$ip/$mask" dev "$interface" && ip route replace default via "$router" ;;
esac
"""


@dataclass
class Site:
    """The access point and its network. Build it with `start`."""

    guest: Guest
    access_point: Process | None = None
    offered: str | None = None
    others: list[Process] = field(default_factory=list)

    @classmethod
    async def start(cls, guest: Guest) -> "Site":
        """Bring up two radios, one on each side, and what runs beside them: DHCP here, wpa_supplicant there."""
        site = cls(guest)
        await guest.run("modprobe", "mac80211_hwsim", "radios=2")
        await guest.run("ip", "netns", "add", NAMESPACE)
        await guest.run("iw", "phy", "phy0", "set", "netns", "name", NAMESPACE)
        for settings in (["link", "set", "lo", "up"], ["address", "add", f"{GATEWAY}/24", "dev", ACCESS_POINT]):
            await guest.run("ip", "-n", NAMESPACE, *settings)
        await site._start_station()
        return site

    async def open_network(self, ssid: str, passphrase: str, akm: str = "psk", channel: int = 1) -> None:
        """Let the access point offer this network."""
        file = self.guest.folder / "hostapd.conf"
        security = _SECURITY[akm].format(passphrase=passphrase)
        file.write_text(_HOSTAPD.format(ssid=ssid, channel=channel, security=security))
        self.access_point = await self.guest.start("hostapd", [*INSIDE_SITE, "hostapd", "-t", file])
        await self.access_point.wait_line("AP-ENABLED")
        self.offered = ssid
        if not self.others:
            leases: list[str | Path] = ["dnsmasq", "--keep-in-foreground", "--port=0", "--log-facility=-"]
            leases += [f"--interface={ACCESS_POINT}", "--dhcp-range=10.9.0.10,10.9.0.99,1h"]
            leases += ["--dhcp-leasefile=/run/leases", "--user=root", "--conf-file=/dev/null", "--no-ping"]
            self.others.append(await self.guest.start("dnsmasq", [*INSIDE_SITE, *leases]))

    async def open_home(self) -> None:
        """Let the access point offer the network that every device may use."""
        if self.offered != SSID:
            await self.close_network()
            await self.open_network(SSID, PASSPHRASE)

    async def close_network(self) -> None:
        """Take the access point out of reach."""
        if self.access_point is not None:
            await self.access_point.stop()
            self.access_point = self.offered = None

    async def forget_networks(self) -> None:
        """Let the station be as it left the factory."""
        await self.guest.run("wpa_cli", "-i", STATION, "remove_network", "all")

    async def _start_station(self) -> None:
        folder = self.guest.folder
        for name, text in (("station.conf", _STATION_CONF), ("link.sh", _ON_LINK), ("address.sh", _ON_ADDRESS)):
            (folder / name).write_text(text.replace("{folder}", str(folder)))
            (folder / name).chmod(0o755)
        await self.guest.run("cp", folder / "station.conf", "/run/station.conf")
        # In the background it has its control socket before it lets go of us.
        supplicant: list[str | Path] = ["wpa_supplicant", "-B", "-t", "-f", folder / "wpa_supplicant.log"]
        await self.guest.run(*supplicant, "-D", "nl80211", "-i", STATION, "-c", "/run/station.conf")
        await self.guest.run("wpa_cli", "-B", "-i", STATION, "-a", folder / "link.sh")

"""Access points of every kind in one guest, and a station beside them.

wlan0 psk · wlan1 sae, no DHCP · wlan2 psk+sae with an odd name · wlan3 EAP-TLS · wlan4 Connectors · wlan5 station ·
wlan6 a configurator's phone
"""

import json
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from device_agent.record import WifiAccess, WifiProfile
from onboarding_protocol.dpp import Akm, ConfiguratorKey, Connector, Group
from tests.device_agent.certificates import Authority
from tests.vm.guest import Guest
from tests.world.process import Process

PASSPHRASE = "correct horse battery"
ODD = b'a"b\nc'
STATION, PHONE = "wlan5", "wlan6"
CONTROL = Path("/run/wpa_supplicant")
POSTRM = Path(__file__).parents[2] / "packaging" / "scripts" / "postrm"
Key = ec.EllipticCurvePrivateKey
_ACCESS_POINT = """\
interface={interface}
driver=nl80211
ctrl_interface=/run/hostapd
hw_mode=g
channel={channel}
wpa=2
rsn_pairwise=CCMP
{more}
"""
_ON_LINK = """\
#!/bin/sh
case $2 in
  CONNECTED) busybox udhcpc -i "$1" -n -q -t 8 -T 1 -s {folder}/address.sh ;;
  DISCONNECTED) ip address flush dev "$1" ;;
esac
"""
_ON_ADDRESS = """\
#!/bin/sh
case $1 in
  deconfig) ip address flush dev "$interface" ;;
  bound|renew) ip address replace "$ip/24" dev "$interface" ;;
esac
"""
_MANAGER = """\
[main]
plugins=keyfile
auth-polkit=false
dhcp=internal
no-auto-default=*
[device]
wifi.scan-rand-mac-address=no
[keyfile]
unmanaged-devices=interface-name:*,except:interface-name:{station}
[connectivity]
enabled=false
"""


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def der(key: Key) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def spki(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def personal(ssid: bytes, akm: Akm = Akm.PSK, passphrase: str = PASSPHRASE) -> WifiProfile:
    return WifiProfile(ssid=ssid, akm=akm, passphrase=passphrase)


@dataclass
class Lab:
    """The guest with its access points. Build it with `start`."""

    guest: Guest
    backend: str
    authority: Authority = field(default_factory=Authority)
    configurator: ConfiguratorKey = field(default_factory=ConfiguratorKey.generate)
    access_points: dict[str, Process] = field(default_factory=dict)

    @classmethod
    async def start(cls, guest: Guest, backend: str) -> "Lab":
        lab = cls(guest, backend)
        if backend == "nm":
            # The bus listens below /run, and GDBus looks for it below /var/run.
            await guest.run("sh", "-c", "[ -L /var/run ] || { rm -rf /var/run && ln -s /run /var/run; }")
            await guest.run("mkdir", "-p", "/run/udev", "/run/NetworkManager", "/var/lib/NetworkManager")
            await guest.run("sh", "-c", "/lib/systemd/systemd-udevd --daemon; udevadm trigger; udevadm settle")
        await guest.run("modprobe", "mac80211_hwsim", "radios=7")
        await lab.open("wlan0", 1, "ssid=lab-psk", "wpa_key_mgmt=WPA-PSK", f"wpa_passphrase={PASSPHRASE}")
        await lab.open("wlan1", 6, "ssid=lab-sae", "wpa_key_mgmt=SAE", "ieee80211w=2", f"sae_password={PASSPHRASE}")
        odd = ('ssid2=P"a\\"b\\nc"', "wpa_key_mgmt=WPA-PSK SAE", "ieee80211w=1", f"wpa_passphrase={PASSPHRASE}")
        await lab.open("wlan2", 11, *odd)
        await lab.open("wlan3", 1, "ssid=lab-eap", *lab._enterprise())
        await lab.open("wlan4", 6, "ssid=lab-dpp", *lab._connectors())
        for number in (0, 2, 3, 4):
            await lab._serve_addresses(number)
        await (lab._start_manager() if backend == "nm" else lab._start_supplicant())
        return lab

    async def open(self, interface: str, channel: int, *more: str) -> None:
        """Let an access point offer a network."""
        file = self.guest.folder / f"{interface}.conf"
        file.write_text(_ACCESS_POINT.format(interface=interface, channel=channel, more="\n".join(more)))
        self.access_points[interface] = await self.guest.start(f"hostapd-{interface}", ["hostapd", "-t", file])
        await self.access_points[interface].wait_line("AP-ENABLED")

    async def close(self, interface: str) -> None:
        """Take an access point out of reach."""
        await self.access_points.pop(interface).stop()

    async def steps(self, *steps: object) -> list[object]:
        """Have the station do this, and return what came of each."""
        process = await self.station(*steps)
        assert await process.finish(300.0) == 0, process.story
        return [json.loads(line) for line in process.text]

    async def station(self, *steps: object) -> Process:
        """Start the station's program."""
        program = self.guest.folder / "station.py"
        program.write_text((Path(__file__).parent / "station.py").read_text())
        command: list[str | Path] = ["python3", program, self.backend, CONTROL, STATION]
        return await self.guest.start("station", command, given=json.dumps(steps))

    async def purge(self) -> None:
        """Do what removing the package for good does to a system."""
        await self.guest.run("sh", "-s", "purge", given=POSTRM.read_text())

    async def wpa(self, *words: str) -> list[str]:
        """Ask the station's wpa_supplicant."""
        return await self.guest.run("wpa_cli", "-p", CONTROL, "-i", STATION, *words)

    async def stored(self) -> str:
        """Return what the station's wpa_supplicant has on disk."""
        return "\n".join(await self.guest.run("cat", self.guest.folder / f"{STATION}.conf"))

    async def until_linked(self, to: str = "Not connected") -> None:
        """Wait until the station is linked to this network, or to none."""
        linked = f"until iw dev {STATION} link | busybox grep -q '{to}'; do sleep 0.2; done"
        await self.guest.run("timeout", "60", "sh", "-c", linked)

    async def address(self) -> str:
        """Return the station's address in short, as `ip` writes it."""
        return " ".join(await self.guest.run("ip", "-brief", "-4", "address", "show", STATION))

    def file(self, name: str, content: bytes | str) -> str:
        path = self.guest.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(0o600)
        return str(path)

    def identity(self, name: str, issuer: Authority, trusted: Authority) -> dict[str, str]:
        """Return files of a station's certificate by `issuer`, that trusts `trusted` for the server."""
        key = new_key()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        certificate = issuer.certify(key.public_key(), "station")
        return {
            "name": "station",
            "certificate": self.file(f"{name}.pem", ssl.DER_cert_to_PEM_cert(certificate)),
            "key": self.file(f"{name}.key", pem),
            "authority": self.file(f"{name}-ca.pem", ssl.DER_cert_to_PEM_cert(trusted.certificate)),
        }  # fmt: skip

    def access(self, signer: ConfiguratorKey | None = None, group: str = "*") -> WifiAccess:
        """Return what a station holds of a Connector, signed by this network's configurator or by another."""
        key = new_key()
        token = Connector(key.public_key(), (Group(group, "sta"),)).sign((signer or self.configurator).private_key)
        return WifiAccess(connector=token, key=der(key), signing_key=spki(self.configurator.public_key))

    def _enterprise(self) -> list[str]:
        key = new_key()
        certificate = self.authority.certify(key.public_key(), "radius.lab")
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return [
            "wpa_key_mgmt=WPA-EAP",
            "ieee8021x=1",
            "eap_server=1",
            f"eap_user_file={self.file('users', '* TLS' + chr(10))}",
            f"ca_cert={self.file('ca.pem', ssl.DER_cert_to_PEM_cert(self.authority.certificate))}",
            f"server_cert={self.file('server.pem', ssl.DER_cert_to_PEM_cert(certificate))}",
            f"private_key={self.file('server.key', pem)}",
        ]

    def _connectors(self) -> list[str]:
        key = new_key()
        token = Connector(key.public_key(), (Group("*", "ap"), Group("here", "ap"))).sign(self.configurator.private_key)
        return [
            "wpa_key_mgmt=DPP",
            "ieee80211w=2",
            f"dpp_connector={token}",
            f"dpp_csign={spki(self.configurator.public_key).hex()}",
            f"dpp_netaccesskey={der(key).hex()}",
        ]

    async def _serve_addresses(self, number: int) -> None:
        await self.guest.run("ip", "address", "add", f"10.9.{number}.1/24", "dev", f"wlan{number}")
        span = f"start 10.9.{number}.10\nend 10.9.{number}.99\n"
        file = self.file(f"addresses{number}", f"{span}interface wlan{number}\nlease_file /run/leases{number}\n")
        await self.guest.run("touch", f"/run/leases{number}")
        await self.guest.start(f"udhcpd{number}", ["busybox", "udhcpd", "-f", file])

    async def _start_supplicant(self) -> None:
        folder = self.guest.folder
        for name, text in (("link.sh", _ON_LINK), ("address.sh", _ON_ADDRESS)):
            (folder / name).write_text(text.replace("{folder}", str(folder)))
            (folder / name).chmod(0o755)
        for interface, control in ((STATION, CONTROL), (PHONE, Path("/run/phone"))):
            file = self.file(f"{interface}.conf", f"ctrl_interface={control}\nupdate_config=1\n")
            log = folder / f"wpa-{interface}.log"
            options = ["-B", "-t", "-dd", "-D", "nl80211", "-i", interface, "-c", file]
            await self.guest.run("wpa_supplicant", *options, "-f", log)
        await self.guest.run("wpa_cli", "-p", CONTROL, "-B", "-i", STATION, "-a", folder / "link.sh")

    async def _start_manager(self) -> None:
        file = self.file("manager.conf", _MANAGER.format(station=STATION))
        await self.guest.run("dbus-daemon", "--system", "--fork", "--nopidfile")
        await self.guest.run("wpa_supplicant", "-B", "-u", "-s", "-O", str(CONTROL))
        await self.guest.start("manager", ["NetworkManager", "--config", file, "-n"])
        ready = (
            "until nmcli -t -f DEVICE,STATE device 2>/dev/null | busybox grep -q wlan5:disconnected; do sleep 0.2; done"
        )
        await self.guest.run("timeout", "60", "sh", "-c", ready)


def join(profile: WifiProfile, identity: dict[str, str] | None = None, *, gently: bool = False) -> dict[str, object]:
    return {"join": msgspec.to_builtins(profile), "identity": identity, "gently": gently}

"""The device's half, run in the guest: `python3 station.py wpa|nm CONTROL INTERFACE < STEPS`, a result a line.

It is the agent's own Wi-Fi backend and nothing else. Steps:
{"scan": …}, {"join": PROFILE, "identity": …, "gently": …}, {"forget": …},
{"receive": KEY} for Easy Connect on the air.
"""

import asyncio
import json
import sys
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key

from device_agent.record import WifiProfile
from device_agent.wifi import StationIdentity, Wifi
from device_agent.wifi.network_manager import NetworkManagerWifi
from device_agent.wifi.on_air import OnAir
from device_agent.wifi.wpa_control import WpaControl
from device_agent.wifi.wpa_supplicant import Patience, WpaSupplicantWifi

PATIENCE = Patience(join=40.0, address=10.0)


async def main(backend: str, control: WpaControl) -> None:
    wifi: Wifi = WpaSupplicantWifi(control, PATIENCE)
    if backend == "nm":
        wifi = NetworkManagerWifi(control.interface, PATIENCE)
    for step in json.load(sys.stdin):
        print(json.dumps(await result(step, wifi, control)), flush=True)


async def result(step: dict[str, object], wifi: Wifi, control: WpaControl) -> object:
    match step:
        case {"scan": _}:
            return [[network.ssid.hex(), network.akm] for network in await wifi.scan()]
        case {"join": profile, "identity": identity, "gently": bool() as gently}:
            station = None if identity is None else msgspec.convert(identity, StationIdentity)
            joined = await wifi.join(msgspec.convert(profile, WifiProfile), station, gently=gently)
            return [joined.status.name, joined.channels, joined.reason]
        case {"forget": _}:
            await wifi.forget()
            return None
        case {"receive": str() as der}:
            key = load_der_private_key(bytes.fromhex(der), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            return msgspec.to_builtins(await OnAir(lambda: control).receive(key, 0))
    raise AssertionError(step)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], WpaControl(Path(sys.argv[2]) / sys.argv[3])))

"""Wi-Fi Easy Connect over the air: while the window is open, wpa_supplicant offers the label's key, too.

A phone's own Wi-Fi settings can thus give the device Wi-Fi by the same label. wpa_supplicant listens, announces the
device (DPP presence announcement) and does the exchange; what it is given becomes a profile of ours and nothing of
its own. It holds the key only for as long as `receive` runs. Anybody who has the label may be the configurator, as
over Bluetooth.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from device_agent.errors import WifiError
from device_agent.record import WifiAccess, WifiProfile
from device_agent.wifi.afterwards import see_through
from device_agent.wifi.heard import decode_ssid
from device_agent.wifi.wpa_control import WpaControl, WpaEvent, WpaEvents
from onboarding_protocol.dpp import Akm, Connector, ConnectorError
from onboarding_protocol.dpp.credential import PSK_OCTETS

LISTEN_MHZ = 2437
"""Channel 6: where configurators look first (Easy Connect section 6.2.2)."""
ANNOUNCEMENTS = 60
"""Rounds of announcements, half a minute apart: longer than any window."""
EXCHANGE_S = 20.0
"""An exchange that has begun and says nothing for so long has failed; announcing starts again."""
_PROCESSING = "dpp_config_processing"
_OBJECT = "DPP-CONFOBJ-AKM"
_PARTS = {
    "DPP-CONFOBJ-SSID", "DPP-CONFOBJ-SSID-CHARSET", "DPP-CONFOBJ-PASS", "DPP-CONFOBJ-PSK", "DPP-CONFOBJ-IDPASS",
    "DPP-CONNECTOR", "DPP-C-SIGN-KEY", "DPP-PP-KEY", "DPP-NET-ACCESS-KEY",
}  # fmt: skip
_PARTS_S = 2.0
"""The parts of a configuration come in one go."""


class OnAir:
    """The offer to be configured over the air, by one wpa_supplicant."""

    def __init__(self, find: Callable[[], WpaControl]) -> None:
        self._find = find

    async def receive(self, key: ec.EllipticCurvePrivateKey, known_time: int) -> WifiProfile:
        """Offer the key until a configurator has given a network that we can join.

        WifiError if wpa_supplicant cannot do it. `known_time`, seconds since 1970, is time that has certainly passed.
        """
        control = self._find()
        if not (await control.command("GET_CAPABILITY dpp")).startswith("DPP="):
            raise WifiError("wpa_supplicant was built without Easy Connect", "Use Bluetooth, or Debian's build.")
        try:
            der = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        except UnsupportedAlgorithm as error:
            raise WifiError("the label's key is in hardware and stays there", "Use Bluetooth.") from error
        async with control.events() as events, _unprocessed(control):
            lending = asyncio.create_task(control.number(f"DPP_BOOTSTRAP_GEN type=qrcode key={der.hex()}"))
            try:
                number = await asyncio.shield(lending)  # a key whose number is not known could not be taken back
                return await self._exchange(control, events, number, known_time)
            finally:
                await see_through(_take_back(control, lending))

    async def _exchange(self, control: WpaControl, events: WpaEvents, number: int, known_time: int) -> WifiProfile:
        while True:
            await control.order(f"DPP_LISTEN {LISTEN_MHZ} role=enrollee")
            await control.order(f"DPP_CHIRP own={number} iter={ANNOUNCEMENTS} listen={LISTEN_MHZ}")
            first = await _first_object(events)
            for described in [] if first is None else await _objects(first, events):
                profile = read_profile(described, known_time)
                if profile is not None:
                    return profile


@asynccontextmanager
async def _unprocessed(control: WpaControl) -> AsyncIterator[None]:
    """Have wpa_supplicant make no network of what it is given; what its operator had set is set again at the end."""
    before = await control.command(f"GET {_PROCESSING}")
    await control.order(f"SET {_PROCESSING} 0")
    try:
        yield
    finally:
        if before in {"1", "2"}:
            with suppress(WifiError):
                await control.command(f"SET {_PROCESSING} {before}")


async def _take_back(control: WpaControl, lending: "asyncio.Task[int]") -> None:
    with suppress(WifiError):  # it has ended, and forgotten the key with it; or was never lent it
        number = await lending
        for command in ("DPP_STOP_CHIRP", "DPP_STOP_LISTEN", f"DPP_BOOTSTRAP_REMOVE {number}"):
            with suppress(WifiError):
                await control.command(command)


async def _first_object(events: WpaEvents) -> WpaEvent | None:
    """Return the event a configuration begins with; None when an exchange has begun and come to nothing."""
    ends = None
    while True:
        try:
            async with asyncio.timeout_at(ends):
                event = await events.next()
        except TimeoutError:
            return None
        if event.name == _OBJECT:
            return event
        if event.name == "DPP-CHIRP-STOPPED":  # a configurator has answered
            ends = asyncio.get_running_loop().time() + EXCHANGE_S
        elif event.name in {"DPP-FAIL", "DPP-CONF-FAILED"} and ends is not None:
            return None


async def _objects(first: WpaEvent, events: WpaEvents) -> list[dict[str, str]]:
    """Return the configuration objects that begin with this event, each as event name and text."""
    found = [{first.name: first.text}]
    with suppress(TimeoutError):
        async with asyncio.timeout(_PARTS_S):
            while (event := await events.next()).name in _PARTS or event.name == _OBJECT:
                if event.name == _OBJECT:
                    found.append({})
                found[-1].setdefault(event.name, event.text)
            while event.name != "DPP-TX-STATUS":  # the configurator hears that we have it
                event = await events.next()
    return found


def read_profile(described: dict[str, str], known_time: int) -> WifiProfile | None:
    """Return the network that wpa_supplicant was given; None for one that cannot be read or joined."""
    try:
        akm = Akm.parse(described[_OBJECT])
        ssid = decode_ssid(described["DPP-CONFOBJ-SSID"])
        passphrase = bytes.fromhex(described.get("DPP-CONFOBJ-PASS", "")).decode("utf-8") or None
        psk = bytes.fromhex(described.get("DPP-CONFOBJ-PSK", "")) or None
    except (KeyError, ValueError):
        return None
    access = _access(described, known_time)
    usable_secret = akm.takes_passphrase and _is_secret(akm, passphrase, psk)
    if ssid is None or not (usable_secret or (access is not None and "dpp" in akm.split("+"))):
        return None
    return WifiProfile(ssid=ssid, akm=akm if usable_secret else Akm.DPP, passphrase=passphrase, psk=psk, access=access)


def _is_secret(akm: Akm, passphrase: str | None, psk: bytes | None) -> bool:
    if psk is not None:
        return len(psk) == PSK_OCTETS and akm is not Akm.SAE
    return passphrase is not None and (1 if akm is Akm.SAE else 8) <= len(passphrase.encode()) <= 63


def _access(described: dict[str, str], known_time: int) -> WifiAccess | None:
    try:
        key_der = bytes.fromhex(described["DPP-NET-ACCESS-KEY"].split(" ")[0])
        key = load_der_private_key(key_der, None)
        signing_der = bytes.fromhex(described["DPP-C-SIGN-KEY"])
        signing_key = load_der_public_key(signing_der)
        token = described["DPP-CONNECTOR"]
    except (KeyError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(signing_key, ec.EllipticCurvePublicKey):
        return None
    try:
        connector = Connector.verify(token, signing_key, key.public_key(), known_time)
    except ConnectorError:
        return None
    return WifiAccess(
        connector=token,
        key=key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        signing_key=signing_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        expiry=connector.expiry,
    )

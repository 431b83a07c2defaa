import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from device_agent.errors import WifiError
from device_agent.keys.external import ExternalKey
from device_agent.wifi.on_air import OnAir, read_profile
from device_agent.wifi.wpa_control import WpaControl
from onboarding_protocol.dpp import Akm, ConfiguratorKey, Connector
from tests.device_agent.wifi.supplicant import Supplicant

KEY = ec.generate_private_key(ec.SECP256R1())
PASSPHRASE = "correct horse battery"
GIVEN = {
    "DPP-CONFOBJ-AKM": "psk",
    "DPP-CONFOBJ-SSID": "lab \\\"net\\\" ",
    "DPP-CONFOBJ-PASS": PASSPHRASE.encode().hex(),
}  # fmt: skip
DONE = ["DPP-TX dst=02:00:00:00:01:00 freq=2437 type=11", "DPP-TX-STATUS dst=02:00:00:00:01:00 result=SUCCESS"]


def events(*objects: dict[str, str]) -> list[str]:
    described = [f"{name} {text}" for item in objects for name, text in item.items()]
    return ["DPP-CHIRP-STOPPED ", "DPP-AUTH-SUCCESS init=0", "DPP-CONF-RECEIVED ", *described, *DONE]


def connector(expiry: int | None = None) -> dict[str, str]:
    configurator, own = ConfiguratorKey.generate(), ec.generate_private_key(ec.SECP256R1())
    return {
        "DPP-CONNECTOR": Connector(own.public_key(), expiry=expiry).sign(configurator.private_key),
        "DPP-C-SIGN-KEY": configurator.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex(),
        "DPP-NET-ACCESS-KEY": own.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()).hex(),
    }


async def test_what_a_configurator_gives_is_a_profile_and_the_key_is_forgotten(tmp_path: Path) -> None:
    async with Supplicant(tmp_path) as supplicant:
        supplicant.on_chirp = events(GIVEN)
        profile = await OnAir(lambda: WpaControl(supplicant.path)).receive(KEY, 0)
        assert (profile.ssid, profile.akm, profile.passphrase) == (b'lab "net" ', Akm.PSK, PASSPHRASE)
        assert supplicant.keys == []
        assert supplicant.globals["dpp_config_processing"] == "0"


@pytest.mark.parametrize("ends", ["given", "withdrawn", "refused"])
async def test_what_an_operator_has_set_is_set_again_when_the_offer_ends(tmp_path: Path, ends: str) -> None:
    async with Supplicant(tmp_path) as supplicant:
        supplicant.globals["dpp_config_processing"] = "2"
        if ends == "refused":
            supplicant.answers["DPP_BOOTSTRAP_GEN"] = "FAIL\n"
        offer = asyncio.create_task(OnAir(lambda: WpaControl(supplicant.path)).receive(KEY, 0))
        if ends != "refused":
            await supplicant.chirps.wait()
            assert supplicant.globals["dpp_config_processing"] == "0"
        if ends == "withdrawn":
            offer.cancel()
        supplicant.emit(*events(GIVEN))
        await asyncio.wait([offer])
        assert supplicant.globals["dpp_config_processing"] == "2"


async def test_an_offer_that_is_withdrawn_leaves_no_key(tmp_path: Path) -> None:
    async with Supplicant(tmp_path) as supplicant:
        offer = asyncio.create_task(OnAir(lambda: WpaControl(supplicant.path)).receive(KEY, 0))
        await supplicant.chirps.wait()
        der = KEY.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        assert supplicant.keys == [der.hex()]
        offer.cancel()
        await asyncio.wait([offer])
        assert supplicant.keys == []
        assert supplicant.commands[-3:-1] == ["DPP_STOP_LISTEN", "DPP_BOOTSTRAP_REMOVE 1"]


async def test_a_key_that_was_being_lent_when_the_offer_was_withdrawn_is_taken_back(tmp_path: Path) -> None:
    async with Supplicant(tmp_path) as supplicant:
        offer = asyncio.create_task(OnAir(lambda: WpaControl(supplicant.path)).receive(KEY, 0))

        def withdraw(verb: str) -> None:
            if verb == "DPP_BOOTSTRAP_GEN":
                offer.cancel()

        supplicant.overhear = withdraw
        await asyncio.wait([offer])
        assert offer.cancelled()
        assert supplicant.keys == []


async def test_an_exchange_that_comes_to_nothing_is_followed_by_another_offer(tmp_path: Path) -> None:
    async with Supplicant(tmp_path) as supplicant:
        supplicant.on_chirp = ["DPP-CHIRP-STOPPED ", "DPP-FAIL junk"]
        offer = asyncio.create_task(OnAir(lambda: WpaControl(supplicant.path)).receive(KEY, 0))
        await supplicant.chirps.wait()
        supplicant.on_chirp = events({"DPP-CONFOBJ-AKM": "psk"}, GIVEN)
        assert (await offer).passphrase == PASSPHRASE
        assert sum(command.startswith("DPP_CHIRP") for command in supplicant.commands) == 2


async def test_a_refusal_does_not_repeat_the_key(tmp_path: Path) -> None:
    der = KEY.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    async with Supplicant(tmp_path) as supplicant:
        supplicant.answers["DPP_BOOTSTRAP_GEN"] = f"FAIL {der.hex()}\n"
        with pytest.raises(WifiError, match="DPP_BOOTSTRAP_GEN") as refused:
            await OnAir(lambda: WpaControl(supplicant.path)).receive(KEY, 0)
    assert der.hex() not in str(refused.value)


async def test_a_wpa_supplicant_without_easy_connect_is_told(tmp_path: Path) -> None:
    async with Supplicant(tmp_path) as supplicant:
        supplicant.answers["GET_CAPABILITY dpp"] = "FAIL\n"
        with pytest.raises(WifiError, match="without Easy Connect"):
            await OnAir(lambda: WpaControl(supplicant.path)).receive(KEY, 0)


class KeyElsewhere(ExternalKey):
    def sign_digest(self, digest: bytes) -> tuple[int, int]:
        raise NotImplementedError(digest)

    def agree(self, peer: ec.EllipticCurvePublicKey) -> bytes:
        raise NotImplementedError(peer)


async def test_a_key_in_hardware_is_not_lent(tmp_path: Path) -> None:
    async with Supplicant(tmp_path) as supplicant:
        with pytest.raises(WifiError, match="hardware"):
            await OnAir(lambda: WpaControl(supplicant.path)).receive(KeyElsewhere(KEY.public_key()), 0)
        assert supplicant.keys == []


@pytest.mark.parametrize(
    "bent",
    [
        {"DPP-CONFOBJ-AKM": "magic"},
        {"DPP-CONFOBJ-SSID": ""},
        {"DPP-CONFOBJ-SSID": "x" * 33},
        {"DPP-CONFOBJ-PASS": "nothex"},
        {"DPP-CONFOBJ-PASS": "ff" * 10},
        {"DPP-CONFOBJ-PASS": b"short".hex()},
        {"DPP-CONFOBJ-PASS": "", "DPP-CONFOBJ-PSK": "00" * 31},
        {"DPP-CONFOBJ-AKM": "dot1x"},
        {"DPP-CONFOBJ-AKM": "dpp"},
        {"DPP-CONFOBJ-AKM": "dpp", **connector(expiry=5)},
        {"DPP-CONFOBJ-AKM": "dpp", **connector(), "DPP-NET-ACCESS-KEY": "00"},
        {"DPP-CONFOBJ-AKM": "dpp", **connector(), "DPP-CONNECTOR": "a.b.c"},
    ],
)
def test_a_network_that_cannot_be_joined_is_none(bent: dict[str, str]) -> None:
    assert read_profile(GIVEN | bent, 10) is None


def test_a_connector_is_verified_and_kept_beside_the_passphrase() -> None:
    given = connector(expiry=2_000_000_000)
    profile = read_profile(GIVEN | {"DPP-CONFOBJ-AKM": "dpp+psk+sae"} | given, 10)
    assert profile is not None
    assert profile.access is not None
    assert (profile.akm, profile.access.connector) == (Akm.DPP_PSK_SAE, given["DPP-CONNECTOR"])
    assert profile.access.expiry == 2_000_000_000
    stale = read_profile(GIVEN | given, 3_000_000_000)
    assert stale is not None
    assert stale.access is None

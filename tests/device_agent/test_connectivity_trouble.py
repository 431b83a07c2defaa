"""Whatever a record holds, a disk refuses or Wi-Fi does: it is told, tried again, and a reset still happens."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from device_agent.connectivity import Connectivity
from device_agent.errors import WifiError
from device_agent.record import Record, WifiEnterprise, WifiProfile
from device_agent.wifi import JoinResult, StationIdentity
from device_agent.wifi.simulated import SimulatedWifi
from onboarding_protocol.dpp import Akm, Status
from onboarding_protocol.members import DeviceState, EndpointResult, EndpointStatus
from tests.device_agent.operator import certificate, new_key
from tests.device_agent.place import HOME, NETWORKS, PATIENCE_S, WRONG, Place
from tests.device_agent.place import place as place

CORP = WifiProfile(ssid=b"Corp", akm=Akm.DOT1X)
LEAF = certificate("station", new_key().public_key(), "Lab", new_key()).public_bytes(Encoding.DER)
BRICKS: dict[str, dict[str, Any]] = {
    "an enterprise certificate": {"wifi": replace(CORP, enterprise=WifiEnterprise(certificates=(b"",), key=b""))},
    "its key": {"wifi": replace(CORP, enterprise=WifiEnterprise(certificates=(LEAF,), key=b"garbage"))},
    "no certificate": {"ownership": {"certificates": ()}},
    "the certificate": {"ownership": {"certificates": (b"garbage",)}},
    "the anchor": {"ownership": {"anchor_name": b"garbage", "anchor_key": b"garbage"}},
}


async def test_a_full_disk_does_not_end_a_link_that_works(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.configure(WRONG, HOME)
    assert place.store.record.ownership is not None
    place.store.tls_identity(place.store.record.ownership)
    certificates = place.folder / "state"
    async with place.broker(), place.running():
        await place.told()
        await place.contact(EndpointResult.CONNECTED)
    place.store.save(replace(place.store.record, state=DeviceState.ASSIGNED))
    place.first = asyncio.get_running_loop().create_future()
    place.store.update(lambda record: replace(record, wifi=(HOME, WRONG)))
    (certificates / "record.json").unlink()
    (certificates / "record.json").mkdir()  # a rename onto it fails, while the keys can still be read
    with caplog.at_level(logging.ERROR):
        async with place.broker(), place.running():
            assert await place.told() == (Status.OK, EndpointStatus(EndpointResult.CONNECTED))
            assert "cannot be written" in caplog.text
    assert place.store.record.state is DeviceState.ASSIGNED


async def test_a_broken_radio_is_a_result_and_tried_again(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.networks.write_text("[[[")
    place.configure(HOME)
    async with place.broker(), place.running():
        status, _ = await place.told()
        assert status is Status.CONFIGURE_FAILURE
        place.networks.write_text(NETWORKS.format(seconds=0.0))
        await place.contact(EndpointResult.CONNECTED)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("brick", BRICKS.values(), ids=BRICKS)
async def test_whatever_a_record_holds_is_told_and_a_reset_still_happens(place: Place, brick: dict[str, Any]) -> None:
    place.configure(brick.get("wifi", HOME))
    held = place.store.record.ownership
    assert held is not None
    bent = replace(held, **brick.get("ownership", {}))
    place.store.update(lambda record: replace(record, ownership=bent))
    async with place.running() as task:
        _, contact = await place.told()
        assert contact is not None
        assert contact.endpoint is not EndpointResult.CONNECTED
        assert not task.done()
    place.store.reset()
    assert place.store.record == Record(resets=1, wifi_to_forget=True)


class SecretiveWifi(SimulatedWifi):
    """Does not tell whether there is an address."""

    def online(self) -> bool:
        raise WifiError("the addresses of this device cannot be read", "See `ip address`.")


async def test_addresses_that_cannot_be_read_are_told_and_the_network_is_tried_again(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.configure(WRONG)
    place.connectivity = Connectivity(place.store, SecretiveWifi(place.networks), place._changed, place._told)
    async with place.broker(), place.running():
        assert (await place.told())[0] is Status.AUTH_FAILURE
        place.networks.write_text(NETWORKS.format(seconds=0.0).replace("correct", "wrong"))
        await place.contact(EndpointResult.CONNECTED)
    assert "See `ip address`." in caplog.text


class MindfulWifi(SimulatedWifi):
    """Fails to forget, as often as it is told to."""

    def __init__(self, networks: Path, failures: int, error: Exception) -> None:
        super().__init__(networks)
        self.failures = failures
        self._error = error

    async def forget(self) -> None:
        if self.failures:
            self.failures -= 1
            raise self._error


async def test_whatever_goes_wrong_in_forgetting_is_told_and_tried_again(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.store.save(Record(wifi_to_forget=True))
    wifi = MindfulWifi(place.networks, 1, LookupError("what nobody has foreseen"))
    place.connectivity = Connectivity(place.store, wifi, place._changed, place._told)
    async with asyncio.timeout(PATIENCE_S):
        await place.connectivity.run(place.first.set_result)
    assert not place.store.record.wifi_to_forget
    assert "please report it" in caplog.text


async def test_what_is_in_the_way_of_forgetting_is_told_once_each_time_that_it_is(place: Place) -> None:
    wifi = MindfulWifi(place.networks, 0, WifiError("the disk is full", "Make room."))
    place.connectivity = Connectivity(place.store, wifi, place._changed, place._told)
    for failures, times_told in ((2, 1), (0, 1), (1, 2)):
        place.store.save(Record(wifi_to_forget=True))
        wifi.failures = failures
        for _ in range(failures + 1):
            await place.connectivity.forget()
        assert len(place.events) == times_told


class LosingWifi(SimulatedWifi):
    """Loses the first cancellation while it cleans up, as a Wi-Fi program that is gone makes it."""

    def __init__(self, networks: Path) -> None:
        super().__init__(networks)
        self.joining = asyncio.Event()
        self._lost = False

    async def join(
        self, profile: WifiProfile, identity: StationIdentity | None = None, *, gently: bool = False
    ) -> JoinResult:
        self.joining.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            if not self._lost:
                self._lost = True
                raise WifiError("the clean-up failed", "Start the Wi-Fi program.") from error
            raise
        return await super().join(profile, identity, gently=gently)


@pytest.mark.parametrize("wifi", [(HOME,), (WRONG, HOME)], ids=["one network", "two"])
async def test_a_cancellation_that_the_wifi_program_loses_ends_the_attempt(
    place: Place, wifi: tuple[WifiProfile, ...]
) -> None:
    place.configure(*wifi)
    losing = LosingWifi(place.networks)
    place.connectivity = Connectivity(place.store, losing, place._changed, place._told)
    async with place.running() as task:
        await losing.joining.wait()
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=PATIENCE_S)
    assert done
    assert not place.first.done()


async def test_a_key_that_is_not_the_certificates_is_not_the_endpoints_refusal(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.configure(HOME)
    held = place.store.record.ownership
    assert held is not None
    foreign = replace(held, certificates=(place.operator.certify(new_key().public_key()),))
    place.store.update(lambda record: replace(record, ownership=foreign))
    async with place.broker(), place.running():
        _, contact = await place.told()
    assert contact == EndpointStatus(EndpointResult.UNTRIED, "internal-error")
    assert "device-agent reset --yes" in caplog.text


async def test_a_certificate_that_cannot_be_written_is_a_result_and_tried_again(place: Place) -> None:
    place.configure(HOME)
    folder, aside = place.folder / "state", place.folder / "aside"
    folder.rename(aside)
    async with place.broker(), place.running() as task:
        status, contact = await place.told()
        assert (status, contact) == (Status.OK, EndpointStatus(EndpointResult.UNTRIED, "internal-error"))
        aside.rename(folder)
        await place.contact(EndpointResult.CONNECTED)
        assert not task.done()

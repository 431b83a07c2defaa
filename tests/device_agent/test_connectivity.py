"""Joining and connecting, with a real broker and a simulated radio."""

import asyncio
import ssl
from dataclasses import replace

import aiomqtt
import pytest

from device_agent.record import Record, WifiProfile
from onboarding_protocol.assignment import Endpoint, TrustAnchor, event_topic
from onboarding_protocol.dpp import Status
from onboarding_protocol.members import DeviceState, EndpointResult, EndpointStatus
from tests.device_agent.operator import DEVICE, certificate, new_key
from tests.device_agent.place import HOME, NETWORKS, PATIENCE_S, WRONG, Place
from tests.device_agent.place import place as place


async def test_a_configured_device_connects_and_says_so(place: Place) -> None:
    place.configure(HOME)
    context = ssl.create_default_context(cafile=place.files.authority)
    context.load_cert_chain(place.files.folder / "listener.pem", place.files.folder / "listener.key")
    listener = aiomqtt.Client("127.0.0.1", place.files.port, tls_context=context)
    async with place.broker(), listener:
        await listener.subscribe("event/#", qos=1)
        async with place.running(), asyncio.timeout(PATIENCE_S):
            assert await place.told() == (Status.OK, EndpointStatus(EndpointResult.CONNECTED))
            event = await anext(aiter(listener.messages))
    assert str(event.topic) == event_topic("acme", DEVICE)
    assert event.payload == b'{"event": "connected", "sequence": 1}'
    assert place.store.record.state is DeviceState.CONNECTED
    assert place.connectivity.endpoint == EndpointStatus(EndpointResult.UNTRIED)


async def test_a_certificate_the_broker_does_not_know_is_refused(place: Place) -> None:
    place.configure(HOME, trusted=False)
    async with place.broker(), place.running():
        status, contact = await place.told()
    assert (status, contact and contact.endpoint) == (Status.OK, EndpointResult.REFUSED)
    assert place.store.record.state is DeviceState.ASSIGNED


async def test_a_broker_of_another_authority_is_not_trusted(place: Place) -> None:
    key = new_key()
    namesake = certificate("Broker CA", key.public_key(), "Broker CA", key)
    place.operator.endpoint = Endpoint(place.files.url, TrustAnchor.from_certificate(namesake))
    place.configure(HOME)
    async with place.broker(), place.running():
        status, contact = await place.told()
    assert (status, contact and contact.endpoint) == (Status.OK, EndpointResult.UNTRUSTED)


@pytest.mark.parametrize(
    "url",
    [None, "https://127.0.0.1", "mqtts://", "mqtts://[::1", "mqtts://127.0.0.1:99999", "mqtts://127.0.0.1:x", "%"],
)
async def test_an_endpoint_where_nobody_is_is_unreachable(place: Place, url: str | None) -> None:
    place.operator.endpoint = Endpoint(url or place.files.url, place.anchor)
    place.configure(HOME)
    async with place.running():
        status, contact = await place.told()
    assert (status, contact and contact.endpoint) == (Status.OK, EndpointResult.UNREACHABLE)


async def test_a_broker_that_was_restarted_is_found_again(place: Place) -> None:
    place.configure(HOME)
    async with place.running():
        async with place.broker():
            await place.contact(EndpointResult.CONNECTED)
        await place.contact(EndpointResult.UNREACHABLE)
        async with place.broker():
            await place.contact(EndpointResult.CONNECTED)


async def test_a_wrong_new_network_is_told_and_the_one_that_worked_taken_up_again(place: Place) -> None:
    place.configure(WRONG, HOME)
    async with place.broker(), place.running():
        status, contact = await place.told()
        assert (status, contact and contact.endpoint) == (Status.AUTH_FAILURE, EndpointResult.UNTRIED)
        await place.contact(EndpointResult.CONNECTED)
    assert place.store.record.wifi == (HOME,)


async def test_a_new_network_that_works_replaces_the_old_one(place: Place) -> None:
    place.configure(HOME, WRONG, owned=False)
    async with place.running():
        assert await place.told() == (Status.OK, EndpointStatus(EndpointResult.UNTRIED))
    assert place.store.record.wifi == (HOME,)


@pytest.mark.parametrize("wifi", [(HOME, WRONG), (WRONG, HOME)], ids=["newest works", "older works"])
async def test_an_attempt_overtaken_by_a_newer_configuration_does_not_undo_it(
    place: Place, wifi: tuple[WifiProfile, ...]
) -> None:
    place.networks.write_text(NETWORKS.format(seconds=0.2))
    place.configure(*wifi, owned=False)
    newer = (replace(HOME, ssid=b"Newer"), HOME)
    async with place.running():
        await asyncio.sleep(0)  # the attempt begins
        place.store.update(lambda record: replace(record, wifi=newer))
        await place.told()
    assert place.store.record.wifi == newer


async def test_a_contact_made_for_an_owner_who_is_gone_leaves_a_new_device_new(place: Place) -> None:
    place.networks.write_text(NETWORKS.format(seconds=0.2))
    place.configure(HOME)
    owner = place.store.record.ownership
    assert owner is not None
    place.store.reset()
    place.connectivity._contacted(owner, EndpointStatus(EndpointResult.CONNECTED))
    assert place.store.record == Record(resets=1, wifi_to_forget=True)

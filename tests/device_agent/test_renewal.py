"""The device's side of renewal: when it asks, what it takes, what it keeps. The broker is real, the backend bent."""

import asyncio
import datetime
import hashlib
import ssl
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import aiomqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from device_agent.record import Ownership
from device_agent.renewal import SILENCE_MAX_S, due_at, pause_s
from device_agent.store import read_record
from onboarding_protocol.members import EndpointResult
from onboarding_protocol.renewal import (
    Refused,
    Renewed,
    Validity,
    answer_topic,
    request_topic,
    verify_renewal_request,
    write_answer,
)
from tests.device_agent.operator import DEVICE
from tests.device_agent.place import HOME, PATIENCE_S, Place
from tests.device_agent.place import place as place

DAY = 86400
NINETY = Validity(0, 90 * DAY)


def leaf(place: Place, begins_s: float, ends_s: float, *, key: ec.EllipticCurvePublicKey | None = None) -> bytes:
    """Certify the device from so many seconds ago to in so many seconds."""
    now = datetime.datetime.now(datetime.UTC)
    issuer, subject = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("Devices CA", DEVICE))
    begins, ends = now - datetime.timedelta(seconds=begins_s), now + datetime.timedelta(seconds=ends_s)
    own = key or place.store.operational_key.public_key()
    builder = x509.CertificateBuilder(issuer, subject, own, x509.random_serial_number(), begins, ends)
    return builder.sign(place.operator.authority_key, hashes.SHA256()).public_bytes(Encoding.DER)


def give(place: Place, certificate: bytes) -> Ownership:
    """Have the device hold this certificate."""
    place.configure(HOME)
    held = place.store.record.ownership
    assert held is not None
    held = replace(held, certificates=(certificate,))
    place.store.update(lambda record: replace(record, ownership=held))
    return held


class Backend:
    """Hears requests and answers what the test says."""

    def __init__(self, place: Place, client: aiomqtt.Client) -> None:
        self._place = place
        self._client = client
        self._messages = aiter(client.messages)

    @classmethod
    @asynccontextmanager
    async def of(cls, place: Place) -> AsyncIterator["Backend"]:
        context = ssl.create_default_context(cafile=place.files.authority)
        context.load_cert_chain(place.files.folder / "listener.pem", place.files.folder / "listener.key")
        async with aiomqtt.Client("127.0.0.1", place.files.port, tls_context=context) as client:
            await client.subscribe("renewal/#", qos=1)
            yield cls(place, client)

    async def asked(self, certificate: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            message = await anext(self._messages)
        assert str(message.topic) == request_topic("acme", DEVICE)
        assert isinstance(message.payload, bytes)
        verify_renewal_request(message.payload, hashlib.sha256(certificate).digest())
        return hashlib.sha256(message.payload).digest()

    async def answer(self, payload: bytes) -> None:
        await self._client.publish(answer_topic("acme", DEVICE), payload, qos=1)

    def renewed(self, request: bytes, certificate: bytes) -> bytes:
        return write_answer(Renewed(request, certificate, self._place.operator.authority.public_bytes(Encoding.DER)))


def test_a_fleet_that_was_certified_at_once_does_not_renew_at_once() -> None:
    moments = [due_at(number.to_bytes(4, "big"), NINETY) / DAY for number in range(2000)]
    assert 60 <= min(moments) < 60.2
    assert 74.8 < max(moments) < 75
    assert 4 < statistics.stdev(moments) < 4.7
    assert due_at(b"one", NINETY) == due_at(b"one", NINETY)


def test_the_less_life_is_left_the_sooner_it_asks_again() -> None:
    pauses = [pause_s(NINETY, (90 - left) * DAY, refused=False) for left in (20, 4, 1, 0.1, 0, -5)]
    assert pauses == sorted(pauses, reverse=True)
    assert pauses[0] == SILENCE_MAX_S
    assert pauses[-1] == NINETY.life / 20_000
    assert pause_s(NINETY, 70 * DAY, refused=True) > SILENCE_MAX_S


async def test_a_certificate_in_its_first_two_thirds_is_left_alone(place: Place) -> None:
    give(place, leaf(place, 100, 1000))
    async with place.broker(), Backend.of(place) as backend, place.running():
        await place.contact(EndpointResult.CONNECTED)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await backend.asked(b"")
    assert place.events == []


async def test_the_new_certificate_is_on_disk_and_then_connected_with(place: Place) -> None:
    old, new = leaf(place, 900, 100), leaf(place, 10, 1000)
    held = give(place, old)
    async with place.broker(), Backend.of(place) as backend, place.running():
        await place.contact(EndpointResult.CONNECTED)
        request = await backend.asked(old)
        await backend.answer(backend.renewed(request, new))
        await place.contact(EndpointResult.CONNECTED)
        kept = read_record(place.folder / "state")
    assert kept.ownership == replace(held, certificates=(new,))
    assert kept.clock_floor == int(x509.load_der_x509_certificate(new).not_valid_before_utc.timestamp())
    assert [name for name, _ in place.events] == ["renewing", "renewed"]
    shown = x509.load_pem_x509_certificate((place.folder / "state" / "certificate.pem").read_bytes())
    assert shown.public_bytes(Encoding.DER) == new


async def test_nothing_that_does_not_verify_is_taken_and_it_asks_again(place: Place) -> None:
    old, new = leaf(place, 900, 100), leaf(place, 10, 1000)
    held = give(place, old)
    stranger = ec.generate_private_key(ec.SECP256R1()).public_key()
    async with place.broker(), Backend.of(place) as backend, place.running():
        await place.contact(EndpointResult.CONNECTED)
        request = await backend.asked(old)
        for payload in (b"", b"\xff", b"{}", backend.renewed(bytes(32), new), bytes(100_000)):
            await backend.answer(payload)
        await backend.answer(backend.renewed(request, leaf(place, 10, 1000, key=stranger)))
        request = await backend.asked(old)
        assert read_record(place.folder / "state").ownership == held
        await backend.answer(backend.renewed(request, new))
        await place.contact(EndpointResult.CONNECTED)
    troubles = [facts["what"] for name, facts in place.events if name == "trouble"]
    assert troubles == ["the renewed certificate is refused: the new certificate certifies another key"]


async def test_a_refusal_keeps_the_certificate_and_it_asks_again(place: Place) -> None:
    old = leaf(place, 900, 100)
    held = give(place, old)
    async with place.broker(), Backend.of(place) as backend, place.running():
        await place.contact(EndpointResult.CONNECTED)
        await backend.answer(write_answer(Refused(await backend.asked(old), "disabled")))
        await backend.asked(old)
    assert place.store.record.ownership == held
    assert ("renewal-refused", {"reason": "disabled"}) in place.events


async def test_silence_is_asked_again(place: Place) -> None:
    old = leaf(place, 90, 10)
    give(place, old)
    async with place.broker(), Backend.of(place) as backend, place.running():
        await place.contact(EndpointResult.CONNECTED)
        first = await backend.asked(old)
        assert await backend.asked(old) != first


async def test_an_answer_that_comes_while_the_link_is_down_is_given_again_to_the_next_request(place: Place) -> None:
    old, new = leaf(place, 900, 100), leaf(place, 10, 1000)
    give(place, old)
    async with place.broker(), Backend.of(place) as backend:
        async with place.running():
            await place.contact(EndpointResult.CONNECTED)
            lost = await backend.asked(old)
        await backend.answer(backend.renewed(lost, new))
        place.first = asyncio.get_running_loop().create_future()
        async with place.running():
            request = await backend.asked(old)
            assert request != lost
            await backend.answer(backend.renewed(request, new))
            await place.contact(EndpointResult.CONNECTED)
            await place.contact(EndpointResult.CONNECTED)  # once with each certificate
    assert [name for name, _ in place.events] == ["renewing", "renewing", "renewed"]


async def test_a_full_disk_keeps_the_certificate_that_works(place: Place) -> None:
    old, new = leaf(place, 900, 100), leaf(place, 10, 1000)
    held = give(place, old)
    record = place.folder / "state" / "record.json"
    async with place.broker(), Backend.of(place) as backend, place.running():
        await place.contact(EndpointResult.CONNECTED)
        request = await backend.asked(old)
        octets = record.read_bytes()
        record.unlink()
        record.mkdir()  # a rename onto it fails
        await backend.answer(backend.renewed(request, new))
        request = await backend.asked(old)
        assert place.store.record.ownership == held
        record.rmdir()
        record.write_bytes(octets)
        await backend.answer(backend.renewed(request, new))
        await place.contact(EndpointResult.CONNECTED)
    assert place.store.record.ownership == replace(held, certificates=(new,))


async def test_a_clock_that_is_behind_is_not_believed(place: Place) -> None:
    """The certificate is not due by the clock, but by a moment that is known to have passed."""
    old = leaf(place, 100, 1000)
    give(place, old)
    place.store.update(lambda record: replace(record, clock_floor=int(time.time()) + 900))
    async with place.broker(), Backend.of(place) as backend, place.running():
        await backend.asked(old)


async def test_a_certificate_that_has_run_out_is_the_reason_a_broker_refuses(place: Place) -> None:
    give(place, leaf(place, 900, -10))
    async with place.broker(), place.running():
        _, contact = await place.told()
    assert contact is not None
    assert (contact.endpoint, contact.reason) == (EndpointResult.REFUSED, "certificate-expired")


async def test_a_broker_that_ends_the_link_at_each_request_is_not_besieged(place: Place) -> None:
    old = leaf(place, 9000, 1000)
    give(place, old)
    async with AsyncExitStack() as device:
        async with place.broker(), Backend.of(place) as backend:  # who listens first misses no request
            await device.enter_async_context(place.running())
            await backend.asked(old)
        await place.contact(EndpointResult.UNREACHABLE)
        async with place.broker(), Backend.of(place) as backend:
            await place.contact(EndpointResult.CONNECTED)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await backend.asked(old)
    assert [name for name, _ in place.events] == ["renewing"]

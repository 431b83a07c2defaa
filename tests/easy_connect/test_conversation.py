"""What both our ends say to each other, and when they give up; over a link in memory."""

import asyncio
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app_sim.easy_connect.configurator import Offer, configure
from app_sim.easy_connect.conversation import Conversation
from app_sim.easy_connect.errors import (
    NotJoinedError,
    PeerRefusedError,
    PeerSilentError,
    StreamEndedError,
)
from app_sim.easy_connect.memory import pair
from app_sim.errors import DeviceBusyError
from app_sim.link import Link
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import (
    CSR_ATTRIBUTES,
    Akm,
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ComebackDelay,
    ComebackRequest,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    Connection,
    ConnectionStatusResult,
    Status,
)
from onboarding_protocol.hint import Hint, encode_hint
from tests.easy_connect.ends import OFFER, PROGRESS, answer, give, our_enrollee
from tests.protocol import samples


async def test_in_memory_they_say_the_same() -> None:
    ours, theirs = pair()
    enrolled, configured = await asyncio.gather(answer(theirs), give(ours))
    assert enrolled.objects[0].credential.passphrase == samples.PASSPHRASE
    assert configured.status is not None


async def test_an_enrollee_that_could_not_join_ends_with_what_to_do() -> None:
    ours, theirs = pair()
    enrolling = asyncio.create_task(answer(theirs, Status.AUTH_FAILURE))
    with pytest.raises(NotJoinedError) as caught:
        await give(ours)
    assert caught.value.facts == {"status": "auth-failure"}
    assert "password" in caught.value.remedy
    await enrolling


async def test_a_status_that_does_not_come_is_unknown_and_not_failed() -> None:
    ours, theirs = pair()

    async def hang_up_before_the_status() -> None:
        connection = Connection.responder(samples.LABEL_KEY, Capability.ENROLLEE)
        talk = Conversation(connection, Quits(theirs, after=4), time.monotonic)
        with pytest.raises(StreamEndedError):
            await our_enrollee().answer(talk)

    _, configured = await asyncio.gather(hang_up_before_the_status(), give(ours))
    assert configured.result is Status.OK
    assert configured.status is None


class Quits:
    """A link whose owner hangs up in place of sending once more."""

    def __init__(self, link: Link, after: int) -> None:
        self._link, self._left = link, after

    async def send(self, octets: bytes) -> None:
        self._left -= 1
        if self._left < 1:
            await self._link.close()
        await self._link.send(octets)

    async def receive(self) -> bytes:
        return await self._link.receive()

    async def close(self) -> None:
        await self._link.close()


async def test_our_enrollee_makes_a_signing_request_for_a_configurator_that_wants_one() -> None:
    ours, theirs = pair()
    enrolling = asyncio.create_task(answer(theirs))
    connection = Connection.initiator(samples.LABEL, Capability.CONFIGURATOR)
    talk = Conversation(connection, ours, time.monotonic)
    await talk.send(AuthenticationRequest())
    await talk.expect(AuthenticationResponse)
    await talk.send(AuthenticationConfirm())
    assert (await talk.expect(ConfigurationRequest)).request.signing_request is None
    await talk.send(ConfigurationResponse(Status.CSR_NEEDED, csr_attributes=CSR_ATTRIBUTES))
    asked = (await talk.expect(ConfigurationRequest)).request
    assert asked.signing_request is not None
    connection.verify_signing_request(asked.signing_request)
    await talk.send(ConfigurationResponse(objects=(samples.network(),)))
    await talk.expect(ConnectionStatusResult)
    assert (await enrolling).objects == (samples.network(),)


async def test_our_enrollee_comes_back_as_often_as_it_is_asked() -> None:
    ours, theirs = pair()
    enrolling = asyncio.create_task(answer(theirs))
    talk = Conversation(Connection.initiator(samples.LABEL, Capability.CONFIGURATOR), ours, time.monotonic)
    await talk.send(AuthenticationRequest())
    await talk.expect(AuthenticationResponse)
    await talk.send(AuthenticationConfirm())
    await talk.expect(ConfigurationRequest)
    for _ in range(3):
        await talk.send(ComebackDelay(time_units=5))
        await talk.expect(ComebackRequest)
    await talk.send(ConfigurationResponse(objects=(samples.network(),), wants_status=False))
    await talk.expect(ConfigurationResult)
    assert (await enrolling).wants_status is False


async def test_a_network_too_large_to_send_is_refused_and_the_enrollee_is_free_at_once() -> None:
    ours, theirs = pair()
    enrolling = asyncio.create_task(answer(theirs))
    with pytest.raises(PeerRefusedError, match="longer than"):
        await give(ours, Offer(b"Home", Akm.PSK, samples.PASSPHRASE, {"/example": "x" * 9000}))
    with pytest.raises(PeerRefusedError) as caught:
        await enrolling
    assert caught.value.status is Status.CONFIGURE_FAILURE


async def test_one_exchange_after_another_goes_over_one_connection() -> None:
    ours, theirs = pair()
    connection = Connection.responder(samples.LABEL_KEY, Capability.ENROLLEE)
    talk = Conversation(connection, theirs, time.monotonic)
    mine = Conversation(Connection.initiator(samples.LABEL, Capability.CONFIGURATOR), ours, time.monotonic)
    for _ in range(3):
        enrolled, configured = await asyncio.gather(our_enrollee().answer(talk), configure(mine, OFFER, PROGRESS))
        assert enrolled.objects
        assert configured.status is not None


async def test_a_peer_that_never_begins_is_given_up() -> None:
    _, theirs = pair()
    connection = Connection.responder(samples.LABEL_KEY, Capability.ENROLLEE)
    with pytest.raises(PeerSilentError, match="did not begin"):
        await Conversation(connection, theirs, time.monotonic, begin_s=0.05).receive()


async def test_whoever_read_another_label_is_told_to_check_it() -> None:
    clock = iter([0.0, 0.0, 1000.0, 1000.0, 1000.0])
    ours, theirs = pair()
    other = BootstrappingKey.from_public_key(ec.generate_private_key(ec.SECP256R1()).public_key())
    silent = asyncio.create_task(theirs.receive())
    connection = Connection.initiator(other, Capability.CONFIGURATOR)
    with pytest.raises(PeerSilentError) as caught:
        await configure(Conversation(connection, ours, lambda: next(clock, 1000.0)), OFFER, PROGRESS)
    assert "label" in caught.value.remedy
    await silent


async def test_a_device_that_is_busy_says_so() -> None:
    ours, theirs = pair()
    giving = asyncio.create_task(give(ours))
    await theirs.receive()
    await theirs.send(encode_hint(Hint.BUSY))
    with pytest.raises(DeviceBusyError):
        await giving

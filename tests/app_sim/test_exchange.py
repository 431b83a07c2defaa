import asyncio
import itertools

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app_sim.errors import (
    ApiUnreachableError,
    AppError,
    DeviceBusyError,
    DeviceFailedError,
    DeviceForeignError,
    DeviceSilentError,
    ExchangeFailedError,
    LinkLostError,
    NobodyAnswersError,
    WindowClosedError,
    WrongLabelError,
)
from app_sim.exchange import Exchange
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import (
    Akm,
    AuthenticationResponse,
    ConfigurationObject,
    ConfigurationRequest,
    ConfigurationResult,
    ConnectionStatus,
    ConnectionStatusResult,
    Credential,
    Message,
    Status,
    delimit,
)
from onboarding_protocol.dpp.states import PATIENCE_S, State
from onboarding_protocol.hint import Hint, encode_hint
from onboarding_protocol.identity import verify_label_proof, verify_signing_request
from onboarding_protocol.members import DeviceState
from tests.app_sim.device import HEARD, Device, MemoryLink
from tests.app_sim.instant_time import now, run_instantly

CHALLENGE = bytes(range(16))
WIFI = ConfigurationObject(b"Home", Credential(Akm.PSK, "correct horse"))
ANSWERS = [AuthenticationResponse, ConfigurationRequest, ConfigurationResult, ConnectionStatusResult]


def meet(device: Device, mtu: int = 247, label: BootstrappingKey | None = None) -> tuple[Exchange, MemoryLink]:
    link = MemoryLink(device, mtu, now)
    return Exchange(link, label or device.label, now), link


async def converse(device: Device, mtu: int = 247) -> tuple[Status, ConnectionStatus | None]:
    exchange, _ = meet(device, mtu)
    await exchange.authenticate(CHALLENGE)
    return await exchange.deliver(WIFI), await exchange.joined()


@pytest.mark.parametrize("mtu", [23, 185, 247, 517])
async def test_an_exchange_succeeds_at_every_mtu(mtu: int) -> None:
    device = Device()
    exchange, link = meet(device, mtu)
    statement = await exchange.authenticate(CHALLENGE)
    assert (statement.state, statement.serial, statement.networks) == (DeviceState.NEW, "SN-1", HEARD)
    assert await exchange.deliver(WIFI) is Status.OK
    status = await exchange.joined()
    assert status is not None
    assert status.result is Status.OK
    assert device.taken == [WIFI]
    assert max(map(len, link.writes)) <= min(mtu - 3, 500)


async def test_the_challenge_is_what_the_device_signs() -> None:
    device = Device()
    exchange, _ = meet(device)
    statement = await exchange.authenticate(CHALLENGE)
    assert statement.signing_request is not None
    assert statement.proof is not None
    verify_signing_request(statement.signing_request, CHALLENGE)
    verify_label_proof(device.label, statement.signing_request, 0, statement.proof)


async def test_without_a_challenge_every_exchange_has_another_nonce() -> None:
    device = Device()
    for _ in range(2):
        exchange, _link = meet(device)
        await exchange.authenticate()
        await exchange.deliver(WIFI)
        device.state = DeviceState.NEW
    (first, _), (second, _) = device.proofs
    assert first != second


async def test_exchanges_follow_each_other_on_one_link() -> None:
    device = Device(joins=[ConnectionStatus(Status.AUTH_FAILURE)])
    exchange, _ = meet(device)
    await exchange.authenticate(CHALLENGE)
    await exchange.deliver(WIFI)
    first = await exchange.joined()
    assert first is not None
    assert first.result is Status.AUTH_FAILURE
    assert (await exchange.authenticate()).state is DeviceState.ASSIGNED
    assert await exchange.deliver(WIFI) is Status.OK
    second = await exchange.joined()
    assert second is not None
    assert second.result is Status.OK


async def test_a_device_that_repeats_itself_is_understood() -> None:
    status = await converse(Device(repeats_itself=True))
    assert status[0] is Status.OK
    assert status[1] is not None


async def test_another_device_s_label_is_told_from_a_silent_device() -> None:
    other = BootstrappingKey.from_public_key(ec.generate_private_key(ec.SECP256R1()).public_key())
    exchange, _ = meet(Device(), label=other)
    with pytest.raises(WrongLabelError) as error:
        await exchange.authenticate(CHALLENGE)
    assert error.value.type == "wrong-label"


@pytest.mark.parametrize(
    ("hint", "kind"),
    [
        (Hint.BUSY, DeviceBusyError),
        (Hint.WINDOW_CLOSED, WindowClosedError),
        (Hint.INTERNAL_ERROR, DeviceFailedError),
    ],
)
async def test_a_hint_ends_the_wait_for_an_answer(hint: Hint, kind: type[AppError]) -> None:
    exchange, _ = meet(Device(hint=hint))
    with pytest.raises(kind) as error:
        await exchange.authenticate(CHALLENGE)
    assert error.value.remedy


@pytest.mark.parametrize(
    "whisper", [encode_hint(Hint.BUSY), delimit(b"\xfe\x01"), delimit(b"\xff\x99"), delimit(b"\x09zz")]
)
async def test_what_is_meant_for_others_does_not_end_an_authenticated_exchange(whisper: bytes) -> None:
    device = Device()
    exchange, _ = meet(device)
    await exchange.authenticate(CHALLENGE)
    device.whispers = whisper
    assert await exchange.deliver(WIFI) is Status.OK
    assert await exchange.joined() is not None


async def test_a_device_that_fails_says_so_at_any_time() -> None:
    device = Device()
    exchange, _ = meet(device)
    await exchange.authenticate(CHALLENGE)
    device.hint = Hint.INTERNAL_ERROR
    with pytest.raises(DeviceFailedError):
        await exchange.deliver(WIFI)


@pytest.mark.parametrize("answer", ANSWERS[:3])
async def test_a_link_that_breaks_before_an_answer_is_reported(answer: type[Message]) -> None:
    with pytest.raises(LinkLostError) as error:
        await converse(Device(loses_link_before=answer))
    assert "again" in error.value.remedy


async def test_a_link_that_breaks_before_the_status_leaves_it_unknown() -> None:
    assert await converse(Device(loses_link_before=ConnectionStatusResult)) == (Status.OK, None)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (AuthenticationResponse, State.REQUESTED),
        (ConfigurationRequest, State.AUTHENTICATED),
        (ConfigurationResult, State.CONFIGURED),
    ],
)
def test_a_silent_device_is_given_up_at_the_protocol_s_deadline(answer: type[Message], state: State) -> None:
    async def story() -> float:
        with pytest.raises(DeviceSilentError):
            await converse(Device(silent_before=answer))
        return now()

    assert run_instantly(story()) == pytest.approx(PATIENCE_S[state])


def test_a_status_that_never_comes_is_unknown_and_not_a_failure() -> None:
    async def story() -> float:
        assert await converse(Device(silent_before=ConnectionStatusResult)) == (Status.OK, None)
        return now()

    assert run_instantly(story()) == pytest.approx(PATIENCE_S[State.JOINING])


def test_the_rest_of_a_message_that_does_not_come_is_not_waited_for_longer_than_the_answer() -> None:
    async def story() -> float:
        device = Device(silent_before=AuthenticationResponse)
        exchange, link = meet(device)
        device.whispers = b""
        link._arrive(delimit(bytes(100))[:50])
        with pytest.raises(DeviceSilentError):
            await exchange.authenticate(CHALLENGE)
        return now()

    assert run_instantly(story()) == pytest.approx(10)


async def test_a_device_that_never_verifies_ends_the_exchange() -> None:
    exchange, _ = meet(Device(whispers=delimit(b"\x09nothing that verifies") * 6))
    with pytest.raises(ExchangeFailedError):
        await exchange.authenticate(CHALLENGE)


async def test_a_standard_enrollee_is_refused_and_told_so() -> None:
    device = Device(members=False)
    exchange, _ = meet(device)
    with pytest.raises(DeviceForeignError):
        await exchange.authenticate(CHALLENGE)
    assert device.refusals == [Status.CONFIGURE_FAILURE]


async def test_an_error_while_the_device_waits_is_told_to_it_and_it_is_ready_at_once() -> None:
    device = Device()
    exchange, _ = meet(device)
    await exchange.authenticate(CHALLENGE)
    with pytest.raises(ApiUnreachableError):
        async with exchange.refused_on_failure():
            raise ApiUnreachableError("no answer")
    assert device.refusals == [Status.CONFIGURE_FAILURE]
    assert device.taken == []
    assert (await exchange.authenticate(CHALLENGE)).state is DeviceState.NEW


async def test_the_first_error_is_reported_even_if_the_link_is_gone_as_well() -> None:
    device = Device()
    exchange, link = meet(device)
    await exchange.authenticate(CHALLENGE)
    link.lose()
    with pytest.raises(ApiUnreachableError):
        async with exchange.refused_on_failure():
            raise ApiUnreachableError("no answer")
    assert device.refusals == []


def test_a_person_has_as_long_as_the_device_waits() -> None:
    async def story() -> float:
        device = Device()
        exchange, _ = meet(device)
        await exchange.authenticate(CHALLENGE)
        with pytest.raises(NobodyAnswersError):
            async with exchange.refused_on_failure(), exchange.while_the_device_waits():
                await asyncio.Event().wait()
        assert device.refusals == [Status.CONFIGURE_FAILURE]
        return now()

    assert run_instantly(story()) == pytest.approx(PATIENCE_S[State.CONFIGURATION_REQUESTED] - 5)


async def test_a_link_may_break_after_every_single_chunk() -> None:
    for survived in itertools.count():
        device = Device()
        exchange = Exchange(MemoryLink(device, 185, now, breaks_after=survived), device.label, now)
        try:
            await exchange.authenticate(CHALLENGE)
            verdict = await exchange.deliver(WIFI)
        except LinkLostError:
            continue
        assert verdict is Status.OK
        assert survived > 5
        return

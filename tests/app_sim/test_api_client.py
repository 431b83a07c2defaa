import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from app_sim.api_client import ApiClient
from app_sim.documents import OnboardingId, OnboardingState, ProblemError, read_opened, read_registration, read_view
from app_sim.errors import ApiAnswerError, ApiInsecureError, ApiUnreachableError
from app_sim.event_stream import EVENT_MAX_CHARACTERS, event_data
from onboarding_protocol.identity import create_signing_request, sign_label_proof
from onboarding_protocol.members import DeviceState, DeviceStatement
from tests.app_sim.conftest import Api, free_port
from tests.app_sim.device import Device
from tests.app_sim.servers import Proxy, answering, http


def client(url: str, request_s: float = 5) -> ApiClient:
    return ApiClient(url, request_s, backoff_s=(0, 0, 0))


def statement(device: Device, challenge: bytes, serial: str = "SN-1") -> DeviceStatement:
    request = create_signing_request(device.operational_key, challenge)
    proof = sign_label_proof(device.key, request, 0)
    return DeviceStatement(DeviceState.NEW, serial=serial, signing_request=request, proof=proof)


async def test_a_device_is_registered_and_its_onboarding_can_be_read(api: Api) -> None:
    device = Device()
    async with client(api.url) as phone:
        await phone.sign_in("alice", api.passwords["alice"])
        opened = await phone.open_onboarding(device.label)
        assert opened.device is None
        registration = await phone.register(opened.id, statement(device, opened.challenge))
        view = await phone.view(opened.id)
    assert registration.device.tenant == "acme"
    assert registration.grant.certificates
    assert (view.id, view.state) == (opened.id, OnboardingState.ASSIGNED)
    assert view.device is not None
    assert view.device.id == registration.device.id


async def test_a_registration_whose_reply_is_lost_is_repeated_octet_for_octet(api: Api) -> None:
    device, proxy = Device(), Proxy(api.url, losses=2)
    async with proxy.running() as url, client(url) as phone:
        await phone.sign_in("alice", api.passwords["alice"])
        opened = await phone.open_onboarding(device.label)
        said = statement(device, opened.challenge)
        registration = await phone.register(opened.id, said)
        assert await phone.register(opened.id, said) == registration
    assert len(proxy.requests) == 4
    assert len(set(proxy.requests)) == 1


async def test_a_reply_that_is_always_lost_is_reported_after_a_few_attempts(api: Api) -> None:
    device, proxy = Device(), Proxy(api.url, losses=99)
    async with proxy.running() as url, client(url) as phone:
        await phone.sign_in("alice", api.passwords["alice"])
        opened = await phone.open_onboarding(device.label)
        with pytest.raises(ApiUnreachableError):
            await phone.register(opened.id, statement(device, opened.challenge))
    assert len(proxy.requests) == 4


async def test_the_stream_tells_of_first_contact(api: Api) -> None:
    device, states = Device(), []
    async with client(api.url) as phone:
        await phone.sign_in("alice", api.passwords["alice"])
        opened = await phone.open_onboarding(device.label)
        grant = (await phone.register(opened.id, statement(device, opened.challenge))).grant
        async for state in phone.follow(opened.id):
            states.append(state)
            if state is OnboardingState.CONNECTED:
                break
            await asyncio.to_thread(api.contact, grant)
        again = await phone.open_onboarding(device.label)
        assert again.device is not None
        async for state in phone.follow(again.id):
            states.append(state)
            break
    assert states == [OnboardingState.ASSIGNED, OnboardingState.CONNECTED, OnboardingState.CONNECTED]


async def test_where_there_is_no_stream_the_onboarding_is_asked_for() -> None:
    view = {"id": "1", "state": "connected", "device": None}
    async with answering(http(200, json.dumps(view).encode())) as url, client(url) as phone:
        async for state in phone.follow(OnboardingId("1")):
            assert state is OnboardingState.CONNECTED
            break


async def test_a_refusal_is_the_api_s_own_problem_document(api: Api) -> None:
    async with client(api.url) as phone:
        with pytest.raises(ProblemError) as problem:
            await phone.sign_in("alice", "not her password")
        assert problem.value.type == "urn:onboarding:problem:credentials-refused"
        assert problem.value.status == 401
        assert problem.value.title
        assert problem.value.remedy == "Check user name and password."
        with pytest.raises(ProblemError) as problem:
            await phone.view(OnboardingId("../tokens"))
        assert problem.value.status in (401, 404)


async def test_a_wrong_signing_request_is_refused_once_and_not_insisted_on(api: Api) -> None:
    device, proxy = Device(), Proxy(api.url)
    async with proxy.running() as url, client(url) as phone:
        await phone.sign_in("alice", api.passwords["alice"])
        opened = await phone.open_onboarding(device.label)
        with pytest.raises(ProblemError) as problem:
            await phone.register(opened.id, statement(device, bytes(16)))
    assert problem.value.type.endswith("signing-request-refused")
    assert len(proxy.requests) == 1


async def test_a_port_that_nobody_listens_on_is_an_unreachable_api() -> None:
    async with client(f"http://127.0.0.1:{free_port()}") as phone:
        with pytest.raises(ApiUnreachableError, match="cannot be reached") as error:
            await phone.sign_in("alice", "canary")
    assert "canary" not in str(error.value)


async def test_an_api_that_never_answers_is_given_up() -> None:
    async with answering(None) as url, client(url, request_s=0.05) as phone:
        with pytest.raises(ApiUnreachableError, match="in time"):
            await phone.sign_in("alice", "canary")


@pytest.mark.parametrize("url", ["http://onboarding.example", "http://192.0.2.1:8080", "HTTP://[2001:db8::1]"])
def test_a_password_does_not_travel_in_clear(url: str) -> None:
    with pytest.raises(ApiInsecureError, match="not encrypted"):
        client(url)
    for own in ("http://localhost:8080", "http://127.0.0.2", "http://[::1]:8080", "https://onboarding.example"):
        assert client(own)


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://", "https://["])
async def test_what_is_no_url_is_an_unreachable_api(url: str) -> None:
    with pytest.raises(ApiUnreachableError):
        async with client(url) as phone:
            await phone.sign_in("alice", "canary")


@pytest.mark.parametrize(
    "answer",
    [
        http(200, b"<html>", "text/html"),
        http(200, b"[]"),
        http(200, b"{}"),
        http(200, b'{"access_token": 5}'),
        http(404, b"not found", "text/plain"),
        http(302, b""),
        http(400, b"{", "application/problem+json"),
    ],
)
async def test_another_server_is_not_taken_for_the_api(answer: bytes) -> None:
    async with answering(answer) as url, client(url) as phone:
        with pytest.raises(ApiAnswerError):
            await phone.sign_in("alice", "canary")


@pytest.mark.parametrize("answer", [b"nonsense\r\n\r\n", http(503, b"busy", "text/plain"), b""])
async def test_a_server_that_is_down_or_broken_is_an_unreachable_api(answer: bytes) -> None:
    async with answering(answer) as url, client(url) as phone:
        with pytest.raises(ApiUnreachableError):
            await phone.sign_in("alice", "canary")


async def test_a_problem_without_members_is_still_a_sentence() -> None:
    async with answering(http(418, b"{}", "application/problem+json")) as url, client(url) as phone:
        with pytest.raises(ProblemError, match="418") as problem:
            await phone.sign_in("alice", "canary")
    assert problem.value.type == "about:blank"
    assert problem.value.remedy


async def test_what_the_api_adds_to_a_problem_is_not_lost() -> None:
    body = b'{"type": "urn:x", "detail": "our fault", "request": "c0ffee", "step": "spoofed", "errors": [1]}'
    async with answering(http(500, body, "application/problem+json")) as url, client(url) as phone:
        with pytest.raises(ProblemError, match=r"our fault \(request c0ffee\)") as problem:
            await phone.sign_in("alice", "canary")
    document = problem.value.to_json()
    assert (document["request"], document["errors"], document["status"]) == ("c0ffee", [1], 500)
    assert "step" not in document


@pytest.mark.parametrize(
    "document",
    [
        {"id": "1", "challenge": "AAAA"},
        {"id": "1", "challenge": "****"},
        {"id": "1"},
        {"id": 1, "challenge": "A" * 22},
        {"id": "1", "challenge": "A" * 22, "device": "mine"},
        {"id": "1", "challenge": "A" * 22, "device": {"id": "1", "tenant": "t", "state": "sold"}},
    ],
)
def test_a_challenge_that_is_not_as_agreed_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ApiAnswerError):
        read_opened(document)


def test_a_registration_or_view_that_is_not_as_agreed_is_refused() -> None:
    device = {"id": "1", "tenant": "t", "state": "assigned"}
    documents: list[dict[str, object]] = [{}, {"x5c": ["*"]}, {"x5c": [1]}, {"x5c": [], "device": None}]
    for document in documents:
        with pytest.raises(ApiAnswerError):
            read_registration({"assignment": "x", "device": device, **document})
    with pytest.raises(ApiAnswerError):
        read_view({"id": "1", "state": "gone"})


async def lines(text: str) -> list[str]:
    async def split() -> AsyncIterator[str]:
        for line in text.split("\n"):
            yield line

    return [data async for data in event_data(split())]


async def test_events_are_told_from_comments_and_joined_over_lines() -> None:
    assert await lines(": hello\n\nevent: x\ndata: {\ndata:}\n\ndata: cut off") == ["{\n}"]


async def test_an_event_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        await lines("data: " + "x" * EVENT_MAX_CHARACTERS + "y\n")

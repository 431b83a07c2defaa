import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from io import StringIO

import pytest

from app_sim.api_client import ApiClient
from app_sim.config import Account, Patience
from app_sim.documents import OnboardingState, ProblemError
from app_sim.errors import (
    AppError,
    ConfigurationRejectedError,
    ContactMissingError,
    DeviceNotFoundError,
    DeviceOwnedElsewhereError,
    EndpointError,
    LinkFailedError,
    LinkLostError,
    WifiFailedError,
    WifiNotFoundError,
    WifiPasswordWrongError,
)
from app_sim.onboard import onboard
from app_sim.outcome import Outcome, Report
from app_sim.phone import Phone
from app_sim.progress import JsonLines, Progress
from app_sim.wifi import Wifi
from onboarding_protocol.dpp import (
    Akm,
    AuthenticationRequest,
    AuthenticationResponse,
    ConfigurationResult,
    ConnectionStatus,
    ConnectionStatusResult,
    Message,
    Status,
)
from onboarding_protocol.members import DeviceState, EndpointResult, EndpointStatus, Grant
from tests.app_sim.conftest import Api
from tests.app_sim.device import Device, MemoryRadio
from tests.app_sim.servers import Proxy

CANARY = "canary passphrase"
WRONG = ConnectionStatus(Status.AUTH_FAILURE)


@dataclass
class Scene:
    """One user's phone, and what it said."""

    api: Api
    device: Device
    user: str = "alice"
    passphrases: tuple[str, ...] = (CANARY,)
    contact_s: float = 5
    mtu: int = 247
    url: str | None = None
    said: StringIO = field(default_factory=StringIO)

    @asynccontextmanager
    async def phone(self) -> AsyncIterator[tuple[Phone, MemoryRadio]]:
        progress = Progress(JsonLines(self.said), lambda: 0.0)
        radio = MemoryRadio((self.device,), lambda: 0.0, self.mtu)
        account = Account(self.url or self.api.url, self.user, self.api.passwords[self.user])
        wifi, patience = Wifi(b"Home", self.passphrases, None), Patience(contact_s=self.contact_s)
        async with (
            ApiClient(account.api, 5, backoff_s=(0, 0)) as client,
            Phone(radio, client, wifi, progress, account, patience) as phone,
        ):
            yield phone, radio
        assert all(link.closed for link in radio.links)
        assert CANARY not in self.said.getvalue()
        assert account.password not in self.said.getvalue()

    async def play(self) -> Outcome:
        async with self.phone() as (phone, _):
            return await onboard(self.device.uri, phone)


@pytest.fixture
def device(api: Api) -> Device:
    return Device(on_grant=api.contact)


@pytest.mark.parametrize("mtu", [23, 247])
async def test_a_new_device_is_registered_configured_and_seen_by_the_api(api: Api, device: Device, mtu: int) -> None:
    outcome = await Scene(api, device, mtu=mtu).play()
    assert outcome.registered
    assert outcome.state is OnboardingState.CONNECTED
    assert outcome.report == Report("joined", "connected")
    assert outcome.device.tenant == "acme"
    (taken,) = device.taken
    assert (taken.ssid, taken.credential.akm, taken.credential.passphrase) == (b"Home", Akm.PSK, CANARY)
    assert Grant.from_members(taken.members) is not None


async def test_every_step_is_told_in_order(api: Api, device: Device) -> None:
    scene = Scene(api, device)
    await scene.play()
    steps = re.findall(r'"step": "([a-z-]+)", "ok": true', scene.said.getvalue())
    assert sorted(steps[1:3]) == ["scan", "sign-in"]
    assert sorted(steps[3:5]) == ["challenge", "connect"]
    assert steps[5:] == ["authenticate", "register", "wifi", "configure", "join", "contact"]


async def test_a_wrong_password_costs_a_new_exchange_and_no_second_registration(api: Api, device: Device) -> None:
    device.joins = [WRONG, WRONG]
    proxy = Proxy(api.url)
    async with proxy.running() as url:
        scene = Scene(api, device, passphrases=("wrong-one", "short", "wrong-two", CANARY), url=url)
        async with scene.phone() as (phone, radio):
            # No stream comes through this proxy: the onboarding is asked for instead.
            outcome = await onboard(device.uri, phone)
    assert outcome.state is OnboardingState.CONNECTED
    assert [taken.credential.passphrase for taken in device.taken] == ["wrong-one", "wrong-two", CANARY]
    assert [Grant.from_members(taken.members) is None for taken in device.taken] == [False, True, True]
    assert len(proxy.requests) == 1
    assert len(radio.links) == 1


async def test_a_link_that_is_gone_when_the_next_password_comes_is_made_again(api: Api, device: Device) -> None:
    device.joins = [WRONG]
    scene = Scene(api, device, passphrases=("wrong-one", CANARY))
    device.loses_link_after = ConnectionStatusResult
    async with scene.phone() as (phone, radio):
        outcome = await onboard(device.uri, phone)
    assert outcome.state is OnboardingState.CONNECTED
    assert len(radio.links) == 2


async def test_the_last_wrong_password_is_reported_and_the_registration_stays(api: Api, device: Device) -> None:
    device.joins = [WRONG]
    with pytest.raises(WifiPasswordWrongError) as error:
        await Scene(api, device).play()
    assert error.value.step == "wifi"
    outcome = await Scene(api, device).play()
    assert not outcome.registered
    assert Grant.from_members(device.taken[1].members) is None


async def test_no_wifi_credential_leaves_before_the_api_has_accepted(api: Api, device: Device) -> None:
    await Scene(api, device).play()
    factory_reset = Device(key=device.key)
    with pytest.raises(ProblemError) as problem:
        await Scene(api, factory_reset, user="bob").play()
    assert problem.value.type == "urn:onboarding:problem:device-owned-elsewhere"
    assert problem.value.step == "register"
    assert factory_reset.taken == []
    assert factory_reset.refusals == [Status.CONFIGURE_FAILURE]


@pytest.mark.parametrize("user", ["bob", "carol"])
async def test_an_assigned_device_of_somebody_else_gets_no_wifi(api: Api, device: Device, user: str) -> None:
    await Scene(api, device).play()
    with pytest.raises(DeviceOwnedElsewhereError) as error:
        await Scene(api, device, user=user).play()
    assert "reset" in error.value.remedy
    assert len(device.taken) == 1
    assert device.refusals == [Status.CONFIGURE_FAILURE]


async def test_one_s_own_device_gets_another_wifi_without_being_registered_again(api: Api, device: Device) -> None:
    first = await Scene(api, device).play()
    device.state = DeviceState.CONNECTED
    second = await Scene(api, device).play()
    assert (second.registered, second.device.id) == (False, first.device.id)
    assert second.state is OnboardingState.CONNECTED


async def test_an_expired_challenge_is_replaced_without_anybody_noticing(api: Api, device: Device) -> None:
    device.on_request = api.expire_challenges
    async with Scene(api, device).phone() as (phone, radio):
        outcome = await onboard(device.uri, phone)
    assert outcome.state is OnboardingState.CONNECTED
    assert device.refusals == [Status.CONFIGURE_FAILURE]
    assert len(device.proofs) == 2
    assert len(radio.links) == 1


async def test_a_lost_status_is_unknown_and_the_api_decides(api: Api, device: Device) -> None:
    device.loses_link_before = ConnectionStatusResult
    outcome = await Scene(api, device).play()
    assert outcome.report == Report("unknown", "unknown")
    assert outcome.state is OnboardingState.CONNECTED


async def test_a_device_that_the_api_never_sees_is_not_called_connected(api: Api) -> None:
    silent = Device(loses_link_before=ConnectionStatusResult)
    with pytest.raises(ContactMissingError) as error:
        await Scene(api, silent, contact_s=0.3).play()
    assert error.value.step == "contact"
    assert f"app-sim status {error.value.onboarding}" in error.value.remedy
    assert "assigned" in str(error.value)


@pytest.mark.parametrize(
    ("step", "answer"), [("authenticate", AuthenticationResponse), ("configure", ConfigurationResult)]
)
async def test_a_lost_link_is_reported_at_its_step(api: Api, device: Device, step: str, answer: type[Message]) -> None:
    device.loses_link_before = answer
    with pytest.raises(LinkLostError) as error:
        await Scene(api, device).play()
    assert error.value.step == step


async def test_what_broke_half_way_succeeds_when_it_is_repeated(api: Api, device: Device) -> None:
    device.loses_link_before = ConfigurationResult
    with pytest.raises(LinkLostError):
        await Scene(api, device).play()
    assert (await Scene(api, device).play()).state is OnboardingState.CONNECTED


@pytest.mark.parametrize(
    ("result", "kind", "type_"),
    [
        (Status.NO_AP, WifiNotFoundError, "wifi-network-not-found"),
        (Status.CONFIGURE_FAILURE, WifiFailedError, "wifi-failed"),
    ],
)
async def test_a_network_that_cannot_be_joined_is_reported(
    api: Api, device: Device, result: Status, kind: type[AppError], type_: str
) -> None:
    device.joins = [ConnectionStatus(result)]
    with pytest.raises(kind, match="Home") as error:
        await Scene(api, device).play()
    assert (error.value.type, error.value.step) == (type_, "join")


@pytest.mark.parametrize("result", [EndpointResult.REFUSED, EndpointResult.UNREACHABLE, EndpointResult.UNTRUSTED])
async def test_an_endpoint_that_does_not_take_the_device_is_reported(api: Api, result: EndpointResult) -> None:
    device = Device(endpoint=EndpointStatus(result, "why"))
    with pytest.raises(EndpointError) as error:
        await Scene(api, device).play()
    assert error.value.type == f"endpoint-{result.value}"
    assert error.value.to_json()["reason"] == "why"
    assert error.value.remedy


@pytest.mark.parametrize(
    ("result", "reason", "word"),
    [
        (EndpointResult.UNTRUSTED, "clock-wrong", "NTP"),
        (EndpointResult.REFUSED, "certificate-expired", "onboard it again"),
        (EndpointResult.UNTRUSTED, "certificate-untrusted", "trust anchor"),
    ],
)
async def test_what_is_to_be_done_depends_on_the_device_s_reason(
    api: Api, result: EndpointResult, reason: str, word: str
) -> None:
    device = Device(endpoint=EndpointStatus(result, reason))
    with pytest.raises(EndpointError) as error:
        await Scene(api, device).play()
    assert word in error.value.remedy


async def test_a_refused_configuration_is_reported_with_the_device_s_reason(api: Api, device: Device) -> None:
    device.verdict = Status.CONFIG_REJECTED
    device.endpoint = EndpointStatus(EndpointResult.UNTRIED, "operator-unknown")
    with pytest.raises(ConfigurationRejectedError, match="operator-unknown") as error:
        await Scene(api, device).play()
    assert error.value.reason == "operator-unknown"


async def test_a_wrong_login_ends_the_search_as_well(api: Api, device: Device) -> None:
    scene = Scene(api, device)
    scene.api = replace(api, passwords={"alice": "not her password"})
    with pytest.raises(ProblemError) as problem:
        await scene.play()
    assert problem.value.type.endswith("credentials-refused")
    assert problem.value.step == "sign-in"


async def test_a_device_that_is_not_there_is_reported(api: Api, device: Device) -> None:
    async with Scene(api, device).phone() as (phone, radio):
        radio.devices = ()
        with pytest.raises(DeviceNotFoundError) as error:
            await onboard(device.uri, phone)
    assert error.value.step == "scan"


async def test_a_device_that_cannot_be_connected_is_reported(api: Api, device: Device) -> None:
    async with Scene(api, device).phone() as (phone, radio):
        radio.connectable = False
        with pytest.raises(LinkFailedError) as error:
            await onboard(device.uri, phone)
    assert error.value.step == "connect"


def test_the_story_never_asks_for_mutual_authentication() -> None:
    assert AuthenticationRequest().capabilities.name == "CONFIGURATOR"

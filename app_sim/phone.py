"""The steps of the story, one method each: what is awaited, what is shown, and which error it may end with.

The order, and the reason for it, is in `onboard.py`.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from app_sim.api_client import ApiClient
from app_sim.config import Account, Patience
from app_sim.documents import OnboardingState, OpenedOnboarding, RegisteredDevice
from app_sim.errors import (
    ConfigurationRejectedError,
    ContactMissingError,
    DeviceForeignError,
    DeviceOwnedElsewhereError,
    LinkLostError,
    WifiPasswordWrongError,
)
from app_sim.exchange import Exchange
from app_sim.label import read_label
from app_sim.link import Link, Radio, Sighting
from app_sim.outcome import UNKNOWN, Report, read_endpoint, read_report
from app_sim.progress import Progress, StepName
from app_sim.text import shown
from app_sim.wifi import Network, Wifi
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import Status
from onboarding_protocol.members import DeviceState, DeviceStatement, Grant, HeardNetwork


@dataclass(frozen=True, slots=True)
class Claim:
    """The API's word that the device is this user's; with a grant if it was registered just now."""

    device: RegisteredDevice
    grant: Grant | None = field(repr=False)


class Phone:
    """One phone, for one onboarding; an asynchronous context manager that leaves no link behind."""

    def __init__(
        self, radio: Radio, api: ApiClient, wifi: Wifi, progress: Progress, account: Account, patience: Patience
    ) -> None:
        self._radio = radio
        self._api = api
        self._wifi = wifi
        self._progress = progress
        self._account = account
        self._patience = patience
        self._links: list[Link] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.hang_up()

    async def hang_up(self) -> None:
        """End every link, so that the device is free."""
        while self._links:
            await self._links.pop().close()

    def read_label(self, source: str) -> BootstrappingKey:
        """Return the key on the label."""
        with self._progress.step(StepName.LABEL, "label read") as step:
            key = read_label(source).key
            step.facts["name"] = key.name
        return key

    async def sign_in(self) -> None:
        """Sign in to the API."""
        with self._progress.step(StepName.SIGN_IN, "signed in") as step:
            step.facts["user"] = self._account.user
            await self._api.sign_in(self._account.user, self._account.password)

    async def find(self, key: BootstrappingKey) -> Sighting:
        """Wait until exactly this label's device is heard."""
        with self._progress.step(StepName.SCAN, "device found") as step:
            sighting = await self._radio.find(key.name)
            step.facts |= {"name": sighting.name, "address": sighting.address, "rssi": sighting.rssi}
        return sighting

    async def open(self, key: BootstrappingKey) -> OpenedOnboarding:
        """Get a challenge from the API."""
        with self._progress.step(StepName.CHALLENGE, "onboarding opened") as step:
            opened = await self._api.open_onboarding(key)
            step.facts["onboarding"] = opened.id
        return opened

    async def connect(self, key: BootstrappingKey, sighting: Sighting) -> Exchange:
        """Connect to the device, and subscribe before anything is written."""
        with self._progress.step(StepName.CONNECT, "connected to the device"):
            link = await self._radio.connect(sighting)
            self._links.append(link)
        return Exchange(link, key, self._progress.clock)

    async def authenticate(self, exchange: Exchange, nonce: bytes = b"") -> DeviceStatement:
        """Authenticate, and hear what the device says of itself."""
        with self._progress.step(StepName.AUTHENTICATE, "device has proven itself") as step:
            statement = await exchange.authenticate(nonce)
            step.facts |= {"state": statement.state.value, "serial": statement.serial, "model": statement.model}
        return statement

    async def claim(self, opened: OpenedOnboarding, statement: DeviceStatement) -> Claim:
        """Have the API register a new device, or recognise one as this user's; nobody else's goes further."""
        with self._progress.step(StepName.REGISTER, "accepted by the API") as step:
            if statement.state is not DeviceState.NEW:
                if opened.device is None:
                    raise DeviceOwnedElsewhereError("the device is assigned already, and not to this user")
                claim = Claim(opened.device, None)
            elif statement.signing_request is None or statement.proof is None:
                raise DeviceForeignError("the device is new, but offers no signing request with its label's proof")
            else:
                registration = await self._api.register(opened.id, statement)
                claim = Claim(registration.device, registration.grant)
            step.facts |= {"device": claim.device.id, "tenant": claim.device.tenant}
        return claim

    async def choose_network(self, exchange: Exchange, heard: Sequence[HeardNetwork]) -> Network:
        """Choose the Wi-Fi; a person has as long as the device waits."""
        with self._progress.step(StepName.WIFI, "Wi-Fi chosen") as step, self._progress.view.asking():
            async with exchange.while_the_device_waits():
                network = await self._wifi.choose(heard)
            step.facts |= {"ssid": shown(network.ssid), "akm": network.akm.value}
        return network

    async def another_passphrase(self, refused: Network) -> Network:
        """Take the next password, or report that the last one was wrong."""
        with self._progress.step(StepName.WIFI, "next Wi-Fi password") as step, self._progress.view.asking():
            network = await self._wifi.another_passphrase(refused)
            if network is None:
                raise WifiPasswordWrongError(f"the access point of “{shown(refused.ssid)}” refuses the password")
            step.facts["ssid"] = shown(network.ssid)
        return network

    async def configure(self, exchange: Exchange, network: Network, grant: Grant | None) -> Report | None:
        """Give the device its configuration and hear how joining went; None for a wrong Wi-Fi password."""
        with self._progress.step(StepName.CONFIGURE, "configuration stored by the device"):
            verdict = await exchange.deliver(network.configuration(grant))
            if verdict is not Status.OK:
                status = await exchange.joined()
                endpoint = None if status is None else read_endpoint(status)
                reason = None if endpoint is None else endpoint.reason
                sentence = f"the device refuses its configuration ({reason or 'it gives no reason'})"
                raise ConfigurationRejectedError(sentence, reason)
        with self._progress.step(StepName.JOIN, "device has answered for its Wi-Fi") as step:
            status = await exchange.joined()
            step.facts["result"] = UNKNOWN if status is None else status.result.name.lower()
            if status is not None and status.result is Status.AUTH_FAILURE:
                return None
            return read_report(status, network.ssid)

    async def authenticate_again(self, exchange: Exchange, key: BootstrappingKey) -> Exchange:
        """Begin a new exchange with the same, now assigned device; on a new link if the old one is gone."""
        try:
            statement = await self.authenticate(exchange)
        except LinkLostError:
            await self.hang_up()
            exchange = await self.connect(key, await self.find(key))
            statement = await self.authenticate(exchange)
        if statement.state is DeviceState.NEW:
            async with exchange.refused_on_failure():
                raise DeviceForeignError("the device has lost the assignment that it was just given")
        return exchange

    async def await_contact(self, opened: OpenedOnboarding) -> OnboardingState:
        """Wait until the API has seen the device connect with its own certificate."""
        states = self._api.follow(opened.id)
        state: OnboardingState | None = None
        with self._progress.step(StepName.CONTACT, "seen by the API"):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience.contact_s), contextlib.aclosing(states):
                    async for state in states:
                        if state is OnboardingState.CONNECTED:
                            return state
                        if state is OnboardingState.EXPIRED:
                            break
            word = "nothing" if state is None else f"“{state.value}”"
            raise ContactMissingError(
                f"the device was configured, but the API has not seen it connect; it says {word}", opened.id
            )

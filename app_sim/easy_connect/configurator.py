"""Give Wi-Fi to any standard enrollee whose URI we have, and hear how it went."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from app_sim.easy_connect.conversation import Conversation
from app_sim.easy_connect.disclosure import disclosed
from app_sim.easy_connect.errors import NetworkRejectedError, NotJoinedError, PeerRefusedError, PeerSilentError
from app_sim.errors import AppError, DeviceFailedError, LinkLostError
from app_sim.outcome import UNKNOWN
from app_sim.progress import Progress, StepName
from app_sim.text import shown
from onboarding_protocol.dpp import (
    Akm,
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    ConfigurationObject,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    ConfiguratorKey,
    ConnectionStatus,
    ConnectionStatusResult,
    Credential,
    EnrolleeRequest,
    State,
    Status,
)


@dataclass(frozen=True, slots=True)
class Offer:
    """The network to give."""

    ssid: bytes
    akm: Akm
    passphrase: str | None = field(repr=False)
    members: Mapping[str, object] = field(repr=False)
    """Third-party members of the Configuration Object."""
    configurator: ConfiguratorKey | None = None
    """Signs a Connector, where the key management has one."""
    wants_status: bool = True

    def to(self, enrollee: ec.EllipticCurvePublicKey) -> ConfigurationObject:
        """Return what the enrollee with this protocol key is given."""
        credential = Credential(self.akm, self.passphrase)
        if self.configurator is not None:
            credential = self.configurator.credential(self.akm, enrollee, self.passphrase)
        return ConfigurationObject(self.ssid, credential, self.members)


@dataclass(frozen=True, slots=True)
class Configured:
    """The enrollee has taken the configuration."""

    offer: Offer
    enrollee: EnrolleeRequest = field(repr=False)
    result: Status | None
    """None from a peer of version 1, which does not say."""
    status: ConnectionStatus | None
    """How joining went; None if the enrollee did not say, which is unknown and not failed."""

    def to_json(self, *, show_secrets: bool) -> Mapping[str, object]:
        """Return the result as the last JSON line shows it."""
        status = None if self.status is None else disclosed(self.status.to_json(), show_secrets=show_secrets)
        return {
            "enrollee": disclosed(self.enrollee.to_json(), show_secrets=show_secrets),
            "ssid": shown(self.offer.ssid),
            "akm": self.offer.akm.value,
            "result": _word(self.result),
            "status": _word(None if self.status is None else self.status.result),
            "connection_status": status,
        }


async def configure(conversation: Conversation, offer: Offer, progress: Progress) -> Configured:
    """Authenticate, configure, hear the Result and the Connection Status; an AppError for each refusal."""
    with progress.step(StepName.AUTHENTICATE, "enrollee has proven itself") as step:
        await conversation.send(AuthenticationRequest())
        await _responded(conversation)
        await conversation.send(AuthenticationConfirm())
        enrollee = (await conversation.expect(ConfigurationRequest)).request
        step.facts |= {"name": enrollee.name, "role": enrollee.net_role}
    with progress.step(StepName.CONFIGURE, "enrollee has answered for its configuration") as step:
        await _give(conversation, offer)
        verdict = await _verdict(conversation)
        step.facts["result"] = _word(verdict)
    with progress.step(StepName.JOIN, "enrollee has answered for its Wi-Fi") as step:
        status = await _joined(conversation) if verdict is not None and offer.wants_status else None
        result = None if status is None else status.result
        step.facts["result"] = _word(result)
        if result not in (None, Status.OK):
            raise NotJoinedError(f"the enrollee could not join “{shown(offer.ssid)}” ({_word(result)})", result)
    return Configured(offer, enrollee, verdict, status)


async def _responded(conversation: Conversation) -> None:
    while (await conversation.expect(AuthenticationResponse)).status is Status.RESPONSE_PENDING:
        continue


async def _give(conversation: Conversation, offer: Offer) -> None:
    network = offer.to(conversation.connection.peer_protocol_key)
    try:
        await conversation.send(ConfigurationResponse(objects=(network,), wants_status=offer.wants_status))
    except PeerRefusedError:
        with contextlib.suppress(AppError):  # so that the enrollee is free at once
            await conversation.send(ConfigurationResponse(Status.CONFIGURE_FAILURE))
        raise


async def _verdict(conversation: Conversation) -> Status | None:
    if conversation.connection.state is State.COMPLETE:
        return None
    verdict = (await conversation.expect(ConfigurationResult)).status
    if verdict is not Status.OK:
        raise NetworkRejectedError(f"the enrollee refuses the configuration ({_word(verdict)})", verdict)
    return verdict


async def _joined(conversation: Conversation) -> ConnectionStatus | None:
    try:
        return (await conversation.expect(ConnectionStatusResult)).status
    except (LinkLostError, PeerSilentError, PeerRefusedError, DeviceFailedError):
        return None


def _word(status: Status | None) -> str:
    return UNKNOWN if status is None else status.name.lower().replace("_", "-")

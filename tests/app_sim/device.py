"""A device as the app meets it: a real `Connection.responder` with real keys, over a link in memory.

It may misbehave in every way a link or a device does. Nothing here runs by itself: what the app writes is answered
in the same call, so a test needs no tasks and no sleeps.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from app_sim.errors import DeviceNotFoundError, LinkFailedError, LinkLostError
from app_sim.link import Sighting
from onboarding_protocol.bootstrapping import BootstrappingKey, BootstrappingUri
from onboarding_protocol.dpp import (
    AuthenticationConfirm,
    AuthenticationRequest,
    Capability,
    ConfigurationObject,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    Connection,
    ConnectionStatus,
    ConnectionStatusResult,
    DropReason,
    EnrolleeRequest,
    Event,
    ExchangeFailed,
    Message,
    MessageDropped,
    Status,
)
from onboarding_protocol.gatt import chunks
from onboarding_protocol.hint import Hint, encode_hint
from onboarding_protocol.identity import create_signing_request, sign_label_proof
from onboarding_protocol.members import (
    DeviceState,
    DeviceStatement,
    EndpointResult,
    EndpointStatus,
    Grant,
    HeardNetwork,
)

HEARD = (HeardNetwork(b"Home", -48, "psk"), HeardNetwork(b"Cafe", -60, "open"), HeardNetwork(b"Next", -71, "sae"))
LOST = None
"""Stands between octets for a link that breaks there."""


def no_contact(_: Grant) -> None:
    """The device never reaches its endpoint."""


def nothing() -> None:
    """Nothing happens."""


@dataclass
class Device:
    """One device and its habits."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    operational_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    state: DeviceState = DeviceState.NEW
    joins: list[ConnectionStatus] = field(default_factory=list)
    """How each attempt to join ends; afterwards all succeed."""
    verdict: Status = Status.OK
    endpoint: EndpointStatus = field(default_factory=lambda: EndpointStatus(EndpointResult.CONNECTED))
    on_grant: Callable[[Grant], None] = no_contact
    """Plays the endpoint once the device has joined."""
    on_request: Callable[[], None] = nothing
    """Happens once, while the device asks for its configuration."""
    heard: tuple[HeardNetwork, ...] = HEARD
    members: bool = True
    loses_link_before: type[Message] | None = None
    loses_link_after: type[Message] | None = None
    silent_before: type[Message] | None = None
    repeats_itself: bool = False
    hint: Hint | None = None
    """Says this and nothing else."""
    whispers: bytes = b""
    """Said before every answer: what other phones are told reaches this one too."""
    taken: list[ConfigurationObject] = field(default_factory=list)
    refusals: list[Status | None] = field(default_factory=list)
    proofs: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Each signing request with its proof."""

    def __post_init__(self) -> None:
        self.meet()

    @property
    def label(self) -> BootstrappingKey:
        return BootstrappingKey.from_public_key(self.key.public_key())

    @property
    def uri(self) -> str:
        return str(BootstrappingUri(self.label))

    def meet(self) -> None:
        """Forget the last link."""
        self.connection = Connection.responder(self.key, Capability.ENROLLEE)

    def receive(self, chunk: bytes, now: float) -> Iterator[bytes | None]:
        for event in self.connection.receive(chunk, now):
            for message in self._answers(event):
                yield from self._say(message, now)
            if isinstance(event, MessageDropped) and event.reason is DropReason.NOT_MY_LABEL:
                yield encode_hint(Hint.NOT_MY_LABEL)
            if isinstance(event, ExchangeFailed):
                self.refusals.append(event.status)

    def _answers(self, event: Event) -> Iterator[Message]:
        match event:
            case AuthenticationRequest():
                yield event.answer(Capability.ENROLLEE)
            case AuthenticationConfirm(nonce):
                happening, self.on_request = self.on_request, nothing
                happening()
                yield ConfigurationRequest(EnrolleeRequest("device", members=self._statement(nonce)))
            case ConfigurationResponse(Status.OK, objects):
                yield from self._configure(objects[0])

    def _statement(self, nonce: bytes) -> dict[str, object]:
        if not self.members:
            return {}
        request = proof = None
        if self.state is DeviceState.NEW:
            request = create_signing_request(self.operational_key, nonce)
            proof = sign_label_proof(self.key, request, 0)
            self.proofs.append((request, proof))
        statement = DeviceStatement(
            self.state, serial="SN-1", model="m", signing_request=request, proof=proof, networks=self.heard
        )
        return dict(statement.to_members())

    def _configure(self, configuration: ConfigurationObject) -> Iterator[Message]:
        self.taken.append(configuration)
        yield ConfigurationResult(self.verdict)
        status = self.joins.pop(0) if self.joins else ConnectionStatus(Status.OK)
        if self.verdict is Status.OK:
            if self.state is DeviceState.NEW:
                self.state = DeviceState.ASSIGNED
            grant = Grant.from_members(configuration.members)
            if grant is not None:
                self.grant = grant
            if status.result is Status.OK and hasattr(self, "grant"):
                self.on_grant(self.grant)
        members = self.endpoint.to_members() if self.members else {}
        yield ConnectionStatusResult(ConnectionStatus(status.result, configuration.ssid, members=members))

    def _say(self, message: Message, now: float) -> Iterator[bytes | None]:
        if self.hint is not None:
            yield encode_hint(self.hint)
            return
        octets = self.connection.send(message, now)
        if isinstance(message, self.loses_link_before or ()):
            self.loses_link_before = None
            yield LOST
        elif not isinstance(message, self.silent_before or ()):
            yield self.whispers + octets * (2 if self.repeats_itself else 1)
            if isinstance(message, self.loses_link_after or ()):
                self.loses_link_after = None
                yield LOST


class MemoryLink:
    """A link to a device at a given ATT_MTU."""

    def __init__(self, device: Device, mtu: int, clock: Callable[[], float], breaks_after: int | None = None) -> None:
        """`breaks_after` so many chunks, whichever way they go."""
        device.meet()
        self._chunks_left = breaks_after
        self._device = device
        self._mtu = mtu
        self._clock = clock
        self._lost = False
        self._received: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.closed = False
        self.writes: list[bytes] = []
        self.notifications: list[bytes] = []

    async def send(self, octets: bytes) -> None:
        for chunk in chunks(octets, self._mtu):
            if self._lost:
                raise LinkLostError("the link broke while the app was sending")
            if self._breaks():
                return
            self.writes.append(chunk)
            for answer in self._device.receive(chunk, self._clock()):
                self._arrive(answer)

    async def receive(self) -> bytes:
        octets = await self._received.get()
        if octets is None:
            self._received.put_nowait(None)
            raise LinkLostError("the link broke while the app was waiting")
        return octets

    async def close(self) -> None:
        self.closed = True

    def _breaks(self) -> bool:
        if self._chunks_left is not None:
            self._chunks_left -= 1
            if self._chunks_left < 0 and not self._lost:
                self.lose()
        return self._lost

    def lose(self) -> None:
        self._arrive(LOST)

    def _arrive(self, octets: bytes | None) -> None:
        if octets is None:
            self._lost = True
            self._received.put_nowait(None)
        elif not self._lost:
            for piece in chunks(octets, self._mtu):
                if self._breaks():
                    return
                self.notifications.append(piece)
                self._received.put_nowait(piece)


@dataclass
class MemoryRadio:
    """The devices in range."""

    devices: tuple[Device, ...]
    clock: Callable[[], float]
    mtu: int = 247
    connectable: bool = True
    links: list[MemoryLink] = field(default_factory=list)

    async def find(self, name: str) -> Sighting:
        for device in self.devices:
            if device.label.name == name:
                return Sighting(name, "00:00:00:00:00:01", -50)
        raise DeviceNotFoundError(f"no device that fits the label (name {name}) was heard")

    async def connect(self, sighting: Sighting) -> MemoryLink:
        if not self.connectable:
            raise LinkFailedError("connecting failed")
        device = next(device for device in self.devices if device.label.name == sighting.name)
        self.links.append(MemoryLink(device, self.mtu, self.clock))
        return self.links[-1]

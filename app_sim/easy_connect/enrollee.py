"""Be an enrollee that any standard configurator can configure. Nothing is stored and no network is joined."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from app_sim.easy_connect.conversation import Conversation
from app_sim.easy_connect.disclosure import disclosed
from app_sim.easy_connect.errors import PeerRefusedError
from app_sim.easy_connect.tcp import Listener, TcpLink
from app_sim.errors import AppError
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import (
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ConfigurationObject,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    ConnectionStatus,
    ConnectionStatusResult,
    ConnectorError,
    EnrolleeRequest,
    Status,
)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a configurator gave."""

    objects: tuple[ConfigurationObject, ...]
    wants_status: bool

    def documents(self, *, show_secrets: bool) -> list[Mapping[str, object]]:
        """Return the Configuration Objects as they may be shown."""
        return [disclosed(item.to_json(), show_secrets=show_secrets) for item in self.objects]

    def to_json(self, *, show_secrets: bool) -> Mapping[str, object]:
        """Return the result as the last JSON line shows it."""
        return {"objects": self.documents(show_secrets=show_secrets), "wants_status": self.wants_status}


@dataclass(frozen=True, slots=True)
class Enrollee:
    """What we say: at first of ourselves, at last of a network that we did not try to join."""

    request: EnrolleeRequest
    joining: Status
    at: int
    """Seconds since 1970, for what expires."""
    configurator: BootstrappingKey | None = None
    """Has to prove this label, too: mutual authentication."""

    async def answer(self, conversation: Conversation) -> Enrolled:
        """Be configured by a configurator that has read our URI."""
        while not isinstance(message := await conversation.receive(), AuthenticationConfirm):
            if isinstance(message, AuthenticationRequest):
                if self.configurator and message.initiator_key_hash != self.configurator.key_hash:
                    await conversation.send(AuthenticationResponse(Status.AUTH_FAILURE))
                    raise PeerRefusedError("the peer is another configurator than --peer", Status.AUTH_FAILURE)
                answer = message.answer(Capability.ENROLLEE, self.configurator)
                await conversation.send(answer)
                if answer.status is not Status.OK:
                    raise PeerRefusedError("the peer wants to be an enrollee too", answer.status)
        return await self._take(conversation)

    async def ask(self, conversation: Conversation) -> Enrolled:
        """Be configured by a configurator whose URI we have read."""
        await conversation.send(AuthenticationRequest())
        while (await conversation.expect(AuthenticationResponse)).status is Status.RESPONSE_PENDING:
            continue
        await conversation.send(AuthenticationConfirm())
        return await self._take(conversation)

    async def _take(self, conversation: Conversation) -> Enrolled:
        await conversation.send(ConfigurationRequest(self.request))
        given = await conversation.expect(ConfigurationResponse)
        if given.status is Status.CSR_NEEDED:
            signing_request = conversation.connection.signing_request(self.request.name)
            await conversation.send(ConfigurationRequest(replace(self.request, signing_request=signing_request)))
            given = await conversation.expect(ConfigurationResponse)
        await self._check_connectors(conversation, given.objects)
        await conversation.send(ConfigurationResult())
        if given.wants_status:
            status = ConnectionStatus(self.joining, given.objects[0].ssid)
            await conversation.send(ConnectionStatusResult(status))
        return Enrolled(given.objects, given.wants_status)

    async def _check_connectors(self, conversation: Conversation, objects: tuple[ConfigurationObject, ...]) -> None:
        for given in objects:
            if given.credential.connector is None:
                continue
            try:
                conversation.connection.network_access(given.credential, self.at)
            except ConnectorError as error:
                await conversation.send(ConfigurationResult(Status.CONFIG_REJECTED))
                raise PeerRefusedError(f"the peer gave {error}", Status.CONFIG_REJECTED) from error


async def first_success(
    listener: Listener, serve: Callable[[TcpLink], Awaitable[Enrolled]], refused: Callable[[str, AppError], None]
) -> Enrolled:
    """Serve whoever connects, several at once, until one has configured us; tell `refused` of those who failed."""
    successes: asyncio.Queue[Enrolled] = asyncio.Queue()

    async def meet(link: TcpLink) -> None:
        peer = link.peer
        try:
            try:
                success = await serve(link)
            finally:
                await listener.release(link)
        except AppError as error:
            refused(peer, error)
        else:
            successes.put_nowait(success)

    async with asyncio.TaskGroup() as group:
        tasks: set[asyncio.Task[None]] = set()

        async def admit() -> None:
            while True:
                task = group.create_task(meet(await listener.accept()))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

        tasks.add(group.create_task(admit()))
        success = await successes.get()
        for task in tuple(tasks):
            task.cancel()
    return success

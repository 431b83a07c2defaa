"""What devices say is not lost: while no listener runs, while the database is away, and if a listener dies."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager

import psycopg
import pytest

from onboarding_api.app import wall_clock
from onboarding_api.broker_session import BrokerAccess, BrokerSession
from onboarding_api.domain.identifiers import Timestamp
from onboarding_api.key_file import load_seal
from onboarding_api.listener import Ears, listen
from onboarding_api.services.contacts import Contacts
from onboarding_api.services.renewals import Renewals
from onboarding_api.services.tenants import Authorities
from onboarding_api.storage.database import Database
from onboarding_protocol.assignment import contact_event, event_topic
from tests.onboarding_api.actors import Api, FactoryDevice, Json, User, database_url
from tests.onboarding_api.postgresql import USER, PostgreSQL
from tests.onboarding_api.test_busy_database import HURRIED_S
from tests.onboarding_api.test_listener import as_device, broker_for, listener, running
from tests.onboarding_api.test_streams import events, follow
from tests.world.broker import BrokerFiles

PATIENCE_S = 20


class Story:
    """A registered device, and the phone that waits for it."""

    def __init__(self, api: Api, device: FactoryDevice) -> None:
        api.now = wall_clock()
        self.ann: User = api.sign_in("ann")
        self.device = device
        self.opened: Json = self.ann.open(device)
        self.registered: Json = self.ann.register(self.opened, device.answer(self.opened)).get_json()

    async def say(self, files: BrokerFiles, *events: bytes) -> None:
        topic = event_topic("acme", self.registered["device"]["id"])
        async with as_device(self.device, self.registered, files) as client:
            for event in events:
                await client.publish(topic, event, qos=1)

    async def make_contact(self, files: BrokerFiles) -> None:
        await self.say(files, contact_event(1))

    async def becomes_connected(self) -> None:
        stream = events(follow(self.ann, self.opened))
        async with asyncio.timeout(PATIENCE_S):
            states = [view["state"] for view in await asyncio.to_thread(list, stream) if view]
        assert states[-1] == "connected"


@pytest.fixture
def story(api: Api, device: FactoryDevice) -> Story:
    return Story(api, device)


@contextmanager
def away(api: Api, request: pytest.FixtureRequest) -> Iterator[None]:
    """PostgreSQL takes no connection; SQLite's file is held by another writer."""
    if api.database.is_sqlite:
        with api.database.writing():
            yield
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = psycopg.conninfo.conninfo_to_dict(database_url(api.folder).replace("+psycopg", ""))["dbname"]
    api.database.close()
    with psycopg.connect(f"host={server.folder} dbname=postgres user={USER}", autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            yield
        finally:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())


async def test_a_contact_that_nobody_heard_is_heard_by_the_next_listener(api: Api, story: Story) -> None:
    files = broker_for(api)
    async with running("broker", files.command, api.folder):
        async with running("listener", listener(api, files), api.folder) as first:
            await first.wait_event("listening")
        await story.make_contact(files)
        assert story.ann.read(story.opened)["state"] == "assigned"
        async with running("listener", listener(api, files), api.folder):
            await story.becomes_connected()


async def test_a_message_is_given_again_until_it_was_dealt_with(api: Api, story: Story) -> None:
    files = broker_for(api)
    access = access_to(files)

    async def first_of(session: BrokerSession, deal: bool) -> object:
        await session.subscribe("event/#", qos=1)
        message = await anext(aiter(session.messages))
        if deal:
            session.acknowledge(message)
        return message.payload

    async with running("broker", files.command, api.folder), asyncio.timeout(PATIENCE_S):
        await broker_listens(files)
        async with BrokerSession(access, access.tls()) as session:
            await session.subscribe("event/#", qos=1)
            await story.say(files, b"1", b"2")
            assert await first_of(session, deal=False) == b"1"
        async with BrokerSession(access, access.tls()) as session:
            assert await first_of(session, deal=True) == b"1"
        async with BrokerSession(access, access.tls()) as session:
            assert await first_of(session, deal=True) == b"2"


def access_to(files: BrokerFiles) -> BrokerAccess:
    keys = files.folder / "listener.pem", files.folder / "listener.key"
    return BrokerAccess.of(files.url, files.authority, *keys, "session")


async def broker_listens(files: BrokerFiles) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", files.port)
        except OSError:
            await asyncio.sleep(0.01)  # there is no event for a port that begins to listen
        else:
            return writer.close()


async def test_a_listener_waits_for_its_database(api: Api, story: Story, request: pytest.FixtureRequest) -> None:
    files = broker_for(api)
    async with (
        running("broker", files.command, api.folder),
        running("listener", listener(api, files), api.folder) as process,
    ):
        await process.wait_event("listening")
        with away(api, request):
            await story.make_contact(files)
        reopened = Api(api.folder)
        try:
            reopened.now = api.now
            story.ann = reopened.sign_in("ann")
            await story.becomes_connected()
        finally:
            reopened.close()
        assert await process.stop() == 0


class Attempts:
    """A clock that knows how often a listener of this process has begun to deal with a message."""

    def __init__(self) -> None:
        self.second = asyncio.Event()
        self._count = 0

    def clock(self) -> Timestamp:
        self._count += 1
        if self._count == 2:
            self.second.set()
        return wall_clock()


@asynccontextmanager
async def hurried_listener(api: Api, files: BrokerFiles, attempts: Attempts) -> AsyncIterator[None]:
    """A listener in this process that does not wait long for its database."""
    with closing(Database(api.database_url, HURRIED_S)) as database:
        renewals = Renewals(database, Authorities(database, load_seal(api.key_file)), os.urandom)
        ears = Ears(Contacts(database), renewals, attempts.clock)
        ready = asyncio.Event()
        listening = asyncio.create_task(listen(ears, access_to(files), ready.set))
        try:
            await ready.wait()
            yield
        finally:
            listening.cancel()
            await asyncio.wait([listening])


async def test_a_listener_waits_for_a_database_that_others_keep_busy(api: Api, story: Story) -> None:
    files, attempts = broker_for(api), Attempts()
    async with running("broker", files.command, api.folder), asyncio.timeout(PATIENCE_S):
        await broker_listens(files)
        async with hurried_listener(api, files, attempts):
            with api.database.writing() as connection:
                connection.exec_driver_sql("UPDATE hardware SET model = model")
                await story.make_contact(files)
                await attempts.second.wait()
            await story.becomes_connected()


@pytest.mark.parametrize("sessions", [("one", "two"), ("same", "same")])
async def test_several_listeners_lose_nothing(api: Api, story: Story, sessions: tuple[str, str]) -> None:
    files = broker_for(api)
    first, second = ([*listener(api, files), "--session", session] for session in sessions)
    async with (
        running("broker", files.command, api.folder),
        running("one", first, api.folder) as one,
    ):
        await one.wait_event("listening")
        async with running("two", second, api.folder) as two:
            await two.wait_event("listening")
            await story.make_contact(files)
            await story.becomes_connected()
            assert await two.stop() == 0
        assert await one.stop() == 0

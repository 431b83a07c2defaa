"""`onboarding-api listen` at a real Mosquitto, with certificates that the API has issued."""

import asyncio
import base64
import hashlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from onboarding_api.app import wall_clock
from onboarding_api.domain.certificates import LEAF_LIFE_S
from onboarding_api.domain.identifiers import TenantId
from onboarding_api.services.tenants import TenantDirectory
from onboarding_protocol.assignment import contact_event, event_topic
from onboarding_protocol.renewal import (
    Refused,
    Renewed,
    accept_renewed,
    answer_topic,
    create_renewal_request,
    read_answer,
    request_topic,
)
from tests.onboarding_api.actors import Api, FactoryDevice, Json
from tests.onboarding_api.processes import PROGRAM
from tests.onboarding_api.test_streams import events, follow
from tests.world.broker import BrokerFiles
from tests.world.process import Process
from tests.world.world import free_port


def broker_for(api: Api) -> BrokerFiles:
    files = BrokerFiles(api.folder / "broker", free_port())
    directory = TenantDirectory(api.database)
    files.trust("".join(directory.authority_pem(TenantId(tenant)) for tenant in ("acme", "globex")))
    return files


@asynccontextmanager
async def running(name: str, command: list[str | Path], folder: Path) -> AsyncIterator[Process]:
    process = await Process.start(name, command, folder)
    try:
        yield process
    finally:
        await process.stop()


def listener(api: Api, files: BrokerFiles) -> list[str | Path]:
    identity: list[str | Path] = [
        "--certificate",
        files.folder / "listener.pem",
        "--key",
        files.folder / "listener.key",
    ]
    where: list[str | Path] = ["--broker", files.url, "--broker-ca", files.authority, "--database", api.database_url]
    where += ["--key-file", api.key_file]
    return [PROGRAM, "listen", *where, *identity, "--json"]


def as_device(device: FactoryDevice, registered: Json, files: BrokerFiles) -> aiomqtt.Client:
    leaf = ssl.DER_cert_to_PEM_cert(base64.b64decode(registered["x5c"][0]))
    key = device.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem = files.folder / f"{registered['device']['id']}.pem"
    pem.write_bytes(leaf.encode() + key)
    tls = ssl.create_default_context(cafile=str(files.authority))
    tls.load_cert_chain(pem)
    return aiomqtt.Client("127.0.0.1", files.port, tls_context=tls)


async def test_the_first_event_of_a_device_connects_it(api: Api, device: FactoryDevice) -> None:
    api.now = wall_clock()
    ann = api.sign_in("ann")
    opened = ann.open(device)
    registered = ann.register(opened, device.answer(opened)).get_json()
    identifier = registered["device"]["id"]
    files = broker_for(api)
    async with (
        running("broker", files.command, api.folder),
        running("listener", listener(api, files), api.folder) as process,
    ):
        assert await process.wait_event("listening", broker=files.url)
        async with as_device(device, registered, files) as client, asyncio.timeout(10):
            stream = events(follow(ann, opened))
            assert (next(stream) or {})["state"] == "assigned"
            await client.publish(event_topic("globex", identifier), contact_event(1), qos=1)
            await client.publish(event_topic("acme", identifier), b"{}", qos=1)
            await client.publish(event_topic("acme", identifier), contact_event(7), qos=1)
            await client.publish(event_topic("acme", identifier), contact_event(1), qos=1)
            assert [view and view["state"] for view in await asyncio.to_thread(list, stream)] == ["connected"]
        assert await process.stop() == 0
    logged = [json.loads(line) for line in process.log.read_text().splitlines()]
    assert [(entry["event"], entry["tenant"]) for entry in logged] == [
        ("device.unknown", "globex"),
        ("device.outdated", "acme"),
        ("device.connected", "acme"),
    ]


async def test_a_device_has_its_own_certificate_renewed_and_no_other(api: Api) -> None:
    api.now = wall_clock() - LEAF_LIFE_S * 3 // 4
    ann = api.sign_in("ann")
    mine, other = FactoryDevice(), FactoryDevice()
    registered, foreign = ann.onboard(mine), ann.onboard(other)
    name, elsewhere = registered["device"]["id"], foreign["device"]["id"]
    request, stolen = (
        create_renewal_request(device.key, base64.b64decode(answer["x5c"][0]))
        for device, answer in ((mine, registered), (other, foreign))
    )
    files = broker_for(api)
    async with (
        running("broker", files.command, api.folder),
        running("listener", listener(api, files), api.folder) as process,
    ):
        await process.wait_event("listening")
        async with as_device(mine, registered, files) as client, asyncio.timeout(10):
            await client.subscribe("renewed/#", qos=1)
            await client.publish(request_topic("acme", elsewhere), stolen, qos=1)
            await client.publish(request_topic("acme", name), b"nonsense", qos=1)
            await client.publish(request_topic("acme", name), request, qos=1)
            messages = aiter(client.messages)
            refused, renewed = await anext(messages), await anext(messages)
        assert await process.stop() == 0
    assert str(refused.topic) == str(renewed.topic) == answer_topic("acme", name)
    assert isinstance(refused.payload, bytes)
    assert isinstance(renewed.payload, bytes)
    assert read_answer(refused.payload, b"nonsense") == Refused(hashlib.sha256(b"nonsense").digest(), "malformed")
    answer = read_answer(renewed.payload, request)
    assert isinstance(answer, Renewed)
    accept_renewed(answer, base64.b64decode(registered["x5c"][0]))
    logged = [json.loads(line) for line in process.log.read_text().splitlines()]
    assert [(entry["event"], entry["device"]) for entry in logged] == [
        ("certificate.refused", name),
        ("certificate.renewed", name),
    ]


async def test_a_message_that_cannot_be_dealt_with_keeps_no_other_from_being_heard(api: Api) -> None:
    api.now = wall_clock() - LEAF_LIFE_S * 3 // 4
    ann, device = api.sign_in("ann"), FactoryDevice()
    opened = ann.open(device)
    registered = ann.register(opened, device.answer(opened)).get_json()
    name, leaf = registered["device"]["id"], base64.b64decode(registered["x5c"][0])
    with api.database.writing() as connection:
        connection.exec_driver_sql("UPDATE tenant_authorities SET sealed_key = certificate")
    files = broker_for(api)
    async with (
        running("broker", files.command, api.folder),
        running("listener", listener(api, files), api.folder) as process,
    ):
        await process.wait_event("listening")
        async with as_device(device, registered, files) as client, asyncio.timeout(10):
            await client.publish(request_topic("acme", name), create_renewal_request(device.key, leaf), qos=1)
            await client.publish(event_topic("acme", name), contact_event(1), qos=1)
            states = [view["state"] for view in await asyncio.to_thread(list, events(follow(ann, opened))) if view]
        assert states[-1] == "connected"
        assert await process.stop() == 0
    failed, connected = (json.loads(line) for line in process.log.read_text().splitlines())
    assert (failed["event"], failed["topic"]) == ("message.failed", request_topic("acme", name))
    assert "does not open with this key file" in failed["exception"]
    assert connected["event"] == "device.connected"


async def test_a_listener_comes_back_after_its_broker(api: Api) -> None:
    files = broker_for(api)
    broker = await Process.start("broker", files.command, api.folder)
    async with running("listener", listener(api, files), api.folder) as process:
        await process.wait_event("listening")
        await broker.stop()
        async with running("broker", files.command, api.folder):
            await process.wait_for(lambda _: [event["event"] for event in process.events].count("listening") == 2)
    assert "broker.lost" in process.log.read_text()


async def test_a_listener_without_a_usable_certificate_says_so(api: Api) -> None:
    files = broker_for(api)
    (files.folder / "listener.key").write_text("nothing")
    async with running("listener", listener(api, files), api.folder) as process:
        assert await process.finish(10) == 1
    assert "--certificate" in process.log.read_text()

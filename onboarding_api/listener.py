"""The listener: hears devices at the broker. A contact event marks a device connected; a renewal request is answered.

Who sent a message is the broker's word: it requires a client certificate, takes the certificate's common name as the
user name, and its access rules let a device publish on `event/<tenant>/<its own name>` and `renewal/<tenant>/<its own
name>` only (docs/running.md, «What the broker must allow»). So the device in the topic holds the key of a certificate
that we issued. The tenant in the topic is checked against the device's row.

Nothing that a device says is lost: see `broker_session`, and while the database is away or busy the listener waits for
it. Only what fails otherwise is given up, with its traceback in the log.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import aiomqtt
import structlog

from onboarding_api.broker_session import BrokerAccess, BrokerSession
from onboarding_api.domain.errors import ConcurrentChangeError, DatabaseBusyError, DatabaseUnreachableError
from onboarding_api.domain.identifiers import Clock, DeviceId, DeviceKey, TenantId
from onboarding_api.services.contacts import Contacts
from onboarding_api.services.renewals import Renewals
from onboarding_api.storage.contacts import Contact
from onboarding_protocol.assignment import read_contact_event
from onboarding_protocol.renewal import Refused, answer_topic, write_answer

TOPICS = ("event/+/+", "renewal/+/+")
_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 30.0
_PASSING = (ConcurrentChangeError, DatabaseBusyError, DatabaseUnreachableError)
"""Trouble of the database that passes, and after which the same message is dealt with."""
_log = structlog.get_logger()


def read_topic(topic: str) -> DeviceKey:
    """Return the device a topic names; the subscriptions guarantee its shape."""
    _, tenant, device = topic.split("/")
    return DeviceKey(TenantId(tenant), DeviceId(device))


@dataclass(frozen=True, slots=True)
class Ears:
    """What is done about what devices say."""

    contacts: Contacts
    renewals: Renewals
    clock: Clock


async def listen(ears: Ears, access: BrokerAccess, ready: Callable[[], None]) -> None:
    """Listen until cancelled, reconnecting with growing pauses; call `ready` at each subscription."""
    tls = access.tls()
    pause_s = _FIRST_RETRY_S
    while True:
        begun = time.monotonic()
        try:
            async with BrokerSession(access, tls) as session:
                await session.subscribe([(topic, 1) for topic in TOPICS])
                ready()
                async for message in session.messages:
                    await _deal_with(ears, session, message)
                    session.acknowledge(message)
        except aiomqtt.MqttError as error:
            where = {"host": access.host, "port": access.port, "session": access.session}
            _log.warning("broker.lost", **where, reason=str(error), retry_s=pause_s)
        if time.monotonic() - begun > _LAST_RETRY_S:
            pause_s = _FIRST_RETRY_S
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LAST_RETRY_S)


async def _deal_with(ears: Ears, session: BrokerSession, message: aiomqtt.Message) -> None:
    """Hear one message, however long the database is away or busy."""
    pause_s = _FIRST_RETRY_S
    while True:
        try:
            await _hear(ears, session, str(message.topic), bytes(message.payload))
        except _PASSING as error:
            _log.warning("registry.busy", reason=str(error), retry_s=pause_s)
        except aiomqtt.MqttError:
            raise
        except Exception:  # noqa: BLE001 - the outermost loop: one message must not keep all others from being heard
            _log.exception("message.failed", topic=str(message.topic))
            return
        else:
            return
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LAST_RETRY_S)


async def _hear(ears: Ears, session: BrokerSession, topic: str, payload: bytes) -> None:
    key = read_topic(topic)
    if topic.startswith("renewal/"):
        await _renew(ears, session, key, payload)
    elif (sequence := read_contact_event(payload)) is not None:
        await _take_notice(ears, key, sequence)


async def _take_notice(ears: Ears, key: DeviceKey, sequence: int) -> None:
    contact = await asyncio.to_thread(ears.contacts.seen, key, sequence, ears.clock())
    if contact is Contact.FIRST:
        _log.info("device.connected", tenant=key.tenant, device=key.device)
    elif contact is not Contact.KNOWN:
        _log.warning(f"device.{contact.value}", tenant=key.tenant, device=key.device, sequence=sequence)


async def _renew(ears: Ears, session: BrokerSession, key: DeviceKey, request: bytes) -> None:
    answer = await asyncio.to_thread(ears.renewals.answer, key, request, ears.clock())
    if isinstance(answer, Refused):
        _log.warning("certificate.refused", tenant=key.tenant, device=key.device, reason=answer.reason)
    else:
        _log.info("certificate.renewed", tenant=key.tenant, device=key.device)
    await session.publish(answer_topic(key.tenant, key.device), write_answer(answer), qos=1)

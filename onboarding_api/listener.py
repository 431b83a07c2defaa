"""The listener: hears devices at the broker. A contact event marks a device connected; a renewal request is answered.

Who sent a message is the broker's word: it requires a client certificate, takes the certificate's common name as the
user name, and its access rules let a device publish on `event/<tenant>/<its own name>` and `renewal/<tenant>/<its own
name>` only (docs/running.md, «What the broker must allow»). So the device in the topic holds the key of a certificate
that we issued. The tenant in the topic is checked against the device's row.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiomqtt
import structlog

from onboarding_api.domain.errors import BrokerRefusedError, RegistryError
from onboarding_api.domain.identifiers import Clock, DeviceId, DeviceKey, TenantId
from onboarding_api.services.contacts import Contacts
from onboarding_api.services.renewals import Renewals
from onboarding_api.storage.contacts import Contact
from onboarding_protocol.assignment import read_contact_event
from onboarding_protocol.renewal import Refused, answer_topic, write_answer

TOPICS = ("event/+/+", "renewal/+/+")
_KEEP_ALIVE_S = 30
_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 30.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """Where the broker is, who vouches for it, and who we are there."""

    host: str
    port: int
    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def of(cls, url: str, ca: Path, certificate: Path, key: Path) -> "BrokerAccess":
        """Read an mqtts URL."""
        parts = urlsplit(url)
        if parts.scheme != "mqtts" or not parts.hostname:
            raise BrokerRefusedError(f"not a broker address: {url}")
        return cls(parts.hostname, parts.port or 8883, ca, certificate, key)

    def tls(self) -> ssl.SSLContext:
        """Return the TLS settings, or say which file cannot be used."""
        try:
            context = ssl.create_default_context(cafile=str(self.ca))
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise BrokerRefusedError(f"the broker's CA, our certificate or our key cannot be used: {error}") from error
        return context


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
        try:
            async with aiomqtt.Client(
                access.host, access.port, tls_context=tls, keepalive=_KEEP_ALIVE_S, timeout=10
            ) as client:
                await client.subscribe([(topic, 1) for topic in TOPICS])
                pause_s = _FIRST_RETRY_S
                ready()
                async for message in client.messages:
                    if isinstance(message.payload, bytes):
                        await _hear(ears, client, str(message.topic), message.payload)
        except aiomqtt.MqttError as error:
            _log.warning("broker.lost", host=access.host, port=access.port, reason=str(error), retry_s=pause_s)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LAST_RETRY_S)


async def _hear(ears: Ears, client: aiomqtt.Client, topic: str, payload: bytes) -> None:
    key = read_topic(topic)
    if topic.startswith("renewal/"):
        await _renew(ears, client, key, payload)
    elif (sequence := read_contact_event(payload)) is not None:
        await _take_notice(ears, key, sequence)


async def _take_notice(ears: Ears, key: DeviceKey, sequence: int) -> None:
    contact = await asyncio.to_thread(ears.contacts.seen, key, sequence, ears.clock())
    if contact is Contact.FIRST:
        _log.info("device.connected", tenant=key.tenant, device=key.device)
    elif contact is not Contact.KNOWN:
        _log.warning(f"device.{contact.value}", tenant=key.tenant, device=key.device, sequence=sequence)


async def _renew(ears: Ears, client: aiomqtt.Client, key: DeviceKey, request: bytes) -> None:
    try:
        answer = await asyncio.to_thread(ears.renewals.answer, key, request, ears.clock())
    except RegistryError as error:
        # The device asks again; silence costs it nothing but time.
        _log.error("certificate.unanswered", tenant=key.tenant, device=key.device, reason=str(error))
        return
    if isinstance(answer, Refused):
        _log.warning("certificate.refused", tenant=key.tenant, device=key.device, reason=answer.reason)
    else:
        _log.info("certificate.renewed", tenant=key.tenant, device=key.device)
    await client.publish(answer_topic(key.tenant, key.device), write_answer(answer), qos=1)

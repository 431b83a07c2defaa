"""The listener: hears a device's contact event at the broker, and marks it connected. Other events pass by.

Who sent an event is the broker's word: it requires a client certificate, takes the certificate's common name as the
user name, and its access rules let a device publish below `event/<tenant>/<its own name>` only (in Mosquitto:
`use_identity_as_username true` and `pattern write event/+/%u`). So the device in the topic holds the key of a
certificate that we issued. The tenant in the topic is checked here, against the device's row.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiomqtt
import structlog

from onboarding_api.domain.errors import BrokerRefusedError
from onboarding_api.domain.identifiers import Clock, DeviceId, DeviceKey, TenantId
from onboarding_api.services.contacts import Contacts
from onboarding_api.storage.contacts import Contact
from onboarding_protocol.assignment import read_contact_event

TOPICS = "event/+/+"
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
    """Return the device an event's topic names; the subscription guarantees its shape."""
    _, tenant, device = topic.split("/")
    return DeviceKey(TenantId(tenant), DeviceId(device))


async def listen(contacts: Contacts, access: BrokerAccess, clock: Clock, ready: Callable[[], None]) -> None:
    """Listen until cancelled, reconnecting with growing pauses; call `ready` at each subscription."""
    tls = access.tls()
    pause_s = _FIRST_RETRY_S
    while True:
        try:
            async with aiomqtt.Client(
                access.host, access.port, tls_context=tls, keepalive=_KEEP_ALIVE_S, timeout=10
            ) as client:
                await client.subscribe(TOPICS, qos=1)
                pause_s = _FIRST_RETRY_S
                ready()
                async for message in client.messages:
                    sequence = read_contact_event(message.payload) if isinstance(message.payload, bytes) else None
                    if sequence is not None:
                        await _take_notice(contacts, read_topic(str(message.topic)), sequence, clock)
        except aiomqtt.MqttError as error:
            _log.warning("broker.lost", host=access.host, port=access.port, reason=str(error), retry_s=pause_s)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LAST_RETRY_S)


async def _take_notice(contacts: Contacts, key: DeviceKey, sequence: int, clock: Clock) -> None:
    contact = await asyncio.to_thread(contacts.seen, key, sequence, clock())
    if contact is Contact.FIRST:
        _log.info("device.connected", tenant=key.tenant, device=key.device)
    elif contact is not Contact.KNOWN:
        _log.warning(f"device.{contact.value}", tenant=key.tenant, device=key.device, sequence=sequence)

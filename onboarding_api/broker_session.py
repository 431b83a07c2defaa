"""Our session at the broker: what was published while nobody listened is kept there, and nothing is lost here.

A message is acknowledged when it has been dealt with, not when it has arrived: a listener that is killed in between is
given it again (MQTT 5, sections 3.1.2.11.2 and 4.4). Whoever opens a session that is open takes it over: two listeners
of one session take turns, each until the other comes back.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from onboarding_api.domain.errors import BrokerRefusedError

KEPT_S = 7 * 86_400
"""How long the broker keeps a session that nobody opens."""
_KEEP_ALIVE_S = 30
_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """Where the broker is, who vouches for it, and who we are there."""

    host: str
    port: int
    ca: Path
    certificate: Path
    key: Path
    session: str

    @classmethod
    def of(cls, url: str, ca: Path, certificate: Path, key: Path, session: str) -> "BrokerAccess":
        """Read an mqtts URL."""
        parts = urlsplit(url)
        if parts.scheme != "mqtts" or not parts.hostname:
            raise BrokerRefusedError(f"not a broker address: {url}")
        return cls(parts.hostname, parts.port or 8883, ca, certificate, key, session)

    def tls(self) -> ssl.SSLContext:
        """Return the TLS settings, or say which file cannot be used."""
        try:
            context = ssl.create_default_context(cafile=str(self.ca))
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise BrokerRefusedError(f"the broker's CA, our certificate or our key cannot be used: {error}") from error
        return context


class BrokerSession(aiomqtt.Client):
    """One connection to the session."""

    def __init__(self, access: BrokerAccess, tls: ssl.SSLContext) -> None:
        lasting = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        lasting.SessionExpiryInterval = KEPT_S
        super().__init__(
            access.host,
            access.port,
            identifier=access.session,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=False,
            properties=lasting,
            tls_context=tls,
            keepalive=_KEEP_ALIVE_S,
            timeout=_TIMEOUT_S,
        )
        self._client.manual_ack_set(True)

    def acknowledge(self, message: aiomqtt.Message) -> None:
        """Have the broker forget a message; on a link that is lost, it is sent again on the next one."""
        self._client.ack(message.mid, message.qos)

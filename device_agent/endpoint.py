"""The link to the endpoint: MQTT over TLS, the operational certificate as identity.

Each connection begins with one event on the device's own topic; the backend takes the first one as the proof that
the device has arrived.
"""

import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from device_agent.keys import TlsIdentity
from device_agent.keys.tls import show
from device_agent.mqtt_link import RefusedError, open_link
from device_agent.record import Ownership
from device_agent.renewal import Renewal
from device_agent.trust_anchor import tls_context
from onboarding_protocol.assignment import TrustAnchor, contact_event, event_topic
from onboarding_protocol.members import EndpointResult, EndpointStatus

_DEFAULT_PORT = 8883
_OUT_OF_TIME = (9, 10)
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED, by our clock."""


async def hold(
    ownership: Ownership, identity: TlsIdentity, renewal: Renewal, on_contact: Callable[[EndpointStatus], None]
) -> EndpointStatus:
    """Connect, say so, and stay while `renewal` tends the certificate; return why the link ended.

    `on_contact` is called once the event is delivered.
    """
    try:
        context = _context(ownership, identity)
        url = urlsplit(ownership.endpoint)
        if url.scheme != "mqtts" or url.hostname is None:
            return EndpointStatus(EndpointResult.UNREACHABLE, "endpoint-url")
        async with open_link(url.hostname, url.port or _DEFAULT_PORT, ownership.device, context) as client:
            event = contact_event(ownership.sequence)
            await client.publish(event_topic(ownership.tenant, ownership.device), event, qos=1)
            on_contact(EndpointStatus(EndpointResult.CONNECTED))
            await renewal.tend(client)
    except (aiomqtt.MqttError, OSError, ValueError) as error:
        return _explain(error, renewal)
    return EndpointStatus(EndpointResult.UNREACHABLE, "link-ended")


def _context(ownership: Ownership, identity: TlsIdentity) -> ssl.SSLContext:
    anchor = None
    if ownership.anchor_name is not None and ownership.anchor_key is not None:
        anchor = TrustAnchor(ownership.anchor_name, ownership.anchor_key)
    context = tls_context(anchor)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    show(context, identity)
    return context


def _explain(error: Exception, renewal: Renewal) -> EndpointStatus:
    refused = EndpointStatus(EndpointResult.REFUSED, "certificate-expired" if renewal.overdue else "closed-by-endpoint")
    if isinstance(error, RefusedError):
        return refused
    # aiomqtt hides the cause of a failed connect from tracebacks; it is still the exception's context.
    cause = error if isinstance(error, OSError) else error.__context__
    match cause:
        case ssl.SSLCertVerificationError(verify_code=code) if code in _OUT_OF_TIME and renewal.clock_is_doubtful:
            return EndpointStatus(EndpointResult.UNTRUSTED, "clock-wrong")
        case ssl.SSLCertVerificationError():
            return EndpointStatus(EndpointResult.UNTRUSTED, "certificate-untrusted")
        case ssl.SSLError():
            return EndpointStatus(EndpointResult.REFUSED, "tls-refused")
        case OSError():
            return EndpointStatus(EndpointResult.UNREACHABLE, "no-connection")
    if isinstance(error, MqttConnectError):
        return refused
    if isinstance(error, aiomqtt.MqttCodeError):
        return EndpointStatus(EndpointResult.UNREACHABLE, "link-ended")
    return EndpointStatus(EndpointResult.UNREACHABLE, "no-answer")

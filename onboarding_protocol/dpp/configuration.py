"""DPP Configuration (Easy Connect section 6.4): both ends of each message in one place, all under `ke`.

A message that does not unwrap raises RemoteProtocolError: anybody may have sent it. One that unwraps and makes no
sense raises PeerFaultError: the authenticated peer broke the protocol, and the exchange with it.
"""

import base64
import hmac
from collections.abc import Iterator
from contextlib import contextmanager

from onboarding_protocol.dpp import siv
from onboarding_protocol.dpp.attributes import AttributeId, Attributes, Status, encode_attributes
from onboarding_protocol.dpp.frames import FrameType, encode_frame, frame_header
from onboarding_protocol.dpp.json_document import decode_json, encode_json
from onboarding_protocol.dpp.keys import NONCE_OCTETS
from onboarding_protocol.dpp.messages import (
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    ConnectionStatusResult,
)
from onboarding_protocol.dpp.objects import ConfigurationObject, ConnectionStatus, EnrolleeRequest
from onboarding_protocol.errors import RemoteProtocolError

OBJECTS_MAX = 10
"""Configuration Objects read from one response; hostap keeps as many."""


class PeerFaultError(RemoteProtocolError):
    """The authenticated peer itself broke the protocol; the exchange cannot go on."""


def encode_request(message: ConfigurationRequest, key: bytes, nonce: bytes) -> bytes:
    """Write the attributes of a Configuration Request with the enrollee's nonce."""
    document = encode_json(message.request.to_json())
    inner = [(AttributeId.ENROLLEE_NONCE, nonce), (AttributeId.CONFIGURATION_REQUEST, document)]
    return encode_attributes([(AttributeId.WRAPPED_DATA, siv.wrap(key, encode_attributes(inner)))])


def decode_request(body: bytes, key: bytes) -> tuple[ConfigurationRequest, bytes]:
    """Return the request and the enrollee's nonce."""
    attributes = Attributes.parse(body)
    plaintext = siv.unwrap(key, attributes.take(AttributeId.WRAPPED_DATA))
    with _from_the_peer():
        inner = Attributes.parse(plaintext)
        nonce = inner.take(AttributeId.ENROLLEE_NONCE, NONCE_OCTETS)
        request = EnrolleeRequest.from_json(decode_json(inner.take(AttributeId.CONFIGURATION_REQUEST)))
    return ConfigurationRequest(request), nonce


def encode_response(message: ConfigurationResponse, key: bytes, nonce: bytes) -> bytes:
    """Write the attributes of a Configuration Response; a refusal carries no objects."""
    before = encode_attributes([(AttributeId.STATUS, bytes([message.status]))])
    inner = [(AttributeId.ENROLLEE_NONCE, nonce)]
    if message.status is Status.OK:
        inner += [(AttributeId.CONFIGURATION_OBJECT, encode_json(item.to_json())) for item in message.objects]
        inner += [(AttributeId.SEND_CONNECTION_STATUS, b"")] if message.wants_status else []
    elif message.status is Status.CSR_NEEDED:
        inner.append((AttributeId.CSR_ATTRIBUTES, base64.b64encode(message.csr_attributes)))
    wrapped = siv.wrap(key, encode_attributes(inner), [before])
    return before + encode_attributes([(AttributeId.WRAPPED_DATA, wrapped)])


def decode_response(body: bytes, key: bytes, nonce: bytes) -> ConfigurationResponse:
    """Return the response to the request that had this nonce."""
    attributes = Attributes.parse(body)
    plaintext = siv.unwrap(key, attributes.take(AttributeId.WRAPPED_DATA), [attributes.unwrapped])
    with _from_the_peer():
        status = attributes.take_status()
        inner = Attributes.parse(plaintext)
        _check_nonce(inner, nonce)
        if status is Status.CSR_NEEDED:
            return ConfigurationResponse(status, csr_attributes=_read_csr_attributes(inner))
        documents = inner.take_all(AttributeId.CONFIGURATION_OBJECT)[:OBJECTS_MAX]
        if status is Status.OK and not documents:
            raise RemoteProtocolError("a response without a configuration object")
        objects = tuple(ConfigurationObject.from_json(decode_json(document)) for document in documents)
        wants_status = inner.find(AttributeId.SEND_CONNECTION_STATUS, 0) is not None
    return ConfigurationResponse(status, objects, wants_status)


def encode_result(message: ConfigurationResult, key: bytes, nonce: bytes) -> bytes:
    """Write the Configuration Result."""
    inner = [(AttributeId.STATUS, bytes([message.status])), (AttributeId.ENROLLEE_NONCE, nonce)]
    return _seal(FrameType.CONFIGURATION_RESULT, key, encode_attributes(inner))


def decode_result(attributes: Attributes, key: bytes, nonce: bytes, status_follows: bool) -> ConfigurationResult:
    """Return the enrollee's verdict on the configuration."""
    plaintext = _open(FrameType.CONFIGURATION_RESULT, attributes, key)
    with _from_the_peer():
        inner = Attributes.parse(plaintext)
        _check_nonce(inner, nonce)
        return ConfigurationResult(inner.take_status(), status_follows)


def encode_connection_status(message: ConnectionStatusResult, key: bytes, nonce: bytes) -> bytes:
    """Write the Connection Status Result."""
    document = encode_json(message.status.to_json())
    inner = [(AttributeId.ENROLLEE_NONCE, nonce), (AttributeId.CONNECTION_STATUS, document)]
    return _seal(FrameType.CONNECTION_STATUS_RESULT, key, encode_attributes(inner))


def decode_connection_status(attributes: Attributes, key: bytes, nonce: bytes) -> ConnectionStatusResult:
    """Return how joining went."""
    plaintext = _open(FrameType.CONNECTION_STATUS_RESULT, attributes, key)
    with _from_the_peer():
        inner = Attributes.parse(plaintext)
        _check_nonce(inner, nonce)
        document = decode_json(inner.take(AttributeId.CONNECTION_STATUS))
        return ConnectionStatusResult(ConnectionStatus.from_json(document))


def _seal(frame_type: FrameType, key: bytes, inner: bytes) -> bytes:
    # The attributes before Wrapped Data are none, and the empty string counts as a component all the same.
    wrapped = siv.wrap(key, inner, [frame_header(frame_type), b""])
    return encode_frame(frame_type, encode_attributes([(AttributeId.WRAPPED_DATA, wrapped)]))


def _open(frame_type: FrameType, attributes: Attributes, key: bytes) -> bytes:
    wrapped = attributes.take(AttributeId.WRAPPED_DATA)
    return siv.unwrap(key, wrapped, [frame_header(frame_type), attributes.unwrapped])


def _check_nonce(inner: Attributes, nonce: bytes) -> None:
    if not hmac.compare_digest(inner.take(AttributeId.ENROLLEE_NONCE, NONCE_OCTETS), nonce):
        raise RemoteProtocolError("the message belongs to another configuration")


def _read_csr_attributes(inner: Attributes) -> bytes:
    try:
        return base64.b64decode(inner.take(AttributeId.CSR_ATTRIBUTES), validate=True)
    except ValueError as error:
        raise RemoteProtocolError("CSR attributes that are not base64") from error


@contextmanager
def _from_the_peer() -> Iterator[None]:
    try:
        yield
    except RemoteProtocolError as error:
        raise PeerFaultError(str(error)) from error

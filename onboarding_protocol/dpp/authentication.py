"""DPP Authentication, responder-only (Easy Connect section 6.3): one object per end and exchange.

Every `read_…` returns only what has been verified and raises RemoteProtocolError for all else; nothing it raises
for was authenticated, so the caller may drop the message and wait for a better one.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import siv
from onboarding_protocol.dpp.attributes import AttributeId, Attributes, Status, encode_attributes
from onboarding_protocol.dpp.frames import FrameType, encode_frame, frame_header
from onboarding_protocol.dpp.keys import (
    KEY_OCTETS,
    NONCE_OCTETS,
    POINT_OCTETS,
    Ephemerals,
    Transcript,
    agree,
    decode_point,
    encode_point,
    intermediate_key,
)
from onboarding_protocol.dpp.messages import AuthenticationRequest, AuthenticationResponse, Capability
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError

PROTOCOL_VERSION = b"\x02"
_HASH_OCTETS = hashlib.sha256().digest_size
_Item = tuple[AttributeId, bytes]


class WrongLabelError(RemoteProtocolError):
    """The request was meant for another bootstrapping key than ours."""


@dataclass(slots=True)
class Initiator:
    """The end that has read the label."""

    peer: BootstrappingKey
    ephemerals: Ephemerals
    capability: Capability
    _nonce: bytes = field(default=b"", init=False, repr=False)
    _first_key: bytes = field(default=b"", init=False, repr=False)
    _transcript: Transcript | None = field(default=None, init=False)

    def request(self, message: AuthenticationRequest) -> bytes:
        """Write the Authentication Request; its nonce is the message's, or a fresh one."""
        self._nonce = message.nonce or self.ephemerals.nonce
        if len(self._nonce) != NONCE_OCTETS:
            raise LocalProtocolError(f"a nonce has {NONCE_OCTETS} octets with P-256")
        self._first_key = intermediate_key(agree(self.ephemerals.protocol_key, self.peer.public_key), "first")
        clear = [
            (AttributeId.RESPONDER_KEY_HASH, self.peer.key_hash),
            (AttributeId.INITIATOR_KEY_HASH, self.ephemerals.initiator_key_hash),
            (AttributeId.INITIATOR_PROTOCOL_KEY, encode_point(self.ephemerals.protocol_key.public_key())),
            (AttributeId.PROTOCOL_VERSION, PROTOCOL_VERSION),
        ]
        wrapped = [
            (AttributeId.INITIATOR_NONCE, self._nonce),
            (AttributeId.INITIATOR_CAPABILITIES, bytes([self.capability.value])),
        ]
        return _seal(FrameType.AUTHENTICATION_REQUEST, clear, self._first_key, encode_attributes(wrapped))

    def read_response(self, attributes: Attributes) -> AuthenticationResponse:
        """Verify the Authentication Response. A refusal is returned as such, it is authenticated too."""
        _check_hash(attributes, self.peer)
        status = attributes.take_status()
        if status is not Status.OK:
            inner = _open(FrameType.AUTHENTICATION_RESPONSE, attributes, self._first_key)
            self._check_nonce(inner)
            return AuthenticationResponse(status)
        if attributes.find(AttributeId.INITIATOR_KEY_HASH) is not None:
            raise RemoteProtocolError("the responder asks for mutual authentication, which is not supported")
        point = attributes.take(AttributeId.RESPONDER_PROTOCOL_KEY, POINT_OCTETS)
        responder_key = decode_point(point)
        second_shared = agree(self.ephemerals.protocol_key, responder_key)
        inner = _open(FrameType.AUTHENTICATION_RESPONSE, attributes, intermediate_key(second_shared, "second"))
        self._check_nonce(inner)
        transcript = Transcript(
            initiator_nonce=self._nonce,
            responder_nonce=inner.take(AttributeId.RESPONDER_NONCE, NONCE_OCTETS),
            initiator_x=_x(self.ephemerals.protocol_key.public_key()),
            responder_x=point[:KEY_OCTETS],
            responder_bootstrapping_x=_x(self.peer.public_key),
            shared=agree(self.ephemerals.protocol_key, self.peer.public_key) + second_shared,
        )
        proof = siv.unwrap(transcript.encryption_key, inner.take(AttributeId.WRAPPED_DATA))
        _check_tag(Attributes.parse(proof), AttributeId.RESPONDER_AUTHENTICATION_TAG, transcript.responder_tag)
        if not _capability(inner, AttributeId.RESPONDER_CAPABILITIES) & self.capability.counterpart:
            raise RemoteProtocolError("the responder chose a role that does not fit ours")
        self._transcript = transcript
        return AuthenticationResponse()

    def confirm(self) -> tuple[bytes, bytes]:
        """Write the Authentication Confirm; return it and `ke`."""
        if self._transcript is None:
            raise LocalProtocolError("there is no response to confirm")
        key = self._transcript.encryption_key
        clear = [
            (AttributeId.STATUS, bytes([Status.OK])),
            (AttributeId.RESPONDER_KEY_HASH, self.peer.key_hash),
        ]
        tag = encode_attributes([(AttributeId.INITIATOR_AUTHENTICATION_TAG, self._transcript.initiator_tag)])
        return _seal(FrameType.AUTHENTICATION_CONFIRM, clear, key, tag), key

    def _check_nonce(self, inner: Attributes) -> None:
        if not hmac.compare_digest(inner.take(AttributeId.INITIATOR_NONCE, NONCE_OCTETS), self._nonce):
            raise RemoteProtocolError("the response answers another request")


@dataclass(slots=True)
class Responder:
    """The end whose label was read."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    ephemerals: Ephemerals
    capability: Capability
    initiator_nonce: bytes = field(default=b"", init=False, repr=False)
    _first_shared: bytes = field(default=b"", init=False, repr=False)
    _initiator_point: bytes = field(default=b"", init=False)
    _version: bytes | None = field(default=None, init=False)
    _transcript: Transcript | None = field(default=None, init=False)

    @property
    def public(self) -> BootstrappingKey:
        """What our label shows."""
        return BootstrappingKey.from_public_key(self.key.public_key())

    def read_request(self, attributes: Attributes) -> AuthenticationRequest:
        """Verify the Authentication Request. WrongLabelError if it is for another key."""
        _check_hash(attributes, self.public)
        attributes.take(AttributeId.INITIATOR_KEY_HASH, _HASH_OCTETS)
        point = attributes.take(AttributeId.INITIATOR_PROTOCOL_KEY, POINT_OCTETS)
        shared = agree(self.key, decode_point(point))
        inner = _open(FrameType.AUTHENTICATION_REQUEST, attributes, intermediate_key(shared, "first"))
        nonce = inner.take(AttributeId.INITIATOR_NONCE, NONCE_OCTETS)
        capabilities = _capability(inner, AttributeId.INITIATOR_CAPABILITIES)
        self._version = attributes.find(AttributeId.PROTOCOL_VERSION, 1)
        self.initiator_nonce, self._first_shared, self._initiator_point = nonce, shared, point
        return AuthenticationRequest(capabilities, nonce)

    def respond(self, status: Status) -> bytes:
        """Write the Authentication Response, or a refusal."""
        clear = [(AttributeId.STATUS, bytes([status])), (AttributeId.RESPONDER_KEY_HASH, self.public.key_hash)]
        version = [] if self._version is None else [(AttributeId.PROTOCOL_VERSION, PROTOCOL_VERSION)]
        capability = (AttributeId.RESPONDER_CAPABILITIES, bytes([self.capability.value]))
        nonce = (AttributeId.INITIATOR_NONCE, self.initiator_nonce)
        if status is not Status.OK:
            first_key = intermediate_key(self._first_shared, "first")
            inner = encode_attributes([nonce, capability])
            return _seal(FrameType.AUTHENTICATION_RESPONSE, clear + version, first_key, inner)
        own_point = encode_point(self.ephemerals.protocol_key.public_key())
        clear += [(AttributeId.RESPONDER_PROTOCOL_KEY, own_point), *version]
        second_shared = agree(self.ephemerals.protocol_key, decode_point(self._initiator_point))
        transcript = Transcript(
            initiator_nonce=self.initiator_nonce,
            responder_nonce=self.ephemerals.nonce,
            initiator_x=self._initiator_point[:KEY_OCTETS],
            responder_x=own_point[:KEY_OCTETS],
            responder_bootstrapping_x=_x(self.key.public_key()),
            shared=self._first_shared + second_shared,
        )
        tag = encode_attributes([(AttributeId.RESPONDER_AUTHENTICATION_TAG, transcript.responder_tag)])
        proof = (AttributeId.WRAPPED_DATA, siv.wrap(transcript.encryption_key, tag))
        inner = encode_attributes(
            [(AttributeId.RESPONDER_NONCE, self.ephemerals.nonce), nonce, capability, proof],
        )
        self._transcript = transcript
        second_key = intermediate_key(second_shared, "second")
        return _seal(FrameType.AUTHENTICATION_RESPONSE, clear, second_key, inner)

    def read_confirm(self, attributes: Attributes) -> bytes:
        """Verify the Authentication Confirm and return `ke`."""
        if self._transcript is None:
            raise RemoteProtocolError("there was no response to confirm")
        _check_hash(attributes, self.public)
        if (status := attributes.take_status()) is not Status.OK:
            raise RemoteProtocolError(f"the initiator reports status {status.name}")
        key = self._transcript.encryption_key
        inner = _open(FrameType.AUTHENTICATION_CONFIRM, attributes, key)
        _check_tag(inner, AttributeId.INITIATOR_AUTHENTICATION_TAG, self._transcript.initiator_tag)
        return key


def _seal(frame_type: FrameType, clear: list[_Item], key: bytes, inner: bytes) -> bytes:
    before = encode_attributes(clear)
    wrapped = siv.wrap(key, inner, [frame_header(frame_type), before])
    return encode_frame(frame_type, before + encode_attributes([(AttributeId.WRAPPED_DATA, wrapped)]))


def _open(frame_type: FrameType, attributes: Attributes, key: bytes) -> Attributes:
    wrapped = attributes.take(AttributeId.WRAPPED_DATA)
    return Attributes.parse(siv.unwrap(key, wrapped, [frame_header(frame_type), attributes.unwrapped]))


def _check_hash(attributes: Attributes, key: BootstrappingKey) -> None:
    if attributes.take(AttributeId.RESPONDER_KEY_HASH, _HASH_OCTETS) != key.key_hash:
        raise WrongLabelError("the message names another label")


def _check_tag(attributes: Attributes, identifier: AttributeId, expected: bytes) -> None:
    if not hmac.compare_digest(attributes.take(identifier, len(expected)), expected):
        raise RemoteProtocolError("the authentication tag is wrong")


def _capability(attributes: Attributes, identifier: AttributeId) -> Capability:
    return Capability(attributes.take(identifier, 1)[0] & 0x03)


def _x(key: ec.EllipticCurvePublicKey) -> bytes:
    return encode_point(key)[:KEY_OCTETS]

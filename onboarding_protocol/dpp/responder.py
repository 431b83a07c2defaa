"""The responder of a DPP Authentication: the end whose label was read (Easy Connect section 6.3.3)."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import mutual, siv
from onboarding_protocol.dpp.attributes import AttributeId, Attributes, Status, encode_attributes
from onboarding_protocol.dpp.authentication import (
    HASH_OCTETS,
    Session,
    check_responder_hash,
    check_tag,
    read_capability,
    read_version,
    seal,
    unseal,
    write_version,
)
from onboarding_protocol.dpp.frames import FrameType
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
    x_of,
)
from onboarding_protocol.dpp.messages import (
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
)
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError


@dataclass(slots=True)
class Responder:
    """One exchange of the responder. It decides on mutual authentication, by naming the initiator's key."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    ephemerals: Ephemerals
    capability: Capability
    version: int = 2
    role: Capability | None = field(default=None, init=False)
    """Enrollee or configurator, once the request has said what the initiator can be."""
    initiator_nonce: bytes = field(default=b"", init=False, repr=False)
    _initiator_hash: bytes = field(default=b"", init=False, repr=False)
    _initiator: BootstrappingKey | None = field(default=None, init=False)
    _initiator_point: bytes = field(default=b"", init=False)
    _first_shared: bytes = field(default=b"", init=False, repr=False)
    _second_key: bytes = field(default=b"", init=False, repr=False)
    _peer_version: int = field(default=1, init=False)
    _transcript: Transcript | None = field(default=None, init=False)

    @property
    def public(self) -> BootstrappingKey:
        """What our label shows."""
        return BootstrappingKey.from_public_key(self.key.public_key())

    def read_request(self, attributes: Attributes) -> AuthenticationRequest:
        """Verify the Authentication Request. WrongLabelError if it is for another key."""
        check_responder_hash(attributes, self.public)
        initiator_hash = attributes.take(AttributeId.INITIATOR_KEY_HASH, HASH_OCTETS)
        point = attributes.take(AttributeId.INITIATOR_PROTOCOL_KEY, POINT_OCTETS)
        shared = agree(self.key, decode_point(point))
        inner = unseal(FrameType.AUTHENTICATION_REQUEST, attributes, intermediate_key(shared, "first"))
        nonce = inner.take(AttributeId.INITIATOR_NONCE, NONCE_OCTETS)
        capabilities = read_capability(inner, AttributeId.INITIATOR_CAPABILITIES)
        self._peer_version = read_version(attributes)
        self.role = self.capability.towards(capabilities)
        self.initiator_nonce, self._first_shared = nonce, shared
        self._initiator_hash, self._initiator_point = initiator_hash, point
        return AuthenticationRequest(capabilities, nonce, initiator_hash)

    def respond(self, message: AuthenticationResponse) -> bytes:
        """Write the Authentication Response, a refusal, or that it will take a while."""
        if message.initiator and message.initiator.key_hash != self._initiator_hash:
            raise LocalProtocolError("the initiator named another bootstrapping key than this one")
        capability = self.capability if self.role is None else self.role
        inner = [
            (AttributeId.INITIATOR_NONCE, self.initiator_nonce),
            (AttributeId.RESPONDER_CAPABILITIES, bytes([capability.value])),
        ]
        clear = [
            (AttributeId.STATUS, bytes([message.status])),
            (AttributeId.RESPONDER_KEY_HASH, self.public.key_hash),
        ]
        version = write_version(self.version if self._peer_version > 1 else 1)
        if message.status is not Status.OK:
            first_key = intermediate_key(self._first_shared, "first")
            return seal(FrameType.AUTHENTICATION_RESPONSE, clear + version, first_key, encode_attributes(inner))
        self._initiator = message.initiator
        if self._initiator:
            clear.append((AttributeId.INITIATOR_KEY_HASH, self._initiator_hash))
        clear += [(AttributeId.RESPONDER_PROTOCOL_KEY, self._own_point), *version]
        second_shared = agree(self.ephemerals.protocol_key, decode_point(self._initiator_point))
        self._second_key = intermediate_key(second_shared, "second")
        self._transcript = transcript = self._transcribe(second_shared)
        tag = encode_attributes([(AttributeId.RESPONDER_AUTHENTICATION_TAG, transcript.responder_tag)])
        proof = (AttributeId.WRAPPED_DATA, siv.wrap(transcript.encryption_key, tag))
        plain = encode_attributes([(AttributeId.RESPONDER_NONCE, self.ephemerals.nonce), *inner, proof])
        return seal(FrameType.AUTHENTICATION_RESPONSE, clear, self._second_key, plain)

    def read_confirm(self, attributes: Attributes) -> tuple[AuthenticationConfirm, Session | None]:
        """Verify the Authentication Confirm; return it and the session, or None with a refusal."""
        if self._transcript is None:
            raise RemoteProtocolError("there was no response to confirm")
        check_responder_hash(attributes, self.public)
        named = attributes.find(AttributeId.INITIATOR_KEY_HASH, HASH_OCTETS)
        if named != (self._initiator_hash if self._initiator else None):
            raise RemoteProtocolError("the initiator sees the direction of the authentication otherwise")
        if (status := attributes.take_status()) is not Status.OK:
            inner = unseal(FrameType.AUTHENTICATION_CONFIRM, attributes, self._second_key)
            check_tag(inner, AttributeId.RESPONDER_NONCE, self.ephemerals.nonce)
            return AuthenticationConfirm(self.initiator_nonce, status), None
        inner = unseal(FrameType.AUTHENTICATION_CONFIRM, attributes, self._transcript.encryption_key)
        check_tag(inner, AttributeId.INITIATOR_AUTHENTICATION_TAG, self._transcript.initiator_tag)
        version = min(self.version, self._peer_version)
        peer = decode_point(self._initiator_point)
        session = Session.conclude(self._transcript, self.ephemerals.protocol_key, peer, version)
        return AuthenticationConfirm(self.initiator_nonce), session

    @property
    def _own_point(self) -> bytes:
        return encode_point(self.ephemerals.protocol_key.public_key())

    def _transcribe(self, second_shared: bytes) -> Transcript:
        transcript = Transcript(
            initiator_nonce=self.initiator_nonce,
            responder_nonce=self.ephemerals.nonce,
            initiator_x=self._initiator_point[:KEY_OCTETS],
            responder_x=self._own_point[:KEY_OCTETS],
            responder_bootstrapping_x=x_of(self.key.public_key()),
            shared=self._first_shared + second_shared,
        )
        if self._initiator is None:
            return transcript
        initiator_key = self._initiator.public_key
        share = mutual.responder_share(self.key, self.ephemerals.protocol_key, initiator_key)
        return transcript.with_initiator(x_of(initiator_key), share)

"""The initiator of a DPP Authentication: the end that has read the label (Easy Connect section 6.3.2, 6.3.4)."""

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
from onboarding_protocol.dpp.messages import AuthenticationRequest, AuthenticationResponse, Capability
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError


@dataclass(slots=True)
class Initiator:
    """One exchange of the initiator. With a bootstrapping key of its own it takes part in mutual authentication."""

    peer: BootstrappingKey
    ephemerals: Ephemerals
    capability: Capability
    key: ec.EllipticCurvePrivateKey | None = field(default=None, repr=False)
    version: int = 2
    role: Capability | None = field(default=None, init=False)
    """Enrollee or configurator, once the responder has chosen."""
    _nonce: bytes = field(default=b"", init=False, repr=False)
    _first_key: bytes = field(default=b"", init=False, repr=False)
    _second_key: bytes = field(default=b"", init=False, repr=False)
    _transcript: Transcript | None = field(default=None, init=False)
    _session: Session | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.capability in (Capability.ENROLLEE, Capability.CONFIGURATOR):
            self.role = self.capability

    @property
    def public(self) -> BootstrappingKey | None:
        """The public half of our own bootstrapping key."""
        return None if self.key is None else BootstrappingKey.from_public_key(self.key.public_key())

    def request(self, message: AuthenticationRequest) -> bytes:
        """Write the Authentication Request; its nonce is the message's, or a fresh one."""
        self._nonce = message.nonce or self.ephemerals.nonce
        if len(self._nonce) != NONCE_OCTETS:
            raise LocalProtocolError(f"a nonce has {NONCE_OCTETS} octets with P-256")
        self._first_key = intermediate_key(agree(self.ephemerals.protocol_key, self.peer.public_key), "first")
        own = self.public
        clear = [
            (AttributeId.RESPONDER_KEY_HASH, self.peer.key_hash),
            (AttributeId.INITIATOR_KEY_HASH, own.key_hash if own else self.ephemerals.initiator_key_hash),
            (AttributeId.INITIATOR_PROTOCOL_KEY, encode_point(self.ephemerals.protocol_key.public_key())),
            *write_version(self.version),
        ]
        wrapped = [
            (AttributeId.INITIATOR_NONCE, self._nonce),
            (AttributeId.INITIATOR_CAPABILITIES, bytes([self.capability.value])),
        ]
        return seal(FrameType.AUTHENTICATION_REQUEST, clear, self._first_key, encode_attributes(wrapped))

    def read_response(self, attributes: Attributes) -> AuthenticationResponse:
        """Verify the Authentication Response. A refusal, or "pending", is returned as such: it is authenticated too."""
        check_responder_hash(attributes, self.peer)
        status = attributes.take_status()
        if status is not Status.OK:
            inner = unseal(FrameType.AUTHENTICATION_RESPONSE, attributes, self._first_key)
            check_tag(inner, AttributeId.INITIATOR_NONCE, self._nonce)
            return AuthenticationResponse(status)
        initiator = self._read_mutual(attributes)
        point = attributes.take(AttributeId.RESPONDER_PROTOCOL_KEY, POINT_OCTETS)
        responder_key = decode_point(point)
        second_shared = agree(self.ephemerals.protocol_key, responder_key)
        second_key = intermediate_key(second_shared, "second")
        inner = unseal(FrameType.AUTHENTICATION_RESPONSE, attributes, second_key)
        check_tag(inner, AttributeId.INITIATOR_NONCE, self._nonce)
        transcript = Transcript(
            initiator_nonce=self._nonce,
            responder_nonce=inner.take(AttributeId.RESPONDER_NONCE, NONCE_OCTETS),
            initiator_x=x_of(self.ephemerals.protocol_key.public_key()),
            responder_x=point[:KEY_OCTETS],
            responder_bootstrapping_x=x_of(self.peer.public_key),
            shared=agree(self.ephemerals.protocol_key, self.peer.public_key) + second_shared,
        )
        if initiator and self.key:
            share = mutual.initiator_share(self.key, self.peer.public_key, responder_key)
            transcript = transcript.with_initiator(x_of(self.key.public_key()), share)
        proof = siv.unwrap(transcript.encryption_key, inner.take(AttributeId.WRAPPED_DATA))
        check_tag(Attributes.parse(proof), AttributeId.RESPONDER_AUTHENTICATION_TAG, transcript.responder_tag)
        self.role = self._choose(read_capability(inner, AttributeId.RESPONDER_CAPABILITIES))
        self._transcript, self._second_key = transcript, second_key
        version = min(self.version, read_version(attributes))
        self._session = Session.conclude(transcript, self.ephemerals.protocol_key, responder_key, version)
        return AuthenticationResponse(initiator=initiator)

    def confirm(self, status: Status) -> tuple[bytes, Session | None]:
        """Write the Authentication Confirm; return it and the session, or None with a refusal."""
        if self._transcript is None:
            raise LocalProtocolError("there is no response to confirm")
        transcript, own = self._transcript, self.public
        clear = [(AttributeId.STATUS, bytes([status])), (AttributeId.RESPONDER_KEY_HASH, self.peer.key_hash)]
        if own and transcript.initiator_bootstrapping_x:
            clear.append((AttributeId.INITIATOR_KEY_HASH, own.key_hash))
        if status is not Status.OK:
            nonce = encode_attributes([(AttributeId.RESPONDER_NONCE, transcript.responder_nonce)])
            return seal(FrameType.AUTHENTICATION_CONFIRM, clear, self._second_key, nonce), None
        tag = encode_attributes([(AttributeId.INITIATOR_AUTHENTICATION_TAG, transcript.initiator_tag)])
        return seal(FrameType.AUTHENTICATION_CONFIRM, clear, transcript.encryption_key, tag), self._session

    def _read_mutual(self, attributes: Attributes) -> BootstrappingKey | None:
        """Return our bootstrapping key if the responder names it, which asks for mutual authentication."""
        named = attributes.find(AttributeId.INITIATOR_KEY_HASH, HASH_OCTETS)
        if named is None:
            return None
        own = self.public
        if own is None or named != own.key_hash:
            raise RemoteProtocolError("the responder asks for mutual authentication with a key that is not ours")
        return own

    def _choose(self, responder: Capability) -> Capability:
        role = self.capability & responder.counterpart
        if role not in (Capability.ENROLLEE, Capability.CONFIGURATOR):
            raise RemoteProtocolError("the responder chose a role that does not fit ours")
        return role

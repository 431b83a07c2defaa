"""DPP Authentication (Easy Connect section 6.3): what initiator and responder share.

Every `read_…` of either end returns only what has been verified and raises RemoteProtocolError for all else;
nothing it raises for was authenticated, so the caller may drop the message and wait for a better one. k1, k2 and
everything they came from belong to the two ends' objects; once both have proven themselves only a `Session` is left.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import siv
from onboarding_protocol.dpp.attributes import AttributeId, Attributes, encode_attributes
from onboarding_protocol.dpp.frames import FrameType, encode_frame, frame_header
from onboarding_protocol.dpp.keys import Transcript
from onboarding_protocol.dpp.messages import Capability
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError

HASH_OCTETS = hashlib.sha256().digest_size
VERSIONS = (1, 2, 3)
"""Protocol versions spoken. 1 has no version attribute; 2 and 3 differ in nothing that is implemented here."""
Item = tuple[AttributeId, bytes]


class WrongLabelError(RemoteProtocolError):
    """The request was meant for another bootstrapping key than ours."""


@dataclass(frozen=True, slots=True)
class Session:
    """What an authentication leaves behind: all that the configuration needs of it."""

    encryption_key: bytes = field(repr=False)
    """`ke`."""
    challenge_password: bytes = field(repr=False)
    """`cp`, 64 octets: what a certificate signing request of this exchange proves."""
    protocol_key: ec.EllipticCurvePrivateKey = field(repr=False)
    """Ours. An enrollee's becomes its network access key."""
    peer_protocol_key: ec.EllipticCurvePublicKey
    version: int
    """The lower of the two ends' protocol versions."""
    mutual: bool

    @classmethod
    def conclude(
        cls,
        transcript: Transcript,
        protocol_key: ec.EllipticCurvePrivateKey,
        peer_protocol_key: ec.EllipticCurvePublicKey,
        version: int,
    ) -> "Session":
        """Return the session that a verified transcript gives."""
        return cls(
            transcript.encryption_key,
            transcript.challenge_password,
            protocol_key,
            peer_protocol_key,
            version,
            bool(transcript.initiator_bootstrapping_x),
        )


def check_version(version: int) -> None:
    """Raise LocalProtocolError for a protocol version that is not spoken here."""
    if version not in VERSIONS:
        raise LocalProtocolError(f"protocol version {version} is not one of {VERSIONS}")


def write_version(version: int) -> list[Item]:
    """Return the version attribute, which version 1 does not have."""
    return [(AttributeId.PROTOCOL_VERSION, bytes([version]))] if version > 1 else []


def read_version(attributes: Attributes) -> int:
    """Return the peer's protocol version."""
    octet = attributes.find(AttributeId.PROTOCOL_VERSION, 1)
    return 1 if octet is None else max(octet[0], 1)


def seal(frame_type: FrameType, clear: list[Item], key: bytes, inner: bytes) -> bytes:
    """Return a frame of attributes in clear and Wrapped Data, which authenticates them."""
    before = encode_attributes(clear)
    wrapped = siv.wrap(key, inner, [frame_header(frame_type), before])
    return encode_frame(frame_type, before + encode_attributes([(AttributeId.WRAPPED_DATA, wrapped)]))


def unseal(frame_type: FrameType, attributes: Attributes, key: bytes) -> Attributes:
    """Return the attributes inside Wrapped Data."""
    wrapped = attributes.take(AttributeId.WRAPPED_DATA)
    return Attributes.parse(siv.unwrap(key, wrapped, [frame_header(frame_type), attributes.unwrapped]))


def check_responder_hash(attributes: Attributes, key: BootstrappingKey) -> None:
    """Raise WrongLabelError unless R_HASH is this key's."""
    if attributes.take(AttributeId.RESPONDER_KEY_HASH, HASH_OCTETS) != key.key_hash:
        raise WrongLabelError("the message names another label")


def check_tag(attributes: Attributes, identifier: AttributeId, expected: bytes) -> None:
    """Raise RemoteProtocolError unless a tag or nonce is the expected one; in constant time."""
    if not hmac.compare_digest(attributes.take(identifier, len(expected)), expected):
        raise RemoteProtocolError(f"{identifier.name} is wrong")


def read_capability(attributes: Attributes, identifier: AttributeId) -> Capability:
    """Return the two role bits of a capabilities attribute."""
    return Capability(attributes.take(identifier, 1)[0] & 0x03)

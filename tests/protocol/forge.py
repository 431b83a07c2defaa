"""Messages as a peer would write them that knows every key and no rule."""

from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_protocol.dpp import gas, siv
from onboarding_protocol.dpp.attributes import AttributeId, encode_attributes
from onboarding_protocol.dpp.frames import FrameType, delimit, encode_frame, frame_header
from onboarding_protocol.dpp.keys import agree, encode_point, intermediate_key
from tests.protocol import samples
from tests.protocol.pair import VECTOR, initiator_chance, responder_chance

Items = list[tuple[AttributeId, bytes]]
KE = bytes.fromhex(VECTOR["ke"])
K1 = bytes.fromhex(VECTOR["k1"])
K2 = bytes.fromhex(VECTOR["k2"])
INITIATOR_POINT = encode_point(initiator_chance().protocol_key.public_key())
RESPONDER_POINT = encode_point(responder_chance().protocol_key.public_key())

ENROLLEE_NONCE = responder_chance().enrollee_nonce
"""In a fixed pair whose responder is the enrollee."""

REQUEST_CLEAR: Items = [
    (AttributeId.RESPONDER_KEY_HASH, samples.LABEL.key_hash),
    (AttributeId.INITIATOR_KEY_HASH, initiator_chance().initiator_key_hash),
    (AttributeId.INITIATOR_PROTOCOL_KEY, INITIATOR_POINT),
    (AttributeId.PROTOCOL_VERSION, b"\x02"),
]
REQUEST_INNER: Items = [
    (AttributeId.INITIATOR_NONCE, samples.CHALLENGE),
    (AttributeId.INITIATOR_CAPABILITIES, b"\x02"),
]


def frame(frame_type: FrameType, clear: Items, inner: bytes, key: bytes, after: Items | None = None) -> bytes:
    """Return a sealed Public Action message with its length."""
    before = encode_attributes(clear)
    wrapped = siv.wrap(key, inner, [frame_header(frame_type), before])
    tail = encode_attributes([(AttributeId.WRAPPED_DATA, wrapped), *(after or [])])
    return delimit(encode_frame(frame_type, before + tail))


def authentication_request(
    clear: Items | None = None, inner: Items | None = None, key: bytes = K1, after: Items | None = None
) -> bytes:
    plain = encode_attributes(REQUEST_INNER if inner is None else inner)
    return frame(FrameType.AUTHENTICATION_REQUEST, REQUEST_CLEAR if clear is None else clear, plain, key, after)


def configuration_request(inner: bytes, token: int = 1) -> bytes:
    wrapped = siv.wrap(KE, inner)
    return delimit(gas.encode_initial_request(token, encode_attributes([(AttributeId.WRAPPED_DATA, wrapped)])))


def configuration_response(inner: bytes, status: bytes = b"\0", token: int = 1) -> bytes:
    before = encode_attributes([(AttributeId.STATUS, status)])
    wrapped = siv.wrap(KE, inner, [before])
    return delimit(gas.Query(token).encode_response(before + encode_attributes([(AttributeId.WRAPPED_DATA, wrapped)])))


def sealed_result(frame_type: FrameType, inner: bytes) -> bytes:
    return frame(frame_type, [], inner, KE)


def request_key(point_of: int) -> bytes:
    """Return k1 of an initiator whose protocol key is another one."""
    return intermediate_key(agree(samples.key(point_of), samples.LABEL.public_key), "first")


def second_key(responder: ec.EllipticCurvePublicKey) -> bytes:
    """Return k2 of a fixed initiator and a responder with this protocol key."""
    return intermediate_key(agree(initiator_chance().protocol_key, responder), "second")

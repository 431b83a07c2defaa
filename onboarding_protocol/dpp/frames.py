"""Frames as Easy Connect's TCP transport writes them: BE32 length, then the message from its action octet.

`09` opens a DPP Public Action frame, `0a` to `0d` the GAS frames that carry a configuration (`gas.py`); the
category octet of the air is dropped. Octets above `f0` are no actions of the standard: messages that start with one
are handed on as they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from onboarding_protocol.errors import RemoteProtocolError

MESSAGE_MAX_OCTETS = 8000
"""No message of ours is longer. The strictest known peer reads 8,192 octets with the action octet and overhead."""

_DPP_HEADER = bytes.fromhex("506f9a1a01")


class Action(IntEnum):
    """First octet of a message."""

    VENDOR_SPECIFIC = 0x09
    GAS_INITIAL_REQUEST = 0x0A
    GAS_INITIAL_RESPONSE = 0x0B
    GAS_COMEBACK_REQUEST = 0x0C
    GAS_COMEBACK_RESPONSE = 0x0D


class FrameType(IntEnum):
    """Frame types of DPP Public Action frames (Easy Connect section 8.2.1)."""

    AUTHENTICATION_REQUEST = 0
    AUTHENTICATION_RESPONSE = 1
    AUTHENTICATION_CONFIRM = 2
    CONFIGURATION_RESULT = 11
    CONNECTION_STATUS_RESULT = 12


def frame_header(frame_type: FrameType) -> bytes:
    """Return the six octets of DPP header that Wrapped Data of this frame type authenticates."""
    return _DPP_HEADER + bytes([frame_type])


def encode_frame(frame_type: FrameType, attributes: bytes) -> bytes:
    """Return a DPP Public Action message."""
    return bytes([Action.VENDOR_SPECIFIC]) + frame_header(frame_type) + attributes


def decode_frame(message: bytes) -> tuple[FrameType, bytes]:
    """Return frame type and attributes of a DPP Public Action message."""
    if message[1:6] != _DPP_HEADER or len(message) < 7:
        raise RemoteProtocolError("a vendor-specific frame that is not DPP with crypto suite 1")
    try:
        return FrameType(message[6]), message[7:]
    except ValueError as error:
        raise RemoteProtocolError(f"frame type {message[6]} is unknown") from error


def delimit(message: bytes) -> bytes:
    """Prefix a message with its BE32 length."""
    return len(message).to_bytes(4, "big") + message


@dataclass(slots=True)
class MessageReader:
    """Cuts a stream of octets into messages. Holds at most one message and never more than the bound."""

    max_octets: int = MESSAGE_MAX_OCTETS
    _buffer: bytearray = field(default_factory=bytearray, repr=False)

    @property
    def inside(self) -> bool:
        """Whether a message has begun and is not complete."""
        return bool(self._buffer)

    def receive(self, chunk: bytes) -> Iterator[bytes]:
        """Take octets, return the messages they complete, to be read to the end.

        RemoteProtocolError, after the messages before that point, if a length is zero or above the bound: what was
        buffered is then dropped, since the stream's next boundary is unknown.
        """
        self._buffer += chunk
        return self._complete()

    def reset(self) -> None:
        """Forget an incomplete message."""
        self._buffer.clear()

    def _complete(self) -> Iterator[bytes]:
        while len(self._buffer) >= 4:
            length = int.from_bytes(self._buffer[:4], "big")
            if not 0 < length <= self.max_octets:
                self.reset()
                raise RemoteProtocolError(f"a message of {length} octets was announced")
            if len(self._buffer) < 4 + length:
                return
            message = bytes(self._buffer[4 : 4 + length])
            del self._buffer[: 4 + length]
            yield message

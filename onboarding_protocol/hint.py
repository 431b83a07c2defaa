"""The one message of ours outside the standard: octet `ff`, then a code.

A hint is not authenticated. It may end a wait and choose the sentence a person reads; it never changes state.
"""

from enum import IntEnum

from onboarding_protocol.dpp.frames import delimit

_ACTION = 0xFF


class Hint(IntEnum):
    """Why a device does not go on."""

    BUSY = 1
    """Another phone is provisioning the device."""
    WINDOW_CLOSED = 2
    """The provisioning window has closed; the button opens it."""
    NOT_MY_LABEL = 3
    """The Authentication Request was made with another device's label."""
    INTERNAL_ERROR = 4
    """The device failed; its log says why."""


def encode_hint(hint: Hint) -> bytes:
    """Return the hint's octets on the stream."""
    return delimit(bytes([_ACTION, hint]))


def read_hint(message: bytes) -> Hint | None:
    """Return the hint in a foreign message, or None if it is none that we know."""
    if len(message) != 2 or message[0] != _ACTION:
        return None
    return next((hint for hint in Hint if hint == message[1]), None)

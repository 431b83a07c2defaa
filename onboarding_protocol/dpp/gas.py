"""GAS frames, the envelope of a Configuration Request and its answer (Easy Connect section 8.3, IEEE 802.11 9.6.7).

Nothing in a GAS header is authenticated. What can be checked in it is checked, and a comeback delay moves no state.
Over a stream no frame is fragmented; the comeback serves only a configurator that wants to be asked again.
"""

from dataclasses import dataclass

from onboarding_protocol.dpp.frames import Action
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError

TIME_UNIT_S = 1024e-6
DELAY_MAX = 0xFFFF
"""Time units a comeback delay can have: 67 seconds."""

_ADVERTISEMENT_PROTOCOL_LENGTH = 10
_ADVERTISEMENT_PROTOCOL = bytes.fromhex("6c087fdd05506f9a1a01")


@dataclass(slots=True)
class Query:
    """One GAS query, at either end: an Initial Request, and the comebacks until its answer."""

    dialog_token: int = 1
    comeback: bool = False
    """Whether the enrollee has come back, so that the answer is a Comeback Response."""
    delayed: bool = False
    """Whether the enrollee was told to come back and has not done so yet."""

    def encode_response(self, attributes: bytes) -> bytes:
        """Return the Initial or Comeback Response that carries the answer."""
        if self.delayed:
            raise LocalProtocolError("the enrollee was told to come back and has not done so yet")
        return self._response(0) + len(attributes).to_bytes(2, "little") + attributes

    def encode_delay(self, time_units: int) -> bytes:
        """Return the Initial or Comeback Response that tells the enrollee to come back."""
        if self.delayed:
            raise LocalProtocolError("the enrollee was told to come back already")
        if not 0 < time_units <= DELAY_MAX:
            raise LocalProtocolError(f"a comeback delay has 1 to {DELAY_MAX} time units")
        octets = self._response(time_units) + b"\0\0"
        self.delayed = True
        return octets

    def encode_comeback_request(self) -> bytes:
        """Return the Comeback Request."""
        if not self.delayed:
            raise LocalProtocolError("the configurator did not ask to come back")
        self.delayed, self.comeback = False, True
        return bytes([Action.GAS_COMEBACK_REQUEST, self.dialog_token])

    def decode_comeback_request(self, message: bytes) -> None:
        """Take a Comeback Request."""
        if message[1:] != bytes([self.dialog_token]) or not self.delayed:
            raise RemoteProtocolError("a GAS Comeback Request for another query")
        self.delayed, self.comeback = False, True

    def decode_response(self, message: bytes) -> int | bytes:
        """Return the answer's attributes, or the time units after which to come back."""
        start = 4 if message[0] == Action.GAS_INITIAL_RESPONSE else 5
        if message[1:2] != bytes([self.dialog_token]):
            raise RemoteProtocolError("the response answers another query")
        if message[2:4] != b"\0\0":
            raise RemoteProtocolError("the configurator refused the query with a GAS status")
        if start == 5 and message[4:5] != b"\0":
            raise RemoteProtocolError("a GAS response in fragments, which a stream does not need")
        delay, body = int.from_bytes(message[start : start + 2], "little"), _body(message, start + 2)
        if not delay:
            return body
        if body:
            raise RemoteProtocolError("a GAS response that delays its answer and gives it")
        return delay

    def _response(self, time_units: int) -> bytes:
        action = Action.GAS_COMEBACK_RESPONSE if self.comeback else Action.GAS_INITIAL_RESPONSE
        fragment = b"\0" if self.comeback else b""
        start = bytes([action, self.dialog_token, 0, 0]) + fragment
        return start + time_units.to_bytes(2, "little") + _ADVERTISEMENT_PROTOCOL


def encode_initial_request(dialog_token: int, attributes: bytes) -> bytes:
    """Return a GAS Initial Request."""
    start = bytes([Action.GAS_INITIAL_REQUEST, dialog_token]) + _ADVERTISEMENT_PROTOCOL
    return start + len(attributes).to_bytes(2, "little") + attributes


def decode_initial_request(message: bytes) -> tuple[int, bytes]:
    """Return dialog token and attributes of a GAS Initial Request."""
    return message[1] if len(message) > 1 else 0, _body(message, 2)


def _body(message: bytes, start: int) -> bytes:
    # Peers disagree on the third octet (7f or 00), so only the element and its OUI are compared.
    end = start + _ADVERTISEMENT_PROTOCOL_LENGTH
    protocol, length = message[start:end], int.from_bytes(message[end : end + 2], "little")
    body = message[end + 2 :]
    if protocol[:2] + protocol[3:] != _ADVERTISEMENT_PROTOCOL[:2] + _ADVERTISEMENT_PROTOCOL[3:]:
        raise RemoteProtocolError("a GAS frame that is not DPP")
    if len(body) != length or len(message) < end + 2:
        raise RemoteProtocolError("a GAS frame whose length does not fit its content")
    return body

"""One message taken apart: frame, attributes, and what is inside Wrapped Data where a key opens it.

Nothing is verified here but what a key opens. A message that is none gives a fault, at an octet and for a reason;
everything before it is still shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app_sim.easy_connect.disclosure import HIDDEN, disclosed
from app_sim.easy_connect.frames import ATTRIBUTES, FRAME_TYPES, GAS
from onboarding_protocol.dpp import Capability, Status, siv
from onboarding_protocol.dpp.attributes import AttributeId
from onboarding_protocol.dpp.json_document import decode_json
from onboarding_protocol.errors import RemoteProtocolError
from onboarding_protocol.hint import read_hint

Keys = Mapping[str, bytes]
_HEADER = bytes.fromhex("506f9a1a01")
_FRAME = 0x09
_ATTRIBUTES_AT = 7
_ATTRIBUTE_HEADER_OCTETS = 4
_PROTOCOL = (bytes.fromhex("6c08"), bytes.fromhex("dd05506f9a1a01"))
_BEFORE_PROTOCOL: Mapping[int, int] = {0x0A: 2, 0x0B: 6, 0x0C: 2, 0x0D: 7}
_FOREIGN_FROM = 0xF0
_DEPTH_MAX = 3
_JSON = {AttributeId.CONFIGURATION_OBJECT, AttributeId.CONFIGURATION_REQUEST, AttributeId.CONNECTION_STATUS}


@dataclass(frozen=True, slots=True)
class Fault:
    """What stops the reading: `position` counts from the message's first octet."""

    position: int
    why: str


@dataclass(slots=True)
class Field:
    """An attribute, and what is inside."""

    name: str
    octets: int
    value: object
    """Fit to be shown."""
    inner: list["Field"] = field(default_factory=list)


@dataclass(slots=True)
class Dissection:
    """A message as far as it can be read."""

    title: str
    octets: int
    fields: list[Field] = field(default_factory=list)
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Dissector:
    """Takes messages apart with these keys, by name (`ke`, `k1`, `k2`)."""

    keys: Keys = field(repr=False)
    show_secrets: bool = False

    def dissect(self, message: bytes) -> Dissection:
        """Return what the message is; never raises."""
        found = Dissection("Unreadable message", len(message))
        try:
            self._read(message, found)
        except _FaultError as error:
            found.fault = error.fault
        return found

    def _read(self, message: bytes, found: Dissection) -> None:
        action = message[0] if message else None
        if action == _FRAME:
            self._read_frame(message, found)
        elif action in GAS:
            self._read_gas(message, found)
        elif action is not None and action >= _FOREIGN_FROM:
            hint = read_hint(message)
            found.title = f"Foreign message {action:02x}" if hint is None else f"Hint: {hint.name.lower()}"
        else:
            raise _FaultError(0, "the message is empty" if action is None else f"{action:02x} is no action octet")

    def _read_frame(self, message: bytes, found: Dissection) -> None:
        if message[1:6] != _HEADER[: len(message) - 1]:
            raise _FaultError(1, "a vendor-specific frame that is not DPP with crypto suite 1")
        if len(message) < _ATTRIBUTES_AT:
            raise _FaultError(len(message), "the frame ends inside its header")
        frame_type = message[6]
        found.title = FRAME_TYPES.get(frame_type, f"DPP frame of unknown type {frame_type}")
        header = message[1:_ATTRIBUTES_AT]
        self._attributes(message, _ATTRIBUTES_AT, 0, [header, b""], found.fields)

    def _read_gas(self, message: bytes, found: Dissection) -> None:
        action, start = message[0], _BEFORE_PROTOCOL[message[0]]
        found.title = GAS[action]
        if len(message) < start:
            raise _FaultError(len(message), "the frame ends inside its header")
        found.fields.append(Field("Dialog Token", 1, message[1]))
        if start > 2:
            delay = int.from_bytes(message[start - 2 : start], "little")
            found.fields.append(Field("GAS Status", 2, int.from_bytes(message[2:4], "little")))
            found.fields.append(Field("Comeback Delay", 2, f"{delay} time units"))
        if action == 0x0C and len(message) == start:
            return
        protocol, end = message[start : start + 10], start + 12
        if protocol[:2] != _PROTOCOL[0] or protocol[3:] != _PROTOCOL[1]:
            raise _FaultError(start, "the advertisement protocol is not DPP's")
        length = int.from_bytes(message[end - 2 : end], "little")
        if len(message) < end or length != len(message) - end:
            raise _FaultError(end - 2, f"{length} octets are announced, and {max(0, len(message) - end)} follow")
        components = [] if action == 0x0A else [b""]
        self._attributes(message, end, 0, components, found.fields)

    def _attributes(
        self, octets: bytes, start: int, depth: int, components: Sequence[bytes], into: list[Field]
    ) -> None:
        """Read attributes up to the end; `components` is what Wrapped Data authenticates, the last still to come."""
        position = start
        while left := len(octets) - position:
            if left < _ATTRIBUTE_HEADER_OCTETS:
                raise _FaultError(position, f"{left} octets are left, too few for an attribute")
            identifier, length = (int.from_bytes(octets[position + at : position + at + 2], "little") for at in (0, 2))
            name = ATTRIBUTES.get(identifier, f"Attribute {identifier:04x}")
            value_at = position + _ATTRIBUTE_HEADER_OCTETS
            if length > len(octets) - value_at:
                raise _FaultError(position, f"{name} announces {length} octets, and {len(octets) - value_at} are left")
            value = octets[value_at : value_at + length]
            into.append(Field(name, length, self._value(identifier, value, depth)))
            if identifier == AttributeId.WRAPPED_DATA:
                associated = [*components[:-1], octets[start:position]] if components else []
                into[-1].value = self._open(value, associated, depth, into[-1].inner)
            position = value_at + length

    def _open(self, wrapped: bytes, associated: Sequence[bytes], depth: int, into: list[Field]) -> str:
        for name, key in self.keys.items():
            try:
                plain = siv.unwrap(key, wrapped, associated)
                if depth < _DEPTH_MAX:
                    self._attributes(plain, 0, depth + 1, [], into)
            except RemoteProtocolError:
                continue
            except _FaultError as error:
                return f"opened with {name}, but unreadable at its octet {error.fault.position}: {error.fault.why}"
            return f"opened with {name}"
        return f"closed: opens with none of {', '.join(self.keys)}" if self.keys else "closed"

    def _value(self, identifier: int, value: bytes, depth: int) -> object:
        match identifier:
            case AttributeId.STATUS if len(value) == 1:
                return next((status.name for status in Status if status == value[0]), f"{value[0]}, unknown")
            case AttributeId.INITIATOR_CAPABILITIES | AttributeId.RESPONDER_CAPABILITIES if len(value) == 1:
                return _capabilities(value[0])
            case AttributeId.PROTOCOL_VERSION if len(value) == 1:
                return value[0]
        if identifier in _JSON:
            return self._json(value)
        if depth and not self.show_secrets and value:
            return HIDDEN
        return value.hex()

    def _json(self, value: bytes) -> object:
        try:
            return disclosed(decode_json(value), show_secrets=self.show_secrets)
        except RemoteProtocolError as error:
            return f"unreadable: {error}"


class _FaultError(Exception):
    def __init__(self, position: int, why: str) -> None:
        super().__init__(why)
        self.fault = Fault(position, why)


def _capabilities(octet: int) -> str:
    names = [capability.name.lower() for capability in Capability if octet & capability.value and capability.name]
    return " and ".join(names) or f"none ({octet:02x})"

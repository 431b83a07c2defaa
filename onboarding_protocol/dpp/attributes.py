"""DPP attributes (Easy Connect section 8.1): LE16 identifier, LE16 length, value; Wrapped Data always last."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from onboarding_protocol.dpp.frames import MESSAGE_MAX_OCTETS
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError


class AttributeId(IntEnum):
    """Identifiers of the attributes this implementation reads or writes."""

    STATUS = 0x1000
    INITIATOR_KEY_HASH = 0x1001
    RESPONDER_KEY_HASH = 0x1002
    INITIATOR_PROTOCOL_KEY = 0x1003
    WRAPPED_DATA = 0x1004
    INITIATOR_NONCE = 0x1005
    INITIATOR_CAPABILITIES = 0x1006
    RESPONDER_NONCE = 0x1007
    RESPONDER_CAPABILITIES = 0x1008
    RESPONDER_PROTOCOL_KEY = 0x1009
    INITIATOR_AUTHENTICATION_TAG = 0x100A
    RESPONDER_AUTHENTICATION_TAG = 0x100B
    CONFIGURATION_OBJECT = 0x100C
    CONFIGURATION_REQUEST = 0x100E
    ENROLLEE_NONCE = 0x1014
    PROTOCOL_VERSION = 0x1019
    SEND_CONNECTION_STATUS = 0x101B
    CONNECTION_STATUS = 0x101C
    CSR_ATTRIBUTES = 0x101F


class Status(IntEnum):
    """Values of the Status attribute, and of `result` in a Connection Status (Easy Connect section 8.1.1.1)."""

    OK = 0
    NOT_COMPATIBLE = 1
    AUTH_FAILURE = 2
    UNWRAP_FAILURE = 3
    BAD_GROUP = 4
    CONFIGURE_FAILURE = 5
    RESPONSE_PENDING = 6
    INVALID_CONNECTOR = 7
    NO_MATCH = 8
    CONFIG_REJECTED = 9
    NO_AP = 10
    CONFIGURE_PENDING = 11
    CSR_NEEDED = 12
    CSR_BAD = 13
    NEW_KEY_NEEDED = 14


_SINGLE = set(AttributeId) - {AttributeId.CONFIGURATION_OBJECT}


def encode_attributes(attributes: Iterable[tuple[AttributeId, bytes]]) -> bytes:
    """Write attributes in the given order; LocalProtocolError for one that fits no message."""
    return b"".join(_encode_attribute(identifier, value) for identifier, value in attributes)


def _encode_attribute(identifier: AttributeId, value: bytes) -> bytes:
    if len(value) > MESSAGE_MAX_OCTETS:
        raise LocalProtocolError(f"an attribute of {len(value)} octets is longer than any message")
    return identifier.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value


@dataclass(frozen=True, slots=True)
class Attributes:
    """Attributes as received, and the octets before Wrapped Data, which it authenticates."""

    values: tuple[tuple[int, bytes], ...] = field(repr=False)
    unwrapped: bytes = field(repr=False)

    @classmethod
    def parse(cls, octets: bytes) -> "Attributes":
        """Read a list of attributes; unknown ones are kept, a doubled known one is refused."""
        values: list[tuple[int, bytes]] = []
        seen: set[int] = set()
        position = unwrapped = 0
        while position < len(octets):
            header_end = position + 4
            identifier = int.from_bytes(octets[position : position + 2], "little")
            end = header_end + int.from_bytes(octets[position + 2 : header_end], "little")
            if header_end > len(octets) or end > len(octets):
                raise RemoteProtocolError("an attribute runs past the end of its message")
            if AttributeId.WRAPPED_DATA in seen:
                raise RemoteProtocolError("an attribute follows Wrapped Data")
            if identifier in seen and identifier in _SINGLE:
                raise RemoteProtocolError(f"attribute {identifier:#06x} is doubled")
            seen.add(identifier)
            if identifier == AttributeId.WRAPPED_DATA:
                unwrapped = position
            values.append((identifier, octets[header_end:end]))
            position = end
        return cls(tuple(values), octets[:unwrapped])

    def find(self, identifier: AttributeId, length: int | None = None) -> bytes | None:
        """Return the attribute's value, or None; RemoteProtocolError if it has another length."""
        for known, value in self.values:
            if known == identifier:
                if length is not None and len(value) != length:
                    raise RemoteProtocolError(f"attribute {identifier.name} has {len(value)} octets, not {length}")
                return value
        return None

    def take(self, identifier: AttributeId, length: int | None = None) -> bytes:
        """Return the attribute's value; RemoteProtocolError if it is missing or has another length."""
        value = self.find(identifier, length)
        if value is None:
            raise RemoteProtocolError(f"attribute {identifier.name} is missing")
        return value

    def take_all(self, identifier: AttributeId) -> tuple[bytes, ...]:
        """Return every value of a repeatable attribute, in order."""
        return tuple(value for known, value in self.values if known == identifier)

    def take_status(self) -> Status:
        """Return the Status attribute; RemoteProtocolError for an unknown one."""
        octet = self.take(AttributeId.STATUS, 1)[0]
        try:
            return Status(octet)
        except ValueError as error:
            raise RemoteProtocolError(f"status {octet} is unknown") from error

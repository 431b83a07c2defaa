"""What a party sent over GATT: the tap that the ether holds each PDU against.

Only value-carrying PDUs count (Core spec Vol 3, Part F, 3.4): write requests (a prepared part is one), write
commands, notifications (indications too). `octets` is the sum of their values without ATT and L2CAP headers.
"""

from dataclasses import asdict, dataclass

from bumble.att import ATT_CID, Opcode

__all__ = ["Counters"]

L2CAP_HEADER_OCTETS = 4
_VALUE_OFFSETS: dict[int, tuple[str, int]] = {
    Opcode.ATT_WRITE_REQUEST: ("write_requests", 3),
    Opcode.ATT_PREPARE_WRITE_REQUEST: ("write_requests", 5),
    Opcode.ATT_WRITE_COMMAND: ("write_commands", 3),
    Opcode.ATT_HANDLE_VALUE_NOTIFICATION: ("notifications", 3),
    Opcode.ATT_HANDLE_VALUE_INDICATION: ("notifications", 3),
}


@dataclass(slots=True)
class Counters:
    """What one party has sent since it exists."""

    write_requests: int = 0
    write_commands: int = 0
    notifications: int = 0
    octets: int = 0

    def count(self, frame: bytes) -> None:
        """Count one L2CAP frame, if it carries a GATT value."""
        if len(frame) <= L2CAP_HEADER_OCTETS or int.from_bytes(frame[2:4], "little") != ATT_CID:
            return
        if found := _VALUE_OFFSETS.get(frame[L2CAP_HEADER_OCTETS]):
            name, offset = found
            setattr(self, name, getattr(self, name) + 1)
            self.octets += len(frame) - L2CAP_HEADER_OCTETS - offset

    def as_dict(self) -> dict[str, int]:
        """Return the figures by name, as the command line writes them."""
        return asdict(self)

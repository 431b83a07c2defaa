"""Makes btvirt's scanning controller report advertisements as a real one does: again and again while it scans.

btvirt reports an advertiser once, at the moment scanning is enabled; a report that comes before the kernel has noted
that it scans is dropped, and the next would come with the next scan, ten seconds later. So while the kernel looks for
devices, this switches the controller's scanning off and on. What the kernel wants is read from the commands it sends.
Passive scanning is left alone: that is how the kernel connects, and the first report is enough for it.
"""

import socket
import struct
import sys

PERIOD_S = 0.25
_COMMAND, _SET_SCAN_PARAMETERS, _SET_SCAN_ENABLE = 1, 0x200B, 0x200C
_SOL_HCI, _HCI_FILTER = 0, 2
_OFF, _ON = b"\0\0", b"\1\0"


def repeat(adapter: int) -> None:
    """Run until killed."""
    with socket.socket(socket.AF_BLUETOOTH, socket.SOCK_RAW, socket.BTPROTO_HCI) as hci:
        hci.bind((adapter,))
        hci.setsockopt(_SOL_HCI, _HCI_FILTER, struct.pack("<LLLHxx", 1 << _COMMAND, 0, 0, 0))
        active = repeating = False
        while True:
            hci.settimeout(PERIOD_S if repeating else None)
            try:
                command = hci.recv(1024)
            except TimeoutError:
                _set_scanning(hci, _OFF)
                _set_scanning(hci, _ON)
                continue
            kind, opcode = struct.unpack_from("<BH", command)
            if (kind, opcode) == (_COMMAND, _SET_SCAN_PARAMETERS):
                active = bool(command[4])
            elif (kind, opcode) == (_COMMAND, _SET_SCAN_ENABLE):
                wanted = bool(command[4])
                if repeating and not wanted:
                    _set_scanning(hci, _OFF)  # our own "on" may have come after the kernel's "off"
                repeating = active and wanted


def _set_scanning(hci: socket.socket, parameters: bytes) -> None:
    hci.send(struct.pack("<BHB", _COMMAND, _SET_SCAN_ENABLE, len(parameters)) + parameters)


if __name__ == "__main__":
    repeat(int(sys.argv[1].removeprefix("hci")))

"""A key of the kernel's own making: says its device, and is pressed when it gets SIGUSR1. Runs in the guest."""

import fcntl
import os
import signal
import struct
import time
from pathlib import Path

KEY_WPS_BUTTON = 529  # of KEY_POWER, KEY_RESTART and KEY_SLEEP logind would take notice
HELD_S = 0.3
"""Longer than a contact bounces."""
_EV_SYN, _EV_KEY = 0, 1
_UI_SET_EVBIT, _UI_SET_KEYBIT, _UI_DEV_SETUP, _UI_DEV_CREATE = 0x40045564, 0x40045565, 0x405C5503, 0x5501
_UI_GET_SYSNAME = 0x8040552C  # 64 octets of room


def main() -> None:
    uinput = os.open("/dev/uinput", os.O_WRONLY)
    fcntl.ioctl(uinput, _UI_SET_EVBIT, _EV_KEY)
    fcntl.ioctl(uinput, _UI_SET_KEYBIT, KEY_WPS_BUTTON)
    fcntl.ioctl(uinput, _UI_DEV_SETUP, struct.pack("HHHH80sI", 3, 0, 0, 0, b"button of a device", 0))
    fcntl.ioctl(uinput, _UI_DEV_CREATE)
    name = bytearray(64)
    fcntl.ioctl(uinput, _UI_GET_SYSNAME, name)
    (device,) = Path("/sys/devices/virtual/input", name.rstrip(b"\0").decode()).glob("event*")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    print(f"/dev/input/{device.name}", flush=True)
    while True:
        signal.sigwait({signal.SIGUSR1})
        for value in (1, 0):
            key, synchronisation = (_EV_KEY, KEY_WPS_BUTTON, value), (_EV_SYN, 0, 0)
            os.write(uinput, b"".join(struct.pack("llHHi", 0, 0, *event) for event in (key, synchronisation)))
            time.sleep(HELD_S)


if __name__ == "__main__":
    main()

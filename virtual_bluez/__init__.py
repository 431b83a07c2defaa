"""`org.bluez` on D-Bus without a radio: real ATT and GATT (bumble) between unmodified BlueZ programs.

A :class:`VirtualBluez` holds one simulated controller and one private message bus per *party*; a program joins
as a party by its environment variable `DBUS_SYSTEM_BUS_ADDRESS` alone. Nothing here knows what the programs say.
"""

from virtual_bluez.counters import Counters
from virtual_bluez.message_bus import BusError
from virtual_bluez.world import VirtualBluez

__all__ = ["BusError", "Counters", "VirtualBluez"]

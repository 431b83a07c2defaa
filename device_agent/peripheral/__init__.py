"""The provisioning service on the air, whatever stack puts it there. Adapters decide nothing.

Two adapters: `bluez` speaks to bluetoothd over D-Bus and is what Linux gets; `bless` is everything else's, and
Linux' too where the configuration says so. Each is imported only when it is chosen.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from device_agent.config import Config, PeripheralChoice


@dataclass(frozen=True, slots=True)
class PeerCame:
    """A peer that may be a phone has linked; it has said nothing yet. Not every stack tells."""

    peer: str


@dataclass(frozen=True, slots=True)
class Written:
    """A peer wrote to the write characteristic."""

    peer: str
    mtu: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class PeerGone:
    """A peer's link is lost or closed."""

    peer: str


@dataclass(frozen=True, slots=True)
class BluetoothGone:
    """The service and all links have ended without our doing: stack, bus or adapter is gone."""


PeripheralEvent = PeerCame | Written | PeerGone | BluetoothGone
OnEvent = Callable[[PeripheralEvent], None]


class Peripheral(Protocol):
    """The service, offered from `start` to `stop`; events come in the order of what happened."""

    async def start(self, name: str) -> None:
        """Offer the service and advertise `name`; PeripheralError if Bluetooth is not there."""

    async def conceal(self) -> None:
        """Stop advertising; links go on."""

    async def stop(self) -> None:
        """Take the service away and close the links of its peers."""

    async def notify(self, peer: str, octets: bytes, mtu: int) -> None:
        """Send octets to a peer, cut for this ATT_MTU; nothing if it is gone."""

    async def disconnect(self, peer: str) -> None:
        """Close the link of a peer."""


def open_peripheral(config: Config, on_event: OnEvent) -> Peripheral:
    """Return the adapter that the configuration names, or the one for this system."""
    choice = config.peripheral
    if choice is PeripheralChoice.AUTO:
        choice = PeripheralChoice.BLUEZ if sys.platform == "linux" else PeripheralChoice.BLESS
    if choice is PeripheralChoice.BLUEZ:
        from device_agent.peripheral.bluez import BluezPeripheral

        return BluezPeripheral(config.adapter, on_event)
    from device_agent.peripheral.bless import BlessPeripheral

    return BlessPeripheral(config.adapter, on_event)

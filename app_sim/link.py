"""What the story needs of Bluetooth, and nothing else. `central.py` has it for BlueZ, the tests have it in memory."""

from dataclasses import dataclass
from typing import Protocol


class Link(Protocol):
    """An open link to a device: octets out, octets in."""

    async def send(self, octets: bytes) -> None:
        """Send all octets; LinkLostError if the link breaks."""

    async def receive(self) -> bytes:
        """Return the next octets; LinkLostError when the link is gone and everything that came was returned."""

    async def close(self) -> None:
        """End the link. Never fails; may be called more than once."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A device that advertises the provisioning service."""

    name: str
    """As advertised, which is not authenticated."""
    address: str
    rssi: int
    """Signal strength in dBm."""


class Radio(Protocol):
    """The phone's Bluetooth."""

    async def find(self, name: str) -> Sighting:
        """Return the device of this name that offers our service; DeviceNotFoundError when time is up."""

    async def connect(self, sighting: Sighting) -> Link:
        """Connect and subscribe; LinkFailedError if that does not work."""

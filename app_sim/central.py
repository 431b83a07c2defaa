"""BLE central on bleak: find, connect, write, be notified. The only file that knows bleak; no decisions in it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator

from bleak import BleakClient, BleakScanner
from bleak.args.bluez import BlueZClientArgs, BlueZScannerArgs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.exc import BleakError

from app_sim.errors import BluetoothUnavailableError, DeviceNotFoundError, LinkFailedError, LinkLostError
from app_sim.link import Sighting
from onboarding_protocol.gatt import (
    ATT_HEADER_OCTETS,
    NOTIFY_CHARACTERISTIC_UUID,
    SERVICE_UUID,
    WRITE_CHARACTERISTIC_UUID,
    chunks,
)

WRITE_PATIENCE_S = 30.0
"""ATT gives up a transaction after 30 s (Core specification Vol 3, Part F, 3.3.3)."""
_STACK_FAULTS = (BleakError, OSError, EOFError)
"""What bleak lets through: its own errors, and those of a D-Bus that is missing, breaks or does not answer in time."""


class Central:
    """This machine's Bluetooth; which bus is the system's choice, and which controller unless one is named."""

    def __init__(self, scan_s: float, connect_s: float, adapter: str | None = None) -> None:
        self._scan_s = scan_s
        self._connect_s = connect_s
        self._for_scanner: BlueZScannerArgs = {} if adapter is None else {"adapter": adapter}
        self._for_client: BlueZClientArgs = {} if adapter is None else {"adapter": adapter}
        self._seen: dict[str, BLEDevice] = {}

    async def sightings(self) -> AsyncGenerator[Sighting]:
        """Yield what is advertised with our service, until closed; a device comes again with each advertisement."""
        with _scanning():
            async with BleakScanner(service_uuids=[SERVICE_UUID], bluez=self._for_scanner) as scanner:
                async for device, advertisement in scanner.advertisement_data():
                    if SERVICE_UUID in advertisement.service_uuids and advertisement.local_name:
                        self._seen[device.address] = device
                        yield Sighting(advertisement.local_name, device.address, advertisement.rssi)

    async def find(self, name: str) -> Sighting:
        """Return the device of this name that offers our service; DeviceNotFoundError when time is up."""
        try:
            async with asyncio.timeout(self._scan_s), contextlib.aclosing(self.sightings()) as sightings:
                async for sighting in sightings:
                    if sighting.name == name:
                        return sighting
        except TimeoutError:
            pass
        raise DeviceNotFoundError(f"no device that fits the label (name {name}) was heard within {self._scan_s:g} s")

    async def connect(self, sighting: Sighting) -> "CentralLink":
        """Connect and subscribe; LinkFailedError if that does not work."""
        link = CentralLink(self._seen[sighting.address], self._connect_s, self._for_client)
        try:
            async with asyncio.timeout(self._connect_s):
                await link.open()
        except _STACK_FAULTS as error:
            await link.close()
            raise LinkFailedError(f"the device {sighting.name} was heard, but connecting to it failed") from error
        except asyncio.CancelledError:
            await link.close()
            raise
        return link


class CentralLink:
    """One connection; build it with `Central.connect`."""

    def __init__(self, device: BLEDevice, connect_s: float, bluez: BlueZClientArgs) -> None:
        self._client = BleakClient(device, self._on_disconnect, services=[SERVICE_UUID], timeout=connect_s, bluez=bluez)
        self._received: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._mtu = 0

    async def open(self) -> None:
        """Connect, and subscribe before anything is written."""
        await self._client.connect()
        await self._client.start_notify(NOTIFY_CHARACTERISTIC_UUID, self._on_notify)
        outward = self._client.services.get_characteristic(WRITE_CHARACTERISTIC_UUID)
        if outward is None:
            raise BleakError("the device lacks the write characteristic")
        # On BlueZ `mtu_size` is always 23; what one write carries is the MTU less the header.
        self._mtu = outward.max_write_without_response_size + ATT_HEADER_OCTETS

    async def send(self, octets: bytes) -> None:
        """Write all octets, each chunk acknowledged; LinkLostError if the link breaks."""
        try:
            for chunk in chunks(octets, self._mtu):
                async with asyncio.timeout(WRITE_PATIENCE_S):
                    await self._client.write_gatt_char(WRITE_CHARACTERISTIC_UUID, chunk, response=True)
        except _STACK_FAULTS as error:
            raise LinkLostError("the Bluetooth link broke while the app was sending") from error

    async def receive(self) -> bytes:
        """Return the next notification; LinkLostError when the link is gone and everything that came was returned."""
        octets = await self._received.get()
        if octets is None:
            self._received.put_nowait(None)
            raise LinkLostError("the Bluetooth link broke while the app was waiting for the device")
        return octets

    async def close(self) -> None:
        """Disconnect. Never fails; may be called more than once."""
        with contextlib.suppress(*_STACK_FAULTS):
            await self._client.disconnect()

    def _on_notify(self, _: BleakGATTCharacteristic, octets: bytearray) -> None:
        self._received.put_nowait(bytes(octets))

    def _on_disconnect(self, _: BleakClient) -> None:
        self._received.put_nowait(None)


@contextlib.contextmanager
def _scanning() -> Iterator[None]:
    try:
        yield
    except _STACK_FAULTS as error:
        reason = error.args[0] if isinstance(error, BleakError) and error.args else error
        raise BluetoothUnavailableError(f"this machine's Bluetooth cannot be used: {reason}") from error

"""A central on unmodified bleak, doing what the test says."""

import asyncio

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice

from tests.virtual_bluez.programs.json_lines import serve, tell


class Central:
    """One scanner and one client."""

    def __init__(self) -> None:
        self.found: dict[str, BLEDevice] = {}
        self.client: BleakClient | None = None

    async def find(self, name: str, timeout: float = 5) -> dict[str, object] | None:  # noqa: ASYNC109
        async with BleakScanner() as scanner, asyncio.timeout(timeout):
            async for device, advertisement in scanner.advertisement_data():
                if advertisement.local_name == name:
                    self.found[name] = device
                    return {"address": device.address, "uuids": advertisement.service_uuids}
        return None

    async def connect(self, name: str, timeout: float = 10) -> list[str]:  # noqa: ASYNC109
        self.client = BleakClient(self.found.get(name, name), lambda _: tell("disconnected"), timeout=timeout)
        await self.client.connect()
        return [characteristic.uuid for characteristic in self.client.services.characteristics.values()]

    async def disconnect(self) -> None:
        await self.connected.disconnect()

    async def size(self, uuid: str) -> int:
        characteristic = self.connected.services.get_characteristic(uuid)
        assert characteristic is not None
        return characteristic.max_write_without_response_size

    async def read(self, uuid: str) -> str:
        return bytes(await self.connected.read_gatt_char(uuid)).hex()

    async def write(self, uuid: str, values: list[str], *, response: bool = True) -> None:
        for value in values:
            await self.connected.write_gatt_char(uuid, bytes.fromhex(value), response=response)
            tell("wrote")

    async def subscribe(self, uuid: str) -> None:
        await self.connected.start_notify(uuid, lambda _, value: tell("notified", value=value.hex()))

    async def unsubscribe(self, uuid: str) -> None:
        await self.connected.stop_notify(uuid)

    @property
    def connected(self) -> BleakClient:
        assert self.client is not None
        return self.client


async def main() -> None:
    central = Central()
    names = ("find", "connect", "disconnect", "size", "read", "write", "subscribe", "unsubscribe")
    await serve({name: getattr(central, name) for name in names})


if __name__ == "__main__":
    asyncio.run(main())

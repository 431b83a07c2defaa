"""A program that writes garbage to a device's write characteristic: `python -m tests.e2e.garbage NAME`."""

import asyncio
import os
import sys

from bleak import BleakClient, BleakScanner

from onboarding_protocol.dpp import delimit
from onboarding_protocol.gatt import NOTIFY_CHARACTERISTIC_UUID, WRITE_CHARACTERISTIC_UUID, chunks

GARBAGE = (
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00" * 4,
    os.urandom(400),
    *(delimit(os.urandom(60)) for _ in range(12)),
    delimit(bytes.fromhex("09506f9a1a0100") + os.urandom(190)),
    delimit(b"[" * 5000),
    b"\x00\x00\x1f\x00half a message",
)


async def write_garbage(name: str) -> None:
    device = await BleakScanner.find_device_by_name(name, timeout=10)
    assert device is not None
    async with BleakClient(device) as client:
        outward = client.services.get_characteristic(WRITE_CHARACTERISTIC_UUID)
        assert outward is not None
        await client.start_notify(NOTIFY_CHARACTERISTIC_UUID, lambda *_: None)
        for octets in GARBAGE:
            for chunk in chunks(octets, outward.max_write_without_response_size + 3):
                await client.write_gatt_char(outward, chunk, response=True)


if __name__ == "__main__":
    asyncio.run(write_garbage(sys.argv[1]))

"""A peripheral on unmodified bless: one service, `rx` for writes and reads, `tx` for notifications."""

import asyncio
import sys

from bless import (
    BlessGATTCharacteristic,
    BlessServer,
    GATTAttributePermissions,
    GATTCharacteristicProperties,
)

from tests.virtual_bluez.programs.json_lines import serve, tell

SERVICE, RX, TX = (f"a07498ca-ad5b-474e-940d-16f1fbe7e8c{n}" for n in range(3))


async def main(name: str) -> None:
    properties, permissions = GATTCharacteristicProperties, GATTAttributePermissions
    server = BlessServer(name, loop=asyncio.get_running_loop())
    await server.add_new_service(SERVICE)
    written = properties.write | properties.write_without_response | properties.read
    both = permissions.readable | permissions.writeable
    await server.add_new_characteristic(SERVICE, RX, written, bytearray(b"hello"), both)
    await server.add_new_characteristic(SERVICE, TX, properties.notify, bytearray(), permissions.readable)

    def on_write(characteristic: BlessGATTCharacteristic, value: bytearray, **_: object) -> None:
        if value == b"raise":
            raise ValueError("a mistake in the callback")
        characteristic.value = value
        tell("written", value=value.hex())

    async def notify(values: list[str]) -> None:
        for value in values:
            server.get_characteristic(TX).value = bytearray.fromhex(value)
            server.update_value(SERVICE, TX)

    server.read_request_func = lambda characteristic, **_: characteristic.value
    server.write_request_func = on_write
    await server.start()
    await serve({"notify": notify, "stop": server.stop, "start": server.start})


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

"""The half of the bridge that lives with wpa_supplicant: `… python -m tests.easy_connect.wpa_station FOLDER`.

It runs in a network namespace of its own and is reached through a unix socket, which crosses namespaces. What comes
in is put together to whole messages first, because wpa_supplicant hangs up on a length that comes alone.
"""

import asyncio
import contextlib
import json
import sys
from pathlib import Path

from onboarding_protocol.dpp import delimit
from onboarding_protocol.dpp.frames import MessageReader
from tests.easy_connect.wpa_scenarios import uri_of
from tests.interop.peer import PORT
from tests.interop.scenarios import raise_loopback
from tests.interop.wpa import WpaSupplicant

SOCKET = "station"


def say(event: str, **facts: object) -> None:
    print(json.dumps({"event": event, **facts}), flush=True)


async def to_wpa(inward: asyncio.StreamReader, wpa: asyncio.StreamWriter) -> None:
    reader, messages = MessageReader(), 0
    while octets := await inward.read(4096):
        for message in reader.receive(octets):
            messages += 1
            wpa.write(delimit(message))
    say("disconnected", messages=messages)


async def from_wpa(wpa: asyncio.StreamReader, outward: asyncio.StreamWriter) -> None:
    while octets := await wpa.read(4096):
        outward.write(octets)


async def serve(wpa: WpaSupplicant, inward: asyncio.StreamReader, outward: asyncio.StreamWriter) -> None:
    from_peer, to_peer = await asyncio.open_connection("127.0.0.1", PORT)
    sending = asyncio.create_task(to_wpa(inward, to_peer))
    await from_wpa(from_peer, outward)
    say("network", block=wpa.network_block())
    sending.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sending
    for writer in (to_peer, outward):
        writer.close()


async def main(folder: Path) -> None:
    with WpaSupplicant(folder) as wpa:
        uri = uri_of(wpa)
        assert wpa.command(f"DPP_CONTROLLER_START tcp_port={PORT} role=enrollee") == "OK"
        server = await asyncio.start_unix_server(lambda i, o: serve(wpa, i, o), folder / SOCKET)
        say("ready", uri=uri)
        async with server:
            await server.serve_forever()


if __name__ == "__main__":
    raise_loopback()
    asyncio.run(main(Path(sys.argv[1])))

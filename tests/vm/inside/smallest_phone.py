"""A phone whose Bluetooth knows no other ATT_MTU than 23: the app's own story over ATT on an L2CAP socket.

bluetoothd cannot play it: with less than 48 for both ends it takes no adapter. This one opens the ATT channel of the
phone's adapter itself and answers every request of its peer as the smallest central would (Core specification
Vol 3, Part F).

Run: python3 smallest_phone.py LABEL API USER PASSWORD_FILE SSID PASSPHRASE_FILE, events as `app-sim onboard --json`.
"""

import asyncio
import ctypes
import os
import socket
import struct
import sys
import time
from pathlib import Path
from uuid import UUID

from app_sim.api_client import ApiClient
from app_sim.config import Account, Patience
from app_sim.errors import LinkFailedError, LinkLostError
from app_sim.link import Sighting
from app_sim.onboard import onboard
from app_sim.passwords import read_passphrases
from app_sim.phone import Phone
from app_sim.progress import JsonLines, Progress, write_json
from app_sim.wifi import Wifi
from onboarding_protocol.gatt import ATT_MTU_MIN, NOTIFY_CHARACTERISTIC_UUID, WRITE_CHARACTERISTIC_UUID, chunks

PHONE, DEVICE = "00:AA:01:01:00:01", "00:AA:01:00:00:00"
PATIENCE = Patience(scan_s=60, connect_s=60, request_s=90, contact_s=120)
_ATT_CHANNEL, _LE_PUBLIC = 4, 1
_ERROR, _MTU, _MTU_ANSWER = 0x01, 0x02, 0x03
_FIND_INFORMATION, _READ_BY_TYPE, _WRITE, _NOTIFICATION = 0x04, 0x08, 0x12, 0x1B
_NOT_FOUND = 0x0A
_CHARACTERISTIC, _CONFIGURATION = 0x2803, 0x2902
_LAST = 0xFFFF


class SmallestLink:
    """One ATT bearer, one request at a time."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._answers: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._heard: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._listening = asyncio.create_task(self._listen())
        self._outbox = self._inbox = 0
        self.largest = 0

    async def subscribe(self) -> None:
        """Find both characteristics, and subscribe to the one that notifies."""
        values = await self._characteristics()
        self._inbox, self._outbox = values[WRITE_CHARACTERISTIC_UUID], values[NOTIFY_CHARACTERISTIC_UUID]
        found = await self._ask(struct.pack("<BHH", _FIND_INFORMATION, self._outbox + 1, _LAST))
        descriptors = dict(reversed(pair) for pair in struct.iter_unpack("<HH", found[2:]))
        await self._ask(struct.pack("<BHH", _WRITE, descriptors[_CONFIGURATION], 1))

    async def send(self, octets: bytes) -> None:
        """Write all octets, each chunk acknowledged."""
        for chunk in chunks(octets, ATT_MTU_MIN):
            await self._ask(struct.pack("<BH", _WRITE, self._inbox) + chunk)

    async def receive(self) -> bytes:
        """Return the next notification."""
        octets = await self._heard.get()
        if octets is None:
            self._heard.put_nowait(None)
            raise LinkLostError("the link is gone")
        return octets

    async def close(self) -> None:
        """Close the channel; the kernel ends the link."""
        self._listening.cancel()
        await asyncio.wait([self._listening])
        self._channel.close()

    async def _characteristics(self) -> dict[str, int]:
        values: dict[str, int] = {}
        first = 1
        while True:
            answer = await self._ask(struct.pack("<BHHH", _READ_BY_TYPE, first, _LAST, _CHARACTERISTIC))
            if answer[0] == _ERROR:
                return values
            size = answer[1]
            for start in range(2, len(answer), size):
                first, _, value = struct.unpack_from("<HBH", answer, start)
                values[str(UUID(bytes=answer[start + 5 : start + size].rjust(16, b"\0")[::-1]))] = value
            first += 1

    async def _ask(self, request: bytes) -> bytes:
        await asyncio.get_running_loop().sock_sendall(self._channel, request)
        answer = await self._answers.get()
        if answer is None:
            raise LinkLostError("the link is gone")
        if answer[0] == _ERROR and answer[4] != _NOT_FOUND:
            raise LinkLostError(f"the device refuses an ATT request: {answer.hex()}")
        return answer

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while packet := await loop.sock_recv(self._channel, 1024):
                self.largest = max(self.largest, len(packet))
                if packet[0] == _NOTIFICATION:
                    self._heard.put_nowait(packet[3:])
                elif packet[0] == _MTU:
                    await loop.sock_sendall(self._channel, struct.pack("<BH", _MTU_ANSWER, ATT_MTU_MIN))
                elif packet[0] % 2 == 0:  # another request of the device's own client: here is nothing to be found
                    await loop.sock_sendall(self._channel, struct.pack("<BBHB", _ERROR, packet[0], 1, _NOT_FOUND))
                else:
                    self._answers.put_nowait(packet)
        except OSError:
            pass  # the link is gone
        self._answers.put_nowait(None)
        self._heard.put_nowait(None)


class SmallestRadio:
    """Where the device is it knows already; whether it advertises, the kernel finds out."""

    def __init__(self) -> None:
        self.links: list[SmallestLink] = []

    async def find(self, name: str) -> Sighting:
        """Return the device."""
        return Sighting(name, DEVICE, 0)

    async def connect(self, sighting: Sighting) -> SmallestLink:
        """Connect and subscribe."""
        try:
            channel = await asyncio.to_thread(_open_channel, sighting.address)
        except OSError as error:
            raise LinkFailedError(f"connecting failed: {error}") from error
        self.links.append(SmallestLink(channel))
        await self.links[-1].subscribe()
        return self.links[-1]


def _open_channel(address: str) -> socket.socket:
    libc = ctypes.CDLL(None, use_errno=True)
    # Bluetooth is in the first network namespace only, and the API in another. A thread has a namespace of its own.
    with Path("/proc/1/ns/net").open() as first, Path("/proc/thread-self/ns/net").open() as own:
        libc.setns(first.fileno(), 0)
        channel = socket.socket(socket.AF_BLUETOOTH, socket.SOCK_SEQPACKET, socket.BTPROTO_L2CAP)
        libc.setns(own.fileno(), 0)
    # Python's own addresses have no place for a fixed channel.
    for call, whose in ((libc.bind, PHONE), (libc.connect, address)):
        octets = bytes.fromhex(whose.replace(":", ""))[::-1]
        name = struct.pack("<HH6sHBx", socket.AF_BLUETOOTH, 0, octets, _ATT_CHANNEL, _LE_PUBLIC)
        if call(channel.fileno(), name, len(name)) != 0:
            channel.close()
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    channel.setblocking(False)
    return channel


async def main(label: str, api_url: str, user: str, password_file: str, ssid: str, passphrase_file: str) -> None:
    """Onboard the device with this label."""
    account = Account(api_url, user, Path(password_file).read_text().strip())
    radio, choice = SmallestRadio(), Wifi(ssid.encode(), read_passphrases(passphrase_file), None)
    progress = Progress(JsonLines(sys.stdout), time.monotonic)
    async with (
        ApiClient(account.api, PATIENCE.request_s) as api,
        Phone(radio, api, choice, progress, account, PATIENCE) as phone,
    ):
        outcome = await onboard(label, phone)
    write_json({"event": "air", "largest": max(link.largest for link in radio.links)}, sys.stdout)
    write_json({"result": outcome.to_json()}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

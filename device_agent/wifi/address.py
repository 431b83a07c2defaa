"""Whether a network interface has an address that others can reach it by: the kernel's word, by netlink.

Who asks for the address (systemd-networkd, dhcpcd, NetworkManager) is not our business, and a static one is as good.
"""

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address

from device_agent.errors import WifiError

SETTLING_S = 4.0
"""An address from before is believed if nothing has changed it for so long: it is static, or was renewed."""
_RTM_NEWADDR, _RTM_GETADDR, _DONE, _ERROR = 20, 22, 3, 2
_REQUEST_DUMP = 0x301
_IPV4_CHANGES, _IPV6_CHANGES = 0x10, 0x100
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_UNUSABLE = 0x08 | 0x40  # duplicate, tentative
_MESSAGE_OCTETS = 65536
Address = IPv4Address | IPv6Address


def has_address() -> bool:
    """Whether any interface has a usable address that is not link-local."""
    try:
        with _open(0) as channel:
            return any(True for _ in _all(channel))
    except OSError as error:
        raise WifiError(f"the addresses of this device cannot be read: {error}", "See `ip address`.") from error


def addresses(interface: str) -> frozenset[Address]:
    """Return the usable addresses of an interface that are not link-local."""
    try:
        index = socket.if_nametoindex(interface)
        with _open(0) as channel:
            return frozenset(address for where, address in _all(channel) if where == index)
    except OSError as error:
        raise WifiError(f"the addresses of {interface} cannot be read: {error}", "See `ip address`.") from error


async def wait_for_address(interface: str, before: frozenset[Address], seconds: float) -> bool:
    """Return whether the interface got an address, or kept one from `before`, within `seconds`."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    settled = loop.time() + min(SETTLING_S, seconds)
    with _open(_IPV4_CHANGES | _IPV6_CHANGES) as changes:
        changes.setblocking(False)
        while True:
            now = addresses(interface)
            if now - before or (now and loop.time() >= settled):
                return True
            if loop.time() >= ends:
                return False
            with suppress(TimeoutError, OSError):  # too many changes at once are one change
                async with asyncio.timeout_at(settled if now and loop.time() < settled else ends):
                    await loop.sock_recv(changes, _MESSAGE_OCTETS)


def _open(groups: int) -> socket.socket:
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    try:
        channel.bind((0, groups))
    except OSError:
        channel.close()
        raise
    return channel


def _all(channel: socket.socket) -> Iterator[tuple[int, Address]]:
    channel.settimeout(2.0)
    channel.send(struct.pack("=LHHLLBxxxL", 24, _RTM_GETADDR, _REQUEST_DUMP, 1, 0, socket.AF_UNSPEC, 0))
    return _dump(channel)


def _dump(channel: socket.socket) -> Iterator[tuple[int, Address]]:
    while True:
        octets = channel.recv(_MESSAGE_OCTETS)
        while len(octets) >= 16:
            length, kind = struct.unpack_from("=LH", octets)
            if kind in (_DONE, _ERROR) or length < 16:
                return
            if kind == _RTM_NEWADDR and (found := _read(octets[16:length])) is not None:
                yield found
            octets = octets[(length + 3) & ~3 :]


def _read(message: bytes) -> tuple[int, Address] | None:
    _family, _prefix, flags, _scope, index = struct.unpack_from("=BBBBL", message)
    found: dict[int, bytes] = {}
    attributes = message[8:]
    while len(attributes) >= 4:
        length, kind = struct.unpack_from("=HH", attributes)
        if length < 4:
            break
        found[kind] = attributes[4:length]
        attributes = attributes[(length + 3) & ~3 :]
    octets = found.get(_IFA_LOCAL, found.get(_IFA_ADDRESS))
    if octets is None or flags & _UNUSABLE:
        return None
    address = ip_address(octets)
    return None if address.is_link_local or address.is_loopback else (index, address)

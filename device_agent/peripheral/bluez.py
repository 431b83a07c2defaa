"""The provisioning service directly on BlueZ' D-Bus API. It decides nothing.

Rules kept here: nothing of the adapter is changed, so nothing has to be restored; a peer is the path bluetoothd
names it by, and a phone if it wrote or came up linked (what a program here found and linked to was there before);
whatever ends the service (bluetoothd, bus, adapter gone or switched off) is told once. BlueZ delivers a
notification to every subscribed peer, whichever way it is handed over (docs/decisions/0016).
"""

import asyncio
import logging
from collections.abc import Awaitable
from functools import partial

from dbus_fast import Message, MessageFlag, MessageType, Variant

from device_agent.errors import PeripheralError
from device_agent.peripheral import BluetoothGone, OnEvent, PeerCame, PeerGone, Written
from device_agent.peripheral.bluez_adapter import ADAPTER, ADVERTISING_MANAGER, GATT_MANAGER, check_adapter
from device_agent.peripheral.bluez_bus import BLUEZ, BUS, OBJECT_MANAGER, PATIENCE_S, PROPERTIES, Connection
from device_agent.peripheral.bluez_objects import (
    ADVERTISEMENT,
    ADVERTISEMENT_PATH,
    CHARACTERISTIC,
    INBOX_PATH,
    OBJECTS,
    OUTBOX_PATH,
    ROOT_PATH,
    advertisement,
)
from device_agent.peripheral.notify_socket import NotifySocket
from onboarding_protocol.gatt import ATT_MTU_MIN, NOTIFICATION_HEADER_OCTETS, chunks

_DEVICE = "org.bluez.Device1"
_PHONES_MAX = 64
_log = logging.getLogger(__name__)


class BluezPeripheral:
    """The peripheral role on one adapter of bluetoothd."""

    def __init__(self, adapter: str, on_event: OnEvent) -> None:
        self._adapter = adapter
        self._path = f"/org/bluez/{adapter}"
        self._on_event = on_event
        self._connection: Connection | None = None
        self._offered = False
        self._advertising = False
        self._advertisement: dict[str, Variant] = {}
        self._peers: set[str] = set()
        self._phones: set[str] = set()
        self._socket: NotifySocket | None = None
        self._by_signal = False
        self._watching: asyncio.Task[None] | None = None

    async def start(self, name: str) -> None:
        """Offer the service and advertise `name`; PeripheralError if Bluetooth is not there."""
        connection = await Connection.open(self._on_message)
        self._connection, self._advertisement = connection, advertisement(name)
        try:
            await self._offer(connection)
        except BaseException:
            self._forget()
            raise
        self._offered = self._advertising = True
        self._watching = asyncio.create_task(self._watch(connection))

    async def conceal(self) -> None:
        """Stop advertising; links go on."""
        if self._connection is not None and self._advertising:
            self._advertising = False
            unregister = (ADVERTISING_MANAGER, "UnregisterAdvertisement", "o", ADVERTISEMENT_PATH)
            await _try("stop advertising", self._connection.call(self._path, *unregister))

    async def stop(self) -> None:
        """Take the service away and close the links of its peers."""
        connection = self._connection
        if connection is None:
            return
        if self._offered and connection.alive:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._withdraw(connection)
            except TimeoutError:
                _log.warning("Bluetooth hangs and takes nothing away. See why: `journalctl -u bluetooth`.")
        self._forget()

    async def notify(self, peer: str, octets: bytes, mtu: int) -> None:
        """Send octets to a peer, cut for this ATT_MTU; nothing if it is gone."""
        if peer not in self._peers:
            return
        for chunk in chunks(octets, mtu, NOTIFICATION_HEADER_OCTETS):
            if self._socket is not None:
                await _try("notify", self._socket.send(chunk))
            elif self._by_signal and self._connection is not None:
                await _try("notify", self._connection.announce(_value_signal(chunk)))

    async def disconnect(self, peer: str) -> None:
        """Close the link of a peer, unless it is some other program's; PeerGone tells when that is done."""
        # Not waited for: bluetoothd takes two seconds, in which others may want us.
        if self._connection is not None and peer in self._phones:
            self._connection.send(Message(BLUEZ, peer, _DEVICE, "Disconnect", flags=MessageFlag.NO_REPLY_EXPECTED))

    async def _offer(self, connection: Connection) -> None:
        await connection.listen(
            f"sender='{BUS}',member='NameOwnerChanged',arg0='{BLUEZ}'",
            f"sender='{BLUEZ}',interface='{OBJECT_MANAGER}'",
            f"sender='{BLUEZ}',member='PropertiesChanged',arg0='{ADAPTER}'",
            f"sender='{BLUEZ}',member='PropertiesChanged',arg0='{_DEVICE}'",
        )
        (objects,) = await connection.call("/", OBJECT_MANAGER, "GetManagedObjects")
        check_adapter(self._adapter, objects)
        await connection.call(self._path, GATT_MANAGER, "RegisterApplication", "oa{sv}", ROOT_PATH, {})
        register = partial(connection.call, self._path, ADVERTISING_MANAGER, "RegisterAdvertisement", "oa{sv}")
        await register(ADVERTISEMENT_PATH, {})

    async def _withdraw(self, connection: Connection) -> None:
        await self.conceal()
        links = [connection.call(peer, _DEVICE, "Disconnect") for peer in self._peers]
        await asyncio.gather(*(_try("close a link", link) for link in links))
        unregister = (GATT_MANAGER, "UnregisterApplication", "o", ROOT_PATH)
        await _try("take the service away", connection.call(self._path, *unregister))

    async def _watch(self, connection: Connection) -> None:
        await connection.until_lost()
        if connection is self._connection:
            self._gone()

    def _gone(self) -> None:
        if self._offered:
            self._forget()
            self._on_event(BluetoothGone())

    def _forget(self) -> None:
        connection, self._connection = self._connection, None
        self._offered = self._advertising = self._by_signal = False
        self._peers.clear()
        self._phones.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if connection is not None:
            connection.close()

    def _on_message(self, message: Message) -> bool:
        if message.message_type is MessageType.SIGNAL:
            self._on_signal(message)
        elif message.message_type is MessageType.METHOD_CALL and self._connection is not None:
            if (message.path, message.member) == (OUTBOX_PATH, "AcquireNotify"):
                self._notify_acquired(message, self._connection)
                return True
            if (answer := self._answer(message)) is not None:
                self._connection.send(answer)
                return True
        return False

    def _on_signal(self, message: Message) -> None:
        match message.member, message.body:
            case "NameOwnerChanged", [_, _, _]:
                self._gone()
            case "InterfacesRemoved", [path, interfaces] if path == self._path and ADAPTER in interfaces:
                self._gone()
            case "InterfacesAdded", [path, interfaces] if path.startswith(f"{self._path}/") and _DEVICE in interfaces:
                if interfaces[_DEVICE]["Connected"].value:
                    self._take_for_phone(path)
                    self._link_changed(path, linked=True)
            case "InterfacesRemoved", [path, _]:
                self._phones.discard(path)
            case "PropertiesChanged", [interface, changed, _] if (message.path, interface) == (self._path, ADAPTER):
                if "Powered" in changed and not changed["Powered"].value:
                    self._gone()
            case "PropertiesChanged", [interface, changed, _] if interface == _DEVICE and "Connected" in changed:
                peer = message.path or ""
                if peer.startswith(f"{self._path}/"):
                    self._link_changed(peer, changed["Connected"].value)

    def _take_for_phone(self, peer: str) -> None:
        if len(self._phones) < _PHONES_MAX:
            self._phones.add(peer)

    def _link_changed(self, peer: str, linked: bool) -> None:
        if linked and peer in self._phones:
            self._on_event(PeerCame(peer))
        elif not linked:
            self._peers.discard(peer)
            self._on_event(PeerGone(peer))

    def _answer(self, call: Message) -> Message | None:
        match call.path, call.member:
            case str(path), "GetManagedObjects" if path == ROOT_PATH:
                return Message.new_method_return(call, "a{oa{sa{sv}}}", [OBJECTS])
            case str(path), "GetAll" if path == ADVERTISEMENT_PATH and call.body == [ADVERTISEMENT]:
                return Message.new_method_return(call, "a{sv}", [self._advertisement])
            case str(path), "Release" if path == ADVERTISEMENT_PATH:
                return Message.new_method_return(call)
            case str(path), "WriteValue" if path == INBOX_PATH:
                return self._written(call)
            case str(path), ("StartNotify" | "StopNotify") as member if path == OUTBOX_PATH:
                self._by_signal = member == "StartNotify"
                return Message.new_method_return(call)
        return None

    def _written(self, call: Message) -> Message:
        octets, options = call.body
        if options.get("offset", Variant("q", 0)).value:
            return Message.new_error(call, "org.bluez.Error.InvalidOffset", "a write starts at 0")
        if "device" not in options:
            return Message.new_error(call, "org.bluez.Error.NotSupported", "who writes has to be told")
        peer = options["device"].value
        self._peers.add(peer)
        self._take_for_phone(peer)
        self._on_event(Written(peer, options.get("mtu", Variant("q", ATT_MTU_MIN)).value, bytes(octets)))
        return Message.new_method_return(call)

    def _notify_acquired(self, call: Message, connection: Connection) -> None:
        held = NotifySocket(self._socket_closed)
        if self._socket is not None:
            self._socket.close()
        self._socket = held
        mtu = call.body[0].get("mtu", Variant("q", ATT_MTU_MIN)).value
        reply = Message.new_method_return(call, "hq", [0, mtu], unix_fds=[held.their_end.fileno()])
        connection.send(reply).add_done_callback(lambda _: held.handed_over())

    def _socket_closed(self, closed: NotifySocket) -> None:
        if self._socket is closed:
            self._socket = None


def _value_signal(value: bytes) -> Message:
    body = [CHARACTERISTIC, {"Value": Variant("ay", value)}, []]
    return Message.new_signal(OUTBOX_PATH, PROPERTIES, "PropertiesChanged", "sa{sv}as", body)


async def _try(what: str, work: Awaitable[object]) -> None:
    # What fails here ends anyway: with the link, or when bluetoothd sees us leave the bus.
    try:
        await work
    except PeripheralError as error:
        _log.warning("Bluetooth did not %s: %s. %s", what, error, error.remedy)

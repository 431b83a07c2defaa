"""The GATT peripheral by bless, for `peripheral = "bless"`. The one file that knows bless; it decides nothing.

What bless 0.3.0 does not do is done here, on the same D-Bus connection and without touching its code: the peer and
the ATT_MTU of a write (it drops the options of `WriteValue`), lost links (`Device1.Connected`), an advertisement
that scanners take as discoverable, closing the links of phones when the service goes.
"""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress

from bless import BlessServer, GATTAttributePermissions, GATTCharacteristicProperties
from dbus_next import DBusError, Message, MessageType, Variant
from dbus_next.errors import AuthError, InterfaceNotFoundError, InvalidAddressError

from device_agent.errors import PeripheralError
from device_agent.peripheral import BluetoothGone, OnEvent, PeerGone, Written
from onboarding_protocol.gatt import (
    ATT_MTU_MIN,
    NOTIFICATION_HEADER_OCTETS,
    NOTIFY_CHARACTERISTIC_UUID,
    SERVICE_UUID,
    WRITE_CHARACTERISTIC_UUID,
    chunks,
)

_PROPERTIES = "org.freedesktop.DBus.Properties"
_DEVICE = "org.bluez.Device1"
_ADAPTER = "org.bluez.Adapter1"
_BUS = "org.freedesktop.DBus"
_BUS_PATH = "/org/freedesktop/DBus"
_PATIENCE_S = 10.0
_UNREAD_MAX = 16
"""Notifications on their way to the bus; about 170 fill its socket."""
_BROKEN = (OSError, EOFError, DBusError, InterfaceNotFoundError, AuthError, InvalidAddressError)
_REMEDY = "See that bluetoothd runs and has an adapter: `bluetoothctl list`."
_log = logging.getLogger(__name__)


class BlessPeripheral:
    """The provisioning service, offered from `start` to `stop`; notifications go to every subscribed peer."""

    def __init__(self, adapter: str, on_event: OnEvent) -> None:
        self._adapter_name = adapter
        self._on_event = on_event
        self._server: BlessServer | None = None
        self._advertising = False
        self._found: dict[str, Variant] = {}
        self._peers: set[str] = set()
        self._watching: asyncio.Task[None] | None = None

    async def start(self, name: str) -> None:
        """Offer the service and advertise `name`; PeripheralError if Bluetooth is not there."""
        server = BlessServer(name=name, loop=asyncio.get_running_loop(), adapter=self._adapter_name)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await server.setup_task
                await self._offer(server)
        except TimeoutError as error:
            raise PeripheralError("Bluetooth does not answer", _REMEDY) from error
        except _BROKEN as error:
            raise PeripheralError(f"Bluetooth cannot be used: {error}", _REMEDY) from error
        except Exception as error:  # bless raises the bare class for a missing adapter
            if type(error) is not Exception:
                raise
            raise PeripheralError(f"there is no Bluetooth adapter {self._adapter_name}", _REMEDY) from error
        else:
            self._server, self._advertising = server, True
        finally:
            if self._server is not server:
                _leave(server)

    async def conceal(self) -> None:
        """Stop advertising; links go on."""
        server = self._server
        if server is None or not self._advertising:
            return
        self._advertising = False
        await _try("stop advertising", self._conceal(server))

    async def stop(self) -> None:
        """Take the service away and close the links of its peers."""
        server = self._server
        if server is None:
            return
        if server.bus.connected:
            await self.conceal()
            await _try("take the service away", self._withdraw(server))
        self._forget(server)
        if self._watching is not None:
            await asyncio.wait([self._watching])

    async def _offer(self, server: BlessServer) -> None:
        await self._add_service(server)
        await self._watch(server)
        wanted = {"DiscoverableTimeout": Variant("u", 0), "Discoverable": Variant("b", True)}
        properties = server.adapter.get_interface(_PROPERTIES)
        self._found = {name: await properties.call_get(_ADAPTER, name) for name in wanted}
        for name, value in wanted.items():
            await properties.call_set(_ADAPTER, name, value)
        await server.start()

    async def _conceal(self, server: BlessServer) -> None:
        await server.app.stop_advertising(server.adapter)
        properties = server.adapter.get_interface(_PROPERTIES)
        for name, value in self._found.items():
            await properties.call_set(_ADAPTER, name, value)

    async def _withdraw(self, server: BlessServer) -> None:
        for peer in tuple(self._peers):
            await _call(server, peer, _DEVICE, "Disconnect")
        await server.app.unregister(server.adapter)
        server.bus.unexport(server.app.path, server.app)

    async def notify(self, peer: str, octets: bytes, mtu: int) -> None:
        """Send octets to a peer, cut for this ATT_MTU; nothing if it is gone."""
        if self._server is None or peer not in self._peers:
            return
        characteristic = self._server.get_characteristic(NOTIFY_CHARACTERISTIC_UUID)
        for number, chunk in enumerate(chunks(octets, mtu, NOTIFICATION_HEADER_OCTETS), start=1):
            characteristic.value = bytearray(chunk)
            if not self._server.bus.connected:
                return
            self._server.update_value(SERVICE_UUID, NOTIFY_CHARACTERISTIC_UUID)
            await asyncio.sleep(0)  # dbus_next takes a full socket for a broken one, so it writes each at once
            if number % _UNREAD_MAX == 0:  # and the bus answers when it has read all of them
                await _try("notify", _call(self._server, _BUS_PATH, f"{_BUS}.Peer", "Ping", destination=_BUS))
                if self._server is None:
                    return

    async def disconnect(self, peer: str) -> None:
        """Close the link of a peer."""
        if self._server is not None:
            await _try("close a link", _call(self._server, peer, _DEVICE, "Disconnect"))

    async def _add_service(self, server: BlessServer) -> None:
        await server.add_new_service(SERVICE_UUID)
        await server.add_new_characteristic(
            SERVICE_UUID,
            WRITE_CHARACTERISTIC_UUID,
            GATTCharacteristicProperties.write,
            None,
            GATTAttributePermissions.writeable,
        )
        await server.add_new_characteristic(
            SERVICE_UUID,
            NOTIFY_CHARACTERISTIC_UUID,
            GATTCharacteristicProperties.notify,
            None,
            GATTAttributePermissions.readable,
        )

    async def _watch(self, server: BlessServer) -> None:
        inbox = server.get_characteristic(WRITE_CHARACTERISTIC_UUID).gatt.path

        def on_message(message: Message) -> Message | None:
            if message.message_type is MessageType.METHOD_CALL:
                if message.member == "WriteValue" and message.path == inbox:
                    return self._written(message)
            elif message.member == "PropertiesChanged" and message.body[0] == _DEVICE:
                self._device_changed(message.path, message.body[1])
            elif message.member == "NameOwnerChanged" and message.body[0] == "org.bluez":
                self._gone(server)
            return None

        server.bus.add_message_handler(on_message)
        for rule in (
            f"type='signal',interface='{_PROPERTIES}',member='PropertiesChanged',arg0='{_DEVICE}'",
            f"type='signal',interface='{_BUS}',member='NameOwnerChanged',arg0='org.bluez'",
        ):
            await _call(server, _BUS_PATH, _BUS, "AddMatch", "s", [rule], destination=_BUS)
        self._watching = asyncio.create_task(self._watch_bus(server))

    async def _watch_bus(self, server: BlessServer) -> None:
        with suppress(*_BROKEN):
            await server.bus.wait_for_disconnect()
        server.bus._stream.close()  # dbus_next only shuts its socket down
        server.bus._sock.close()
        self._gone(server)

    def _gone(self, server: BlessServer) -> None:
        if server is self._server:
            self._forget(server)
            self._on_event(BluetoothGone())

    def _forget(self, server: BlessServer) -> None:
        self._server, self._advertising = None, False
        self._peers.clear()
        _leave(server)

    def _written(self, message: Message) -> Message:
        octets, options = message.body
        peer = options["device"].value if "device" in options else "/unknown"
        mtu = options["mtu"].value if "mtu" in options else ATT_MTU_MIN
        self._peers.add(peer)
        self._on_event(Written(peer, mtu, bytes(octets)))
        return Message.new_method_return(message)

    def _device_changed(self, peer: str, changed: dict[str, Variant]) -> None:
        if "Connected" in changed and not changed["Connected"].value and peer in self._peers:
            self._peers.discard(peer)
            self._on_event(PeerGone(peer))


async def _call(
    server: BlessServer,
    path: str,
    interface: str,
    member: str,
    signature: str = "",
    body: list[object] | None = None,
    destination: str = "org.bluez",
) -> None:
    await server.bus.call(
        Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body or [],
        )
    )


async def _try(what: str, work: Awaitable[None]) -> None:
    # The service ends here either way, if only because bluetoothd sees its owner leave the bus.
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await work
    except _BROKEN as error:
        _log.warning("Bluetooth did not %s: %s", what, error)


def _leave(server: BlessServer) -> None:
    server.setup_task.cancel()
    bus = getattr(server, "bus", None)  # set by bless once it is connected
    if bus is not None and bus.connected:
        with suppress(OSError):
            bus.disconnect()

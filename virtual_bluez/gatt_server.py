"""The ATT server of one adapter: bumble's, with values that live in applications and an order that holds.

Rules: reads and writes of one link are answered in order (see `bearer`); one read or read blob is one question to
the application, with its offset, and the answer is cut to what fits the PDU (stock: reads the whole value each
time); a handle is never given twice, so a central with old knowledge gets an error, not another attribute.
"""

from collections.abc import Callable, Iterable
from typing import Any

from bumble import att, gatt, hci
from bumble.device import Connection, Device
from bumble.gatt_server import Server

from virtual_bluez.application_value import ApplicationValue
from virtual_bluez.bearer import Bearer
from virtual_bluez.tasks import TaskScope

__all__ = ["GattServer"]

ORDERED = (
    att.ATT_Read_Request,
    att.ATT_Read_Blob_Request,
    att.ATT_Write_Request,
    att.ATT_Write_Command,
    att.ATT_Prepare_Write_Request,
    att.ATT_Execute_Write_Request,
)
Attribute = att.Attribute[bytes]
Characteristic = gatt.Characteristic[bytes]


class GattServer(Server):
    """The attributes of one adapter and the links that use them."""

    def __init__(self, device: Device, mtu: int, hold: Callable[[hci.Address, bool], None], tasks: TaskScope) -> None:
        super().__init__(device)
        self.max_mtu = mtu
        self._hold = hold
        self._tasks = tasks
        self._bearers: dict[Connection, Bearer] = {}
        self._values: dict[int, ApplicationValue] = {}
        self._last_handle = 0

    def next_handle(self) -> int:
        """Return the handle the next attribute gets."""
        return self._last_handle + 1

    def add_attribute(self, attribute: att.Attribute[Any]) -> None:
        """Give *attribute* its handle."""
        super().add_attribute(attribute)
        self._last_handle = attribute.handle

    def keep_value(self, attribute: att.Attribute[Any], value: ApplicationValue) -> None:
        """Leave reads and writes of an added attribute to *value*."""
        self._values[attribute.handle] = value

    def remove_services(self, services: Iterable[gatt.Service]) -> None:
        """Take services and all that belongs to them out of the database."""
        for service in services:
            group = range(service.handle, service.end_group_handle + 1)
            self.services.remove(service)
            self.attributes = [each for each in self.attributes if each.handle not in group]
            for handle in group:
                self.attributes_by_handle.pop(handle, None)
                if value := self._values.pop(handle, None):
                    value.close()
                for subscriptions in self.subscribers.values():
                    subscriptions.pop(handle, None)

    def publish(self, characteristic: Characteristic, value: bytes) -> None:
        """Notify or indicate *value* to every link that subscribed."""
        for bearer, subscriptions in self.subscribers.items():
            if any(subscriptions.get(characteristic.handle, b"")) and isinstance(bearer, Connection):
                self._bearer(bearer).publish(characteristic, value)

    def on_gatt_pdu(self, bearer: att.Bearer, att_pdu: att.ATT_PDU) -> None:
        """Queue what an application answers; leave discovery and the MTU to bumble."""
        if isinstance(att_pdu, ORDERED) and isinstance(bearer, Connection):
            self._bearer(bearer).receive(att_pdu)
        else:
            super().on_gatt_pdu(bearer, att_pdu)

    def on_disconnection(self, bearer: att.Bearer) -> None:
        """Forget a link; applications learn who is left."""
        subscriptions = self.subscribers.get(bearer, {})
        super().on_disconnection(bearer)
        if isinstance(bearer, Connection) and (queues := self._bearers.pop(bearer, None)):
            queues.close()
        for handle in subscriptions:
            value = self._values.get(handle)
            if value and any(subscriptions[handle]) and not self._subscriber_count(handle):
                self._tasks.start(value.unsubscribed())

    def make_descriptor_value(self, characteristic: Characteristic) -> att.AttributeValueV2[bytes]:
        """Make a CCCD that answers when the application knows of the subscription (stock: at once)."""

        async def write(bearer: att.Bearer, value: bytes) -> None:
            before = any(self.read_cccd(bearer, characteristic))
            self.write_cccd(bearer, characteristic, value)
            kept, now = self._values.get(characteristic.handle), any(value)
            if not kept or before == now or not isinstance(bearer, Connection):
                return
            if not now and not self._subscriber_count(characteristic.handle):
                await kept.unsubscribed()
            elif now:
                try:
                    await kept.subscribed(bearer)
                except att.ATT_Error:
                    self.write_cccd(bearer, characteristic, bytes(2))
                    raise

        return att.AttributeValueV2(lambda bearer: self.read_cccd(bearer, characteristic), write=write)

    def _subscriber_count(self, handle: int) -> int:
        return sum(any(subscriptions.get(handle, b"")) for subscriptions in self.subscribers.values())

    def _bearer(self, link: Connection) -> Bearer:
        if link not in self._bearers:
            self._bearers[link] = Bearer(link, self._respond, self._notify, self._hold, self._tasks)
        return self._bearers[link]

    async def _notify(self, link: Connection, characteristic: Characteristic, value: bytes) -> None:
        """Send a value as the link's CCCD says: each of these does nothing unless its bit is set."""
        await self.notify_subscriber(link, characteristic, value)
        await self.indicate_subscriber(link, characteristic, value)

    async def _respond(self, link: Connection, request: att.ATT_PDU) -> None:
        try:
            response = await self._answer(link, request)
        except att.ATT_Error as error:
            response = att.ATT_Error_Response(
                request_opcode_in_error=request.op_code,
                attribute_handle_in_error=getattr(request, "attribute_handle", error.att_handle),
                error_code=error.error_code,
            )
        if response and not isinstance(request, att.ATT_Write_Command):
            self.send_response(link, response)

    async def _answer(self, link: Connection, request: att.ATT_PDU) -> att.ATT_PDU | None:
        match request:
            case att.ATT_Read_Request(attribute_handle=handle):
                return att.ATT_Read_Response(attribute_value=await self._read(link, handle, 0))
            case att.ATT_Read_Blob_Request(attribute_handle=handle, value_offset=offset):
                return att.ATT_Read_Blob_Response(part_attribute_value=await self._read(link, handle, offset))
            case att.ATT_Write_Request(attribute_handle=handle, attribute_value=value):
                await self._write(link, handle, value, 0, "request")
                return att.ATT_Write_Response()
            case att.ATT_Write_Command(attribute_handle=handle, attribute_value=value):
                await self._write(link, handle, value, 0, "command")
            case att.ATT_Prepare_Write_Request():
                self.on_att_prepare_write_request(link, request)
            case att.ATT_Execute_Write_Request(flags=flags):
                await self._execute(link, commit=flags != 0)
                return att.ATT_Execute_Write_Response()
        return None

    async def _read(self, link: Connection, handle: int, offset: int) -> bytes:
        permission = att.Attribute.Permissions.READABLE
        attribute = self._permitted(handle, permission, att.ErrorCode.READ_NOT_PERMITTED)
        if kept := self._values.get(handle):
            self._check_encryption(link, attribute, att.Attribute.Permissions.READ_REQUIRES_ENCRYPTION)
            part = await kept.read(link, offset)
        else:
            value = await attribute.read_value(link)
            if offset > len(value):
                raise att.ATT_Error(att.ErrorCode.INVALID_OFFSET)
            part = value[offset:]
        return part[: link.att_mtu - 1]

    async def _write(self, link: Connection, handle: int, value: bytes, offset: int, kind: str) -> None:
        permission = att.Attribute.Permissions.WRITEABLE
        attribute = self._permitted(handle, permission, att.ErrorCode.WRITE_NOT_PERMITTED)
        if offset + len(value) > gatt.GATT_MAX_ATTRIBUTE_VALUE_SIZE:
            raise att.ATT_Error(att.ErrorCode.INVALID_ATTRIBUTE_LENGTH)
        if kept := self._values.get(handle):
            self._check_encryption(link, attribute, att.Attribute.Permissions.WRITE_REQUIRES_ENCRYPTION)
            await kept.write(link, value, offset, kind)
        else:
            await attribute.write_value(link, value)

    async def _execute(self, link: Connection, *, commit: bool) -> None:
        """Write prepared parts as one value per attribute, as bluetoothd does; parts must follow each other."""
        values: dict[int, tuple[int, bytearray]] = {}
        for handle, offset, part in self.prepared_writes.pop(link, []):
            start, value = values.setdefault(handle, (offset, bytearray()))
            if offset != start + len(value):
                raise att.ATT_Error(att.ErrorCode.INVALID_OFFSET)
            value += part
        if commit:
            for handle, (start, value) in values.items():
                await self._write(link, handle, bytes(value), start, "reliable")

    def _permitted(self, handle: int, needed: int, denied: att.ErrorCode) -> Attribute:
        attribute = self.get_attribute(handle)
        if attribute is None:
            raise att.ATT_Error(att.ErrorCode.INVALID_HANDLE)
        if not attribute.permissions & needed:
            raise att.ATT_Error(denied)
        return attribute

    @staticmethod
    def _check_encryption(link: Connection, attribute: Attribute, needed: int) -> None:
        if attribute.permissions & needed and not link.encryption:
            raise att.ATT_Error(att.ErrorCode.INSUFFICIENT_ENCRYPTION)

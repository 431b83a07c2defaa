"""One link's ATT client, with bluetoothd's manners on top of bumble's requests.

Rules: errors come out as the BlueZError the central sees; an operation ends at once when the link is lost; write
commands leave in the order they were asked for and wait while the controller has no room; a read stops at 512
octets, so a peer that ignores the offset cannot keep it going (stock: until the offset overflows).
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from bumble import att, core, gatt
from bumble.device import Connection
from bumble.gatt_client import CharacteristicProxy, ServiceProxy

from virtual_bluez.errors import BlueZError, bluez_error

__all__ = ["AttClient"]

T = TypeVar("T")
Characteristic = CharacteristicProxy[bytes]


class AttClient:
    """The client end of a link we made as central."""

    def __init__(self, link: Connection) -> None:
        self._link = link
        self._client = link.gatt_client
        self._pending: set[asyncio.Task[Any]] = set()
        self._lost = False
        self._commands = asyncio.Lock()

    @property
    def mtu(self) -> int:
        """The MTU both ends agreed on."""
        return self._link.att_mtu

    def lose(self) -> None:
        """End what is under way: the link is gone."""
        self._lost = True
        for task in self._pending:
            task.cancel()

    async def exchange_mtu(self, mtu: int) -> None:
        """Tell the peer our MTU, as bluetoothd does first on every link."""
        await self._until_lost(self._client.request_mtu(mtu))

    async def discover(self) -> list[ServiceProxy]:
        """Return all services with their characteristics and descriptors, secondary ones too."""
        services = await self._until_lost(self._discover_services(gatt.GATT_PRIMARY_SERVICE_ATTRIBUTE_TYPE))
        services += await self._until_lost(self._discover_services(gatt.GATT_SECONDARY_SERVICE_ATTRIBUTE_TYPE))
        for service in services:
            for characteristic in await self._until_lost(self._client.discover_characteristics((), service)):
                await self._until_lost(self._client.discover_descriptors(characteristic))
        return services

    async def read(self, handle: int, offset: int = 0) -> bytes:
        """Read a value from *offset* on, with as many requests as its length needs."""
        return await self._until_lost(self._read(handle, offset))

    async def write_request(self, handle: int, value: bytes, offset: int = 0, *, reliable: bool = False) -> None:
        """Write and wait for the answer, in prepared parts if it does not fit or *reliable* asks for them."""
        if reliable or offset or len(value) > self.mtu - 3:
            await self._until_lost(self._write_parts(handle, value, offset))
        else:
            await self._until_lost(self._request(att.ATT_Write_Request(handle, value)))

    async def write_command(self, handle: int, value: bytes) -> None:
        """Write without an answer; returns when the controller has taken it."""
        if len(value) > self.mtu - 3:
            raise BlueZError("Failed", "Failed to initiate write")
        await self._until_lost(self._write_command(handle, value))

    async def subscribe(self, characteristic: Characteristic, changed: Callable[[bytes], None]) -> None:
        """Turn notifications on, or indications if there is nothing else."""
        await self._until_lost(self._client.subscribe(characteristic, changed))

    async def unsubscribe(self, characteristic: Characteristic) -> None:
        """Turn them off."""
        await self._until_lost(self._client.unsubscribe(characteristic))

    async def _until_lost(self, operation: Coroutine[Any, Any, T]) -> T:
        if self._lost:
            operation.close()
            raise BlueZError("NotConnected", "Not Connected")
        task = asyncio.create_task(operation)
        self._pending.add(task)
        try:
            return await task
        except att.ATT_Error as error:
            raise bluez_error(error) from error
        except core.TimeoutError as error:
            raise bluez_error(att.ATT_Error(att.ErrorCode.UNLIKELY_ERROR)) from error
        except asyncio.CancelledError:
            if self._lost:
                raise BlueZError("NotConnected", "Not Connected") from None
            raise
        finally:
            self._pending.discard(task)

    async def _request(self, request: att.ATT_PDU) -> Any:  # noqa: ANN401 - bumble types no responses
        response = await self._client.send_request(request)
        if isinstance(response, att.ATT_Error_Response):
            raise att.ATT_Error(response.error_code)
        return response

    async def _read(self, handle: int, offset: int) -> bytes:
        value = b""
        while (at := offset + len(value)) < gatt.GATT_MAX_ATTRIBUTE_VALUE_SIZE:
            try:
                part = await self._read_part(handle, at)
            except att.ATT_Error as error:
                ends = (att.ErrorCode.INVALID_OFFSET, att.ErrorCode.ATTRIBUTE_NOT_LONG)
                if value and error.error_code in ends:
                    break
                raise
            value += part
            if len(part) < self.mtu - 1:
                break
        return value[: gatt.GATT_MAX_ATTRIBUTE_VALUE_SIZE - offset]

    async def _read_part(self, handle: int, offset: int) -> bytes:
        if offset:
            blob = await self._request(att.ATT_Read_Blob_Request(handle, offset))
            return bytes(blob.part_attribute_value)
        return bytes((await self._request(att.ATT_Read_Request(handle))).attribute_value)

    async def _write_parts(self, handle: int, value: bytes, offset: int) -> None:
        size = self.mtu - 5
        try:
            for at in range(0, len(value), size):
                part = value[at : at + size]
                await self._request(att.ATT_Prepare_Write_Request(handle, offset + at, part))
        except att.ATT_Error:
            await self._request(att.ATT_Execute_Write_Request(flags=0))
            raise
        await self._request(att.ATT_Execute_Write_Request(flags=1))

    async def _write_command(self, handle: int, value: bytes) -> None:
        queue = self._link.device.host.le_acl_packet_queue
        async with self._commands:
            if queue and queue.pending >= queue.max_in_flight:
                await queue.drain(self._link.handle)
            await self._client.send_command(att.ATT_Write_Command(handle, value))

    async def _discover_services(self, group: core.UUID) -> list[ServiceProxy]:
        """Find the services of one group type (bumble looks for primary ones only)."""
        services: list[ServiceProxy] = []
        primary = group == gatt.GATT_PRIMARY_SERVICE_ATTRIBUTE_TYPE
        start = 1
        while start <= 0xFFFF:
            try:
                response = await self._request(att.ATT_Read_By_Group_Type_Request(start, 0xFFFF, group))
            except att.ATT_Error as error:
                if error.error_code != att.ErrorCode.ATTRIBUTE_NOT_FOUND:
                    raise
                break
            for handle, end, uuid in response.attributes:
                service = ServiceProxy(  # type: ignore[no-untyped-call]  # bumble annotates none of it
                    self._client, handle, end, core.UUID.from_bytes(uuid), primary
                )
                services.append(service)
                start = end + 1
        return services

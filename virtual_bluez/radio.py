"""The host of one controller: bumble's L2CAP, ATT and GAP, driven the way bluetoothd and the kernel drive theirs.

Links are bumble `Connection` objects; their role says which end we are. The kernel's manners are kept here:
one LE Create Connection at a time, advertising enabled again after each connection.
"""

import asyncio

from bumble import hci
from bumble.core import ConnectionError as LinkError
from bumble.device import AdvertisingType, Connection, Device, DeviceConfiguration, LegacyAdvertiser
from bumble.host import Host
from bumble.transport.common import AsyncPipeSink

from virtual_bluez.controller import ADVERTISING_UNIT_S, RadioController
from virtual_bluez.ether import Ether
from virtual_bluez.gatt_server import GattServer
from virtual_bluez.tasks import TaskScope

__all__ = ["Radio"]

CONNECT_TIMEOUT_S = 20.0
"""After this the kernel gives up an LE connection attempt (HCI_LE_CONN_TIMEOUT)."""
SCAN_INTERVAL_MS = 60.0


class _Advertiser(LegacyAdvertiser):
    """Tells bumble by which address we were found; it would start again when a link ends, we never stop."""

    async def start(self) -> None:
        """Do nothing: see `Radio._on_connection`."""


class Radio:
    """One party's controller and host stack."""

    def __init__(self, name: str, address: str, ether: Ether, mtu: int) -> None:
        public = hci.Address(address, hci.Address.PUBLIC_DEVICE_ADDRESS)
        self.controller = RadioController(name, ether, public)
        self.mtu = mtu
        self.tasks = TaskScope()
        self._connecting = asyncio.Lock()
        self._awaited: tuple[hci.Address, asyncio.Future[Connection]] | None = None
        self._advertising = False
        configuration = DeviceConfiguration(name=name, gap_service_enabled=False, gatt_service_enabled=False)
        host = Host(self.controller, AsyncPipeSink(self.controller))
        self.device = Device(config=configuration, host=host)
        self.device.connect_own_address_type = hci.OwnAddressType.PUBLIC
        self.server = GattServer(self.device, mtu, self.controller.hold, self.tasks)
        self.device.gatt_server = self.server
        self.device.add_default_services()
        self.device.on(Device.EVENT_CONNECTION, self._on_connection)
        self.device.on(Device.EVENT_CONNECTION_FAILURE, self._on_connection_failure)

    async def power_on(self) -> None:
        """Reset the controller and bring the host up."""
        self.controller.host = self.device.host
        await self.device.power_on()

    async def silence(self) -> None:
        """End all links, stop advertising and scanning."""
        self._advertising = False
        await self._command(hci.HCI_Reset_Command())

    async def close(self) -> None:
        """Fall silent for good."""
        await self.silence()
        await self.tasks.close()

    async def advertise(self, data: bytes, scan_response: bytes, interval_ms: int) -> None:
        """Advertise connectably until told otherwise, also while connected."""
        interval = int(interval_ms / 1000 / ADVERTISING_UNIT_S)
        await self._command(
            hci.HCI_LE_Set_Advertising_Parameters_Command(
                advertising_interval_min=interval,
                advertising_interval_max=interval,
                advertising_type=hci.HCI_LE_Set_Advertising_Parameters_Command.AdvertisingType.ADV_IND,
                own_address_type=hci.OwnAddressType.PUBLIC,
                peer_address_type=hci.Address.PUBLIC_DEVICE_ADDRESS,
                peer_address=hci.Address.ANY,
                advertising_channel_map=7,
                advertising_filter_policy=0,
            )
        )
        await self._command(hci.HCI_LE_Set_Advertising_Data_Command(advertising_data=data))
        await self._command(hci.HCI_LE_Set_Scan_Response_Data_Command(scan_response_data=scan_response))
        self._advertising = True
        self.device.legacy_advertiser = _Advertiser(
            self.device,
            AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE,
            hci.OwnAddressType.PUBLIC,
            hci.Address.ANY,
            auto_restart=True,
        )
        await self._enable_advertising()

    async def stop_advertising(self) -> None:
        """Fall silent."""
        self._advertising = False
        await self._command(hci.HCI_LE_Set_Advertising_Enable_Command(advertising_enable=0))

    async def scan(self, *, wanted: bool) -> None:
        """Report every advertisement heard as the device's `advertisement` event, or stop doing so."""
        if self.device.scanning:
            await self.device.stop_scanning(legacy=True)
        if wanted:
            await self.device.start_scanning(
                legacy=True, scan_interval=SCAN_INTERVAL_MS, scan_window=SCAN_INTERVAL_MS, filter_duplicates=False
            )

    async def connect(self, address: hci.Address) -> Connection:
        """Connect as central. Raises TimeoutError when nobody by this address advertises in time."""
        async with self._connecting:
            found: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
            self._awaited = (address, found)
            try:
                await self.device.send_async_command(_create_connection(address))
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    return await found
            finally:
                self._awaited = None
                if self.controller.pending_le_connection:
                    await self._command(hci.HCI_LE_Create_Connection_Cancel_Command())

    def lose_links(self, role: hci.Role | None = None) -> None:
        """End the links we have in *role* (in any, without it) as if the peers had gone out of range."""
        for connection in list(self.controller.le_connections.values()):
            if role is None or connection.role == role:
                self.controller.lose_link(connection)

    def lose_link(self, link: Connection) -> None:
        """End one link as if its peer had gone out of range."""
        if connection := self.controller.find_le_connection_by_handle(link.handle):
            self.controller.lose_link(connection)

    async def _command(self, command: hci.HCI_SyncCommand[hci.HCI_StatusReturnParameters]) -> None:
        await self.device.send_sync_command(command)

    async def _enable_advertising(self) -> None:
        if self._advertising:
            await self._command(hci.HCI_LE_Set_Advertising_Enable_Command(advertising_enable=1))

    def _on_connection(self, connection: Connection) -> None:
        if connection.role == hci.Role.PERIPHERAL:
            self.tasks.start(self._enable_advertising())
        elif self._awaited and self._awaited[0] == connection.peer_address and not self._awaited[1].done():
            self._awaited[1].set_result(connection)
        else:
            # It came about while the attempt was being given up: nobody would ever end it.
            self.lose_link(connection)

    def _on_connection_failure(self, error: LinkError) -> None:
        if self._awaited and not self._awaited[1].done():
            self._awaited[1].set_exception(error)


def _create_connection(address: hci.Address) -> hci.HCI_LE_Create_Connection_Command:
    return hci.HCI_LE_Create_Connection_Command(
        le_scan_interval=96,
        le_scan_window=96,
        initiator_filter_policy=0,
        peer_address_type=address.address_type,
        peer_address=address,
        own_address_type=hci.OwnAddressType.PUBLIC,
        connection_interval_min=24,
        connection_interval_max=40,
        max_latency=0,
        supervision_timeout=42,
        min_ce_length=0,
        max_ce_length=0,
    )

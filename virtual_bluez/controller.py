"""A simulated LE controller: bumble's, with the defects corrected that crashes, waiting and crowds bring out.

Each override says what the stock controller (bumble 0.0.236, pinned) does instead.
"""

import asyncio

from bumble import hci, ll
from bumble.controller import Connection, Controller, LegacyAdvertiser

from virtual_bluez.counters import Counters
from virtual_bluez.ether import Ether

__all__ = ["RadioController"]

RSSI_DBM = -50
ADVERTISING_UNIT_S = 0.000625
"""HCI counts advertising intervals in these (Core spec Vol 4, Part E, 7.8.5)."""


class _Advertiser(LegacyAdvertiser):
    """Stock takes the interval, counted in 0.625 ms, for milliseconds, and can be taken twice."""

    taken = False
    """A CONNECT_IND is on its way to us: nobody else may send one."""

    def _on_timer_fired(self) -> None:
        self.send_advertising_data()
        delay = self.advertising_interval_min * ADVERTISING_UNIT_S
        self.timer_handle = asyncio.get_running_loop().call_later(delay, self._on_timer_fired)


class RadioController(Controller):
    """One controller on the ether, always using its public address."""

    # One frame per ATT PDU of any size we negotiate; stock cuts into 27 octets, twenty events per long write.
    le_acl_data_packet_length = 1024
    # Few, so that a sender notices early that its peer is slow.
    total_num_le_acl_data_packets = 8
    # One advertising set and fixed addresses are all BlueZ asks of the oldest controllers; so no newer commands.
    le_features = Controller.le_features & ~(
        hci.LeFeatureMask.LL_PRIVACY
        | hci.LeFeatureMask.LE_EXTENDED_ADVERTISING
        | hci.LeFeatureMask.LE_PERIODIC_ADVERTISING
    )

    le_legacy_advertiser: _Advertiser

    def __init__(self, name: str, ether: Ether, address: hci.Address) -> None:
        super().__init__(name, link=ether, public_address=address)
        self.ether = ether
        self.counters = Counters()
        self.le_legacy_advertiser = _Advertiser(self)

    @property
    def listening(self) -> bool:
        """Whether an advertisement would be noticed."""
        return self.le_scan_enable or self.pending_le_connection is not None

    def hold(self, peer: hci.Address, held: bool) -> None:
        """Stop or resume receiving from *peer*, as a link layer with full buffers does."""
        self.ether.hold(peer, self.public_address, held)

    def on_hci_acl_data_packet(self, packet: hci.HCI_AclDataPacket) -> None:
        """Send a frame; the host gets its buffer back on arrival (stock: at once, so nothing slows a sender)."""
        if connection := self.find_le_connection_by_handle(packet.connection_handle):
            self.counters.count(packet.data)
            completed = hci.HCI_Number_Of_Completed_Packets_Event(
                connection_handles=[connection.handle], num_completed_packets=[1]
            )
            self.ether.carry(connection, packet.data, lambda: self.send_hci_packet(completed))

    def on_ll_control_pdu(self, sender_address: hci.Address, packet: ll.ControlPdu) -> None:
        """Take link control, unless the link is gone (stock: an error when both ends disconnect at once)."""
        if sender_address in self.le_connections:
            super().on_ll_control_pdu(sender_address, packet)

    def on_hci_le_create_connection_cancel_command(
        self, _command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> hci.HCI_StatusReturnParameters:
        """Give up connecting (stock: says so, goes on, and refuses every later attempt)."""
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        asyncio.get_running_loop().call_soon(self.send_hci_packet, _connection_failed(pending.peer_address))
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def create_le_connection(self, peer_address: hci.Address) -> None:
        """Connect if the advertiser is still free (stock: two centrals get it, one of them a ghost)."""
        advertiser = self.ether.peer_of(peer_address).le_legacy_advertiser
        if peer_address not in self.le_connections and advertiser.enabled and not advertiser.taken:
            advertiser.taken = True
            super().create_le_connection(peer_address)

    def on_le_connect_ind(self, packet: ll.ConnectInd) -> None:
        """Accept a connection if both ends still want it (stock: one end is left with a ghost)."""
        advertiser, central = self.le_legacy_advertiser, packet.initiator_address
        advertiser.taken = False
        if stale := self.le_connections.get(central):
            self.on_le_disconnected(stale, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
        other_end = self.ether.peer_of(central).le_connections.get(self.public_address)
        if other_end and advertiser.enabled:
            super().on_le_connect_ind(packet)
        elif other_end:
            reason = hci.HCI_ErrorCode.CONNECTION_FAILED_TO_BE_ESTABLISHED_ERROR
            other_end.controller.on_le_disconnected(other_end, reason)

    def on_advertising_pdu(self, pdu: ll.AdvInd | ll.AdvExtInd) -> None:
        """Report an advertisement and its scan response (stock: the advertisement twice)."""
        if self.le_scan_enable:
            response = self.ether.peer_of(pdu.advertiser_address).le_legacy_advertiser.scan_response_data
            kinds = hci.HCI_LE_Advertising_Report_Event.EventType
            self._report(kinds.ADV_IND, pdu.advertiser_address, pdu.data)
            self._report(kinds.SCAN_RSP, pdu.advertiser_address, response)
        pending = self.pending_le_connection
        if pending and pending.peer_address == pdu.advertiser_address:
            self.create_le_connection(pdu.advertiser_address)

    def lose_link(self, connection: Connection) -> None:
        """End a link at both ends at once, as a supervision timeout does."""
        reason = hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR
        peer = self.ether.peer_of(connection.peer_address)
        self.ether.lose(connection.self_address, connection.peer_address)
        self.on_le_disconnected(connection, reason)
        if other_end := peer.le_connections.get(connection.self_address):
            peer.on_le_disconnected(other_end, reason)

    def on_hci_reset_command(self, command: hci.HCI_Reset_Command) -> hci.HCI_StatusReturnParameters:
        """Stop everything (stock: advertising and links go on)."""
        for connection in list(self.le_connections.values()):
            self.lose_link(connection)
        self.le_legacy_advertiser.stop()
        self.le_scan_enable = False
        self.pending_le_connection = None
        return super().on_hci_reset_command(command)

    def _report(self, kind: int, address: hci.Address, data: bytes) -> None:
        report = hci.HCI_LE_Advertising_Report_Event.Report(
            event_type=kind, address_type=address.address_type, address=address, data=data, rssi=RSSI_DBM
        )
        self.send_hci_packet(hci.HCI_LE_Advertising_Report_Event([report]))


def _connection_failed(peer: hci.Address) -> hci.HCI_LE_Connection_Complete_Event:
    return hci.HCI_LE_Connection_Complete_Event(
        status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
        connection_handle=0,
        role=hci.Role.CENTRAL,
        peer_address_type=peer.address_type,
        peer_address=peer,
        connection_interval=0,
        peripheral_latency=0,
        supervision_timeout=0,
        central_clock_accuracy=0,
    )

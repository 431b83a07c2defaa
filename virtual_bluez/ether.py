"""The air between the controllers: who hears an advertisement, and in which order link data arrive.

Rules: data and link control of one direction of a link never overtake each other; a sender gets its buffer back
only when its data have arrived, and a receiver may hold a direction, so a slow application slows its peer down
instead of filling memory; with a latency, everything waiting travels together at the next connection event.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bumble import hci, ll
from bumble.controller import Connection, Controller
from bumble.core import PhysicalTransport
from bumble.link import LocalLink

if TYPE_CHECKING:
    from virtual_bluez.controller import RadioController

__all__ = ["Ether"]

Deliver = Callable[[], None]


@dataclass(slots=True)
class _Direction:
    """One direction of one link: deliveries in order of sending."""

    latency_s: float
    waiting: deque[Deliver] = field(default_factory=deque)
    event: asyncio.Handle | None = None
    held: bool = False

    def send(self, deliver: Deliver) -> None:
        self.waiting.append(deliver)
        self._schedule()

    def hold(self, held: bool) -> None:
        self.held = held
        if self.waiting:
            self._schedule()

    def _schedule(self) -> None:
        if self.event is None and not self.held:
            self.event = asyncio.get_running_loop().call_later(self.latency_s, self._connection_event)

    def _connection_event(self) -> None:
        self.event = None
        while self.waiting and not self.held:
            self.waiting.popleft()()

    def flush(self) -> None:
        """Deliver what waits, held or not: the end of a link must not be stuck behind a slow reader."""
        self.held = False
        self._cancel_event()
        self._connection_event()

    def discard(self) -> None:
        self.waiting.clear()
        self._cancel_event()

    def _cancel_event(self) -> None:
        if self.event:
            self.event.cancel()
            self.event = None


class Ether(LocalLink):
    """All controllers in range of each other."""

    def __init__(self, latency_s: float = 0.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # bumble annotates it half
        self._latency_s = latency_s
        self._stations: dict[hci.Address, RadioController] = {}
        self._directions: dict[tuple[hci.Address, hci.Address], _Direction] = {}

    def add_controller(self, controller: Controller) -> None:
        """Bring a controller into range."""
        super().add_controller(controller)
        self._stations[controller.public_address] = controller  # type: ignore[assignment]  # ours are all of this class

    def find_le_controller(self, address: hci.Address) -> "RadioController | None":
        """Return the controller with this public address (stock: two scans over all links per PDU)."""
        return self._stations.get(address)

    def peer_of(self, address: hci.Address) -> "RadioController":
        """Return the controller with this public address, which must be in range."""
        return self._stations[address]

    def carry(self, link: Connection, data: bytes, arrived: Deliver) -> None:
        """Take an L2CAP frame to the other end of *link*, then call *arrived*.

        What outlives its link is dropped: stock, and a peer that reconnects at once, would get it in the new one.
        """
        source, target = link.self_address, link.peer_address
        receiver = self._stations[target]
        expected = receiver.le_connections.get(source)

        def deliver() -> None:
            current = receiver.le_connections.get(source)
            same = expected is None or current is expected
            if current and same and link.controller.le_connections.get(target) is link:
                receiver.on_link_acl_data(source, PhysicalTransport.LE, data)
                arrived()

        self._direction(source, target).send(deliver)

    def hold(self, source: hci.Address, target: hci.Address, held: bool) -> None:
        """Stop or resume deliveries from *source* to *target*."""
        self._direction(source, target).hold(held)

    def send_ll_control_pdu(
        self, sender_address: hci.Address, receiver_address: hci.Address, packet: ll.ControlPdu
    ) -> None:
        """Send link control behind the data already on its way (stock: it overtakes them)."""
        receiver = self._stations[receiver_address]
        direction = self._direction(sender_address, receiver_address)
        if isinstance(packet, ll.TerminateInd):
            direction.flush()
        direction.send(lambda: receiver.on_ll_control_pdu(sender_address, packet))

    def send_advertising_pdu(self, sender_controller: Controller, packet: ll.AdvertisingPdu) -> None:
        """Let those hear who listen (stock: every controller is woken for every advertisement)."""
        loop = asyncio.get_running_loop()
        if isinstance(packet, ll.ConnectInd):
            advertiser = self._stations[packet.advertiser_address]
            loop.call_later(self._latency_s, advertiser.on_ll_advertising_pdu, packet)
            return
        for station in self._stations.values():
            if station is not sender_controller and station.listening:
                loop.call_soon(station.on_ll_advertising_pdu, packet)

    def lose(self, one: hci.Address, other: hci.Address) -> None:
        """Forget what is on its way between two ends."""
        for ends in ((one, other), (other, one)):
            if direction := self._directions.pop(ends, None):
                direction.discard()

    def _direction(self, source: hci.Address, target: hci.Address) -> _Direction:
        return self._directions.setdefault((source, target), _Direction(self._latency_s))

"""What goes on over Wi-Fi while the window is open: a scan for the phone to choose from, and the label on the air."""

import asyncio
import logging
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec

from device_agent.cancellation import end
from device_agent.errors import WifiError
from device_agent.record import WifiProfile
from device_agent.wifi import Wifi
from device_agent.wifi.on_air import OnAir
from onboarding_protocol.members import NETWORKS_MAX, HeardNetwork

LOOK_S = 6.0
"""How long a phone waits for the scan, and so does the offer; a slower scan is still heard of by later phones."""
_log = logging.getLogger(__name__)


class Air:
    """One scan and one offer at a time."""

    def __init__(self, wifi: Wifi, on_air: OnAir | None, on_given: Callable[[WifiProfile], None]) -> None:
        self._wifi = wifi
        self._on_air = on_air
        self._on_given = on_given
        self._scan: asyncio.Task[None] | None = None
        self._looks_until = 0.0
        self._offer: asyncio.Task[None] | None = None
        self.heard: tuple[HeardNetwork, ...] = ()

    def look(self) -> None:
        """Begin a scan, unless one goes on."""
        if self._scan is None or self._scan.done():
            self.heard = ()
            self._looks_until = asyncio.get_running_loop().time() + LOOK_S
            self._scan = asyncio.create_task(self._hear(), name="scan")

    async def looked(self) -> None:
        """Return when the scan has ended, or is nothing to wait for any more."""
        patience = self._looks_until - asyncio.get_running_loop().time()
        if self._scan is not None and patience > 0:
            await asyncio.wait([self._scan], timeout=patience)

    def offer(self, key: ec.EllipticCurvePrivateKey, known_time: int) -> None:
        """Offer the label's key on the air after the scan, until it is taken up; `known_time` as in `OnAir.receive`."""
        if self._on_air is not None and (self._offer is None or self._offer.done()):
            self._offer = asyncio.create_task(self._receive(self._on_air, key, known_time), name="offer")

    async def withdraw(self) -> None:
        """Take the offer back; returns when wpa_supplicant has forgotten the key, unless it hangs."""
        task, self._offer = self._offer, None
        if task is not None:
            await end(task)

    async def stop(self) -> None:
        """End everything."""
        task, self._scan = self._scan, None
        if task is not None:
            await end(task)
        await self.withdraw()

    async def _hear(self) -> None:
        try:
            self.heard = (await self._wifi.scan())[:NETWORKS_MAX]
        except WifiError as error:
            _log.warning("the phone will show no networks: %s. %s", error, error.remedy)

    async def _receive(self, on_air: OnAir, key: ec.EllipticCurvePrivateKey, known_time: int) -> None:
        await self.looked()  # one radio cannot do both
        try:
            self._on_given(await on_air.receive(key, known_time))
        except WifiError as error:
            _log.info("the label is offered over Bluetooth only: %s. %s", error, error.remedy)

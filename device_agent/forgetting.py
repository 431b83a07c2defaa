"""A factory reset reaches the program that does Wi-Fi, too: at once if it can, else as soon as it can."""

import asyncio
from dataclasses import replace

from device_agent.errors import WifiError
from device_agent.store import Store
from device_agent.wifi import Wifi

FORGET_S = 15.0
"""A program that takes longer hangs."""


async def forget_wifi(store: Store, wifi: Wifi) -> None:
    """Have what a reset has forgotten forgotten there as well; WifiError if it has to wait. Else nothing to do."""
    if not store.record.wifi_to_forget:
        return
    try:
        async with asyncio.timeout(FORGET_S):
            await wifi.forget()
    except TimeoutError as error:
        raise _kept(f"no answer for {FORGET_S:.0f} seconds", "Restart the program that does Wi-Fi.") from error
    except WifiError as error:
        raise _kept(str(error), error.remedy) from error
    store.update(lambda record: replace(record, wifi_to_forget=False))


def _kept(why: str, remedy: str) -> WifiError:
    return WifiError(
        f"the former owner's Wi-Fi network is not forgotten yet: {why}", f"{remedy} The agent tries it again by itself."
    )

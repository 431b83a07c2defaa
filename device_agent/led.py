"""A lamp of the kernel's LED class that shows how far the device is.

Slow blinking: the window is open. Fast: a phone is at work. Short flashes: something failed, try again. Steady: the
endpoint is reached. Dark: none of these. The agent blinks itself: the files of the kernel's own timer belong to root
anew each time it is chosen, and this way one file that the agent may write is enough.
"""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from device_agent.errors import ConfigurationFileError
from device_agent.moments import Moment

LEDS = Path("/sys/class/leds")
RETRY_S = 10.0
"""How often a lamp is looked for whose driver is not there yet."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Light:
    """How a lamp shines: seconds on and off by turns; None is for ever."""

    on_s: float | None
    off_s: float | None


DARK = Light(0, None)
STEADY = Light(None, 0)
WAITING = Light(0.5, 0.5)
WORKING = Light(0.1, 0.1)
FAILED = Light(0.05, 0.95)
_LIGHTS = {
    Moment.WINDOW_OPEN: WAITING,
    Moment.EXCHANGE: WORKING,
    Moment.JOINED: WORKING,
    Moment.EXCHANGE_FAILED: FAILED,
    Moment.FAILED: FAILED,
    Moment.CONNECTED: STEADY,
    Moment.DISCONNECTED: DARK,
}


class Led:
    """One lamp, a folder of the LED class."""

    def __init__(self, folder: Path, retry_s: float = RETRY_S) -> None:
        self._folder = folder
        self._retry_s = retry_s
        self._connected = False
        self._troubled = False
        self._light = DARK
        self._changed = asyncio.Event()

    def check(self) -> None:
        """Raise ConfigurationFileError if there is no such lamp."""
        if not (self._folder / "brightness").exists():
            names = ", ".join(sorted(path.name for path in self._folder.parent.glob("*"))) or "there are none"
            raise ConfigurationFileError(f"there is no lamp {self._folder.name}", f"Set `led` to one of: {names}.")

    def show(self, moment: Moment) -> None:
        """Shine as this moment asks for; the end of a window brings the light of the time before back."""
        if moment in (Moment.CONNECTED, Moment.DISCONNECTED):
            self._connected = moment is Moment.CONNECTED
        self._light = _LIGHTS.get(moment, STEADY if self._connected else DARK)
        self._changed.set()

    async def run(self) -> None:
        """Shine until cancelled, as soon as there is a lamp, then leave it dark."""
        await self._come()
        self._write("trigger", "none")
        try:
            while True:
                self._changed.clear()
                await self._shine(self._light)
        finally:
            self._write("brightness", "0")

    async def _come(self) -> None:
        told = False
        while True:
            try:
                return self.check()
            except ConfigurationFileError as error:
                if not told:
                    told = True
                    _log.warning("%s. %s Until then the device goes on without.", error, error.remedy)
            await asyncio.sleep(self._retry_s)

    async def _shine(self, light: Light) -> None:
        brightest = self._brightest()
        while not self._changed.is_set():
            await self._hold(brightest, light.on_s)
            await self._hold("0", light.off_s)

    async def _hold(self, brightness: str, seconds: float | None) -> None:
        if seconds == 0 or self._changed.is_set():
            return
        self._write("brightness", brightness)
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    def _brightest(self) -> str:
        try:
            return (self._folder / "max_brightness").read_text(encoding="ascii").strip()
        except OSError:
            return "1"

    def _write(self, name: str, value: str) -> None:
        try:
            with (self._folder / name).open("w", encoding="ascii") as file:
                file.write(value)
        except OSError as error:
            if not self._troubled:
                self._troubled = True
                _log.warning("%s/%s: %s. Let the agent's group write this.", self._folder, name, error.strerror)

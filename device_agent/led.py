"""A lamp of the kernel's LED class that shows how far the device is.

Slow blinking: the window is open. Fast: a phone is at work. Short flashes: something failed, try again. Steady: the
endpoint is reached. Dark: none of these.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

from device_agent.errors import ConfigurationFileError
from device_agent.moments import Moment

LEDS = Path("/sys/class/leds")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Light:
    """How a lamp shines; times in milliseconds, both 0 for steady light or none."""

    on_ms: int = 0
    off_ms: int = 0
    steady: bool = False


DARK = Light()
STEADY = Light(steady=True)
WAITING = Light(500, 500)
WORKING = Light(100, 100)
FAILED = Light(50, 950)
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

    def __init__(self, folder: Path) -> None:
        if not (folder / "brightness").is_file():
            names = ", ".join(sorted(path.name for path in folder.parent.glob("*"))) or "there are none"
            raise ConfigurationFileError(f"there is no lamp {folder.name}", f"Set `led` to one of: {names}.")
        self._folder = folder
        self._connected = False
        self._troubled = False

    def show(self, moment: Moment) -> None:
        """Shine as this moment asks for; the end of a window brings the light of the time before back."""
        if moment in (Moment.CONNECTED, Moment.DISCONNECTED):
            self._connected = moment is Moment.CONNECTED
        resting = STEADY if self._connected else DARK
        self._shine(_LIGHTS.get(moment, resting))

    def dark(self) -> None:
        """Leave the lamp dark."""
        self._shine(DARK)

    def _shine(self, light: Light) -> None:
        try:
            if light.on_ms:
                self._write("trigger", "timer")
                self._write("delay_on", str(light.on_ms))
                self._write("delay_off", str(light.off_ms))
            else:
                self._write("trigger", "none")
                brightest = (self._folder / "max_brightness").read_text(encoding="ascii").strip()
                self._write("brightness", brightest if light.steady else "0")
        except OSError as error:
            if not self._troubled:
                self._troubled = True
                _log.warning(
                    "the lamp %s cannot be set: %s. Let the agent's group write it.", self._folder, error.strerror
                )

    def _write(self, name: str, value: str) -> None:
        with (self._folder / name).open("w", encoding="ascii") as file:
            file.write(value)

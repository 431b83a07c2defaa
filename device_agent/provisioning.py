"""One provisioning, from the button to the last phone's farewell. Pure; `now` is a monotonic clock in seconds.

Rules kept here: a window closes by itself, by success or after too many failures; a phone's link outlasts it by a
farewell, so that the last notification arrives; a phone that waits for a status hears one before it gives up.
"""

from dataclasses import dataclass, field

from device_agent.window import Window

STATUS_PATIENCE_S = 50.0
"""Our app waits a minute for a Connection Status."""
FOREIGN_STATUS_PATIENCE_S = 14.0
"""wpa_supplicant as configurator waits 16 seconds."""
FAREWELL_S = 5.0
"""How long a phone's link may outlast the window."""


@dataclass(slots=True)
class Provisioning:
    """What is open, what is due, and whether a configuration waits to be seen through."""

    window: Window | None = None
    _farewell: float | None = field(default=None, init=False)
    _status_due: float | None = field(default=None, init=False)
    _setting_up: bool = field(default=False, init=False)

    @property
    def deadline(self) -> float | None:
        """When something here is due next."""
        closes_at = None if self.window is None else self.window.closes_at
        deadlines = (closes_at, self._farewell, self._status_due)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    @property
    def taking_leave(self) -> bool:
        """Whether the window has closed and phones may still be linked."""
        return self._farewell is not None

    def opened(self, now: float, seconds: float) -> None:
        """Note that somebody pressed the button and the device is on the air."""
        self.window = Window.opened(now, seconds)

    def failed(self) -> None:
        """Note an exchange that has failed."""
        if self.window is not None:
            self.window = self.window.failed()

    def over(self, now: float) -> str | None:
        """Return why the window has to close, None while it may stay open."""
        if self.window is None or self.window.is_open(now):
            return None
        return "too many tries failed" if self.window.used_up else "it was open long enough"

    def closed(self, now: float) -> bool:
        """Close the window and begin the farewell; False if no window was open."""
        if self.window is None:
            return False
        self.window = None
        self._farewell = now + FAREWELL_S
        return True

    def farewell_over(self, now: float, busy: bool) -> bool:
        """Tell whether all links are to end now; an exchange that goes on earns another farewell."""
        if self._farewell is None or now < self._farewell:
            return False
        self._farewell = now + FAREWELL_S
        return not busy

    def taken_away(self) -> None:
        """Note that the service is gone, and with it every link."""
        self._farewell = None

    def configured(self, now: float, foreign: bool) -> None:
        """Note a new configuration, whose outcome a phone waits for."""
        self._setting_up = True
        self._status_due = now + (FOREIGN_STATUS_PATIENCE_S if foreign else STATUS_PATIENCE_S)

    def status_overdue(self, now: float) -> bool:
        """Tell whether the phone that waits has to hear something now."""
        return self._status_due is not None and now >= self._status_due

    def attempted(self) -> None:
        """Note that an attempt has ended, or is given up: nobody waits for it any more."""
        self._status_due = None

    def arrived(self) -> bool:
        """Note that joining and connecting worked; True if that ends a provisioning."""
        ended, self._setting_up = self._setting_up, False
        return ended

    def forgotten(self) -> None:
        """Note that the configuration is gone."""
        self._setting_up = False

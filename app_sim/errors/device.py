"""What is wrong with the link, or with what the device says."""

from collections.abc import Mapping

from app_sim.errors.app_error import AppError


class BluetoothUnavailableError(AppError):
    """This machine cannot use Bluetooth now."""

    type = "bluetooth-unavailable"
    remedy = "Switch Bluetooth on and start bluetoothd; without a radio start virtual-bluez and use the bus it names."


class DeviceNotFoundError(AppError):
    """No device advertises what this label says."""

    type = "device-not-found"
    remedy = (
        "Press the device's button to open its window, come closer, and check that the label is this device's; "
        "app-sim scan shows what is in range."
    )


class LinkFailedError(AppError):
    """The device was seen but could not be connected, or lacks the service."""

    type = "link-failed"
    remedy = "Come closer and run the same command again while the device's window is open."


class LinkLostError(AppError):
    """The Bluetooth link broke."""

    type = "link-lost"
    remedy = "Come closer and run the same command again; the device goes on from where it was."


class DeviceBusyError(AppError):
    """Another phone is provisioning the device."""

    type = "device-busy"
    remedy = "Wait until the other phone has finished, then run the same command again."


class WindowClosedError(AppError):
    """The device's provisioning window has closed."""

    type = "window-closed"
    remedy = "Press the device's button (or device-agent open), then run the same command again."


class WrongLabelError(AppError):
    """The device says that this is another device's label."""

    type = "wrong-label"
    remedy = "Scan the label of the device in front of you."


class DeviceFailedError(AppError):
    """The device reports an internal error."""

    type = "device-failed"
    remedy = "Restart the device and run the same command again; the device's log says why."


class DeviceSilentError(AppError):
    """The link holds, but the answer did not come in time."""

    type = "device-silent"
    remedy = "Press the device's button again and run the same command again."


class ExchangeFailedError(AppError):
    """The device broke off the exchange, or what it says does not verify."""

    type = "exchange-failed"
    remedy = "Run the same command again; if it happens again, restart the device."


class DeviceForeignError(AppError):
    """The device speaks Easy Connect, but does not offer what an onboarding needs."""

    type = "device-foreign"
    remedy = "Update the device's agent; a device without it can be given Wi-Fi by any Easy Connect phone."


class DeviceOwnedElsewhereError(AppError):
    """The device holds an assignment, and it is not this user's."""

    type = "device-owned-elsewhere"
    remedy = "Its owner must release it, or reset the device to its factory state (device-agent reset)."


class ConfigurationRejectedError(AppError):
    """The device did not accept what the API and the app gave it."""

    type = "configuration-rejected"
    remedy = "Check that the API is the one this device was assigned by; a factory reset forgets the old one."

    def __init__(self, sentence: str, reason: str | None) -> None:
        super().__init__(sentence)
        self.reason = reason

    @property
    def facts(self) -> Mapping[str, object]:
        """The device's own reason."""
        return {"reason": self.reason}


class OverdueError(AppError):
    """The whole took longer than --timeout allows."""

    type = "overdue"
    remedy = "Run the same command again with a larger --timeout; every step may be repeated."

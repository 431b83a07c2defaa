"""What can stop the app. One base; a class per thing that somebody handles differently.

`type` is for a program, `str(error)` says what happened and `remedy` what to do next. None of them carries a secret.
"""

from collections.abc import Mapping
from typing import ClassVar

from onboarding_protocol.members import EndpointResult


class AppError(Exception):
    """Base of everything that ends a command with a sentence instead of a traceback; never raised itself."""

    type: ClassVar[str]
    remedy: str = "Run the same command again; every step may be repeated."
    step: str | None = None
    """The step of the story that did not succeed; filled in on the way out."""

    @property
    def facts(self) -> Mapping[str, object]:
        """Machine-readable particulars."""
        return {}

    def to_json(self) -> dict[str, object]:
        """Return the error as the last JSON line shows it."""
        step = {} if self.step is None else {"step": self.step}
        return {"type": self.type, "message": str(self), "remedy": self.remedy, **step, **self.facts}


class LabelUnreadableError(AppError):
    """The file is missing, or no picture."""

    type = "label-unreadable"
    remedy = "Give a PNG or JPEG picture of the label, or its text (DPP:…)."


class LabelMissingError(AppError):
    """The picture shows no QR symbol."""

    type = "label-missing"
    remedy = "Take the picture again: closer, sharp, without glare, the whole symbol with its white border."


class LabelAmbiguousError(AppError):
    """The picture shows the labels of several devices."""

    type = "label-ambiguous"
    remedy = "Take a picture that shows one label only."


class LabelForeignError(AppError):
    """There is a text, but it is no device's label."""

    type = "label-foreign"
    remedy = "Use the symbol on the device's own label; its text begins with DPP: and ends with ;;"


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


class WifiNetworkMissingError(AppError):
    """Nobody said which network to join."""

    type = "wifi-network-missing"
    remedy = "Give --wifi SSID (ONBOARDING_WIFI), or run on a terminal to be asked."


class WifiNetworkUnsuitableError(AppError):
    """The chosen network cannot be joined with a password."""

    type = "wifi-network-unsuitable"
    remedy = "Choose a network that is protected by a WPA2 or WPA3 password."


class WifiPasswordMissingError(AppError):
    """There is no password to try."""

    type = "wifi-password-missing"
    remedy = (
        "Give --wifi-password-file FILE (ONBOARDING_WIFI_PASSWORD_FILE) with one password of 8 to 63 characters per "
        "line, or run on a terminal to be asked."
    )


class WifiPasswordWrongError(AppError):
    """The access point refuses every password that there was."""

    type = "wifi-password-wrong"
    remedy = "Run the same command again with the right Wi-Fi password; the device is registered and keeps that."


class WifiNotFoundError(AppError):
    """The device does not hear the network."""

    type = "wifi-network-not-found"
    remedy = "Check the network's name, bring the device closer to the access point, and run the same command again."


class WifiFailedError(AppError):
    """Joining failed for another reason."""

    type = "wifi-failed"
    remedy = "Check the access point (security mode, address assignment), then run the same command again."


class NobodyAnswersError(AppError):
    """The person did not answer while the device was waiting, or left."""

    type = "nobody-answers"
    remedy = "Run the same command again with the Wi-Fi password at hand; the registration is kept."


class EndpointError(AppError):
    """Wi-Fi is joined, but the endpoint did not take the device."""

    _REMEDIES: ClassVar[Mapping[EndpointResult, str]] = {
        EndpointResult.UNREACHABLE: "Check that the network leads to the endpoint; the device keeps trying.",
        EndpointResult.REFUSED: "Check that the endpoint knows the tenant's certificate authority.",
        EndpointResult.UNTRUSTED: "Check the endpoint's certificate and the tenant's trust anchor.",
    }
    _REASONS: ClassVar[Mapping[str, str]] = {
        "clock-wrong": "Let the device reach a time server (NTP) or set its clock; it keeps trying.",
        "certificate-expired": "Reset the device (device-agent reset) and onboard it again: that brings a certificate.",
    }
    _TYPES: ClassVar[Mapping[EndpointResult, str]] = {
        EndpointResult.UNREACHABLE: "endpoint-unreachable",
        EndpointResult.REFUSED: "endpoint-refused",
        EndpointResult.UNTRUSTED: "endpoint-untrusted",
    }

    def __init__(self, result: EndpointResult, reason: str | None) -> None:
        super().__init__(f"the device joined the Wi-Fi, but its endpoint was {result.value}")
        self.type = self._TYPES[result]  # type: ignore[misc]  # one class, three outcomes of one attempt
        self.remedy = self._REASONS.get(reason or "", self._REMEDIES[result])
        self.reason = reason

    @property
    def facts(self) -> Mapping[str, object]:
        """The device's own reason."""
        return {"reason": self.reason}


class ContactMissingError(AppError):
    """The API did not see the device connect while the app waited."""

    type = "contact-missing"

    def __init__(self, sentence: str, onboarding: str) -> None:
        super().__init__(sentence)
        self.onboarding = onboarding
        self.remedy = f"Ask again later: app-sim status {onboarding}"

    @property
    def facts(self) -> Mapping[str, object]:
        """The onboarding to ask for."""
        return {"onboarding": self.onboarding}


class PasswordMissingError(AppError):
    """There is no password to sign in with."""

    type = "password-missing"
    remedy = "Give --password-file FILE (ONBOARDING_PASSWORD_FILE), - for standard input, or run on a terminal."


class PasswordFileError(AppError):
    """A password file cannot be read."""

    type = "password-file-unreadable"
    remedy = "Check the file's name, permissions and encoding (UTF-8)."


class ApiUnreachableError(AppError):
    """No answer came from the API."""

    type = "api-unreachable"
    remedy = "Check --api (ONBOARDING_API), the network, and that onboarding-api is running."


class ApiInsecureError(AppError):
    """The password would travel in clear over a network."""

    type = "api-insecure"
    remedy = "Use https://; plain http:// is for an API on this machine."


class ApiAnswerError(AppError):
    """What answered is not the onboarding API, or another version of it."""

    type = "api-answer-unreadable"
    remedy = "Check --api (ONBOARDING_API): it must be the onboarding API's own address."


class OverdueError(AppError):
    """The whole took longer than --timeout allows."""

    type = "overdue"
    remedy = "Run the same command again with a larger --timeout; every step may be repeated."

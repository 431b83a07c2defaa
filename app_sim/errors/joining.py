"""How joining Wi-Fi, and reaching the endpoint, did not succeed."""

from collections.abc import Mapping
from typing import ClassVar

from app_sim.errors.app_error import AppError
from onboarding_protocol.members import EndpointResult


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

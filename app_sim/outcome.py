"""What device and API say at the end: the device's view as far as it arrived, and the API's, which decides."""

from dataclasses import dataclass

from app_sim.documents import Document, OnboardingId, OnboardingState, RegisteredDevice
from app_sim.errors import EndpointError, WifiFailedError, WifiNotFoundError
from app_sim.text import shown
from onboarding_protocol.dpp import ConnectionStatus, Status
from onboarding_protocol.errors import RemoteProtocolError
from onboarding_protocol.members import EndpointResult, EndpointStatus

UNKNOWN = "unknown"
_ENDPOINT_FAILURES = {EndpointResult.REFUSED, EndpointResult.UNREACHABLE, EndpointResult.UNTRUSTED}


@dataclass(frozen=True, slots=True)
class Report:
    """How the device says that joining and connecting went; what it did not say is unknown, never failed."""

    wifi: str
    """`joined` or `unknown`."""
    endpoint: str
    """`connected` or `unknown`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished onboarding."""

    onboarding: OnboardingId
    device: RegisteredDevice
    registered: bool
    """Whether this run registered the device; otherwise it was this user's already and got Wi-Fi only."""
    ssid: bytes
    report: Report
    state: OnboardingState
    """The API's view."""

    def to_json(self) -> Document:
        """Return the result as the last JSON line shows it."""
        return {
            "onboarding": self.onboarding,
            "state": self.state.value,
            "device": {**self.device.document, "state": self.state.value},
            "registered": self.registered,
            "wifi": {"ssid": shown(self.ssid), "state": self.report.wifi},
            "endpoint": self.report.endpoint,
        }


def read_report(status: ConnectionStatus | None, ssid: bytes) -> Report:
    """Return the device's view; its error if it says that joining or connecting failed."""
    if status is None:
        return Report(UNKNOWN, UNKNOWN)
    name = shown(ssid)
    if status.result is Status.NO_AP:
        raise WifiNotFoundError(f"the device does not hear the Wi-Fi “{name}”")
    if status.result is not Status.OK:
        raise WifiFailedError(f"the device could not join the Wi-Fi “{name}” ({status.result.name})")
    endpoint = read_endpoint(status)
    if endpoint is None or endpoint.endpoint is EndpointResult.UNTRIED:
        return Report("joined", UNKNOWN)
    if endpoint.endpoint in _ENDPOINT_FAILURES:
        raise EndpointError(endpoint.endpoint, endpoint.reason)
    return Report("joined", endpoint.endpoint.value)


def read_endpoint(status: ConnectionStatus) -> EndpointStatus | None:
    """Return what the device says of its endpoint; None if it says nothing that can be read."""
    try:
        return EndpointStatus.from_members(status.members)
    except RemoteProtocolError:
        return None

"""What the events of one attempt to join add up to. Pure: events in, at some point a verdict out."""

from device_agent.wifi import JoinResult
from device_agent.wifi.wpa_control import WpaEvent
from onboarding_protocol.dpp import Status

ABSENCES = 2
"""Scans without the network that make it absent; a single one misses networks now and then."""
REJECTIONS = 2
INTRODUCTIONS = 3
"""An introduction that leads to no association is tried again and again: our groups and the network's do not meet."""
_SAE = "3"
_CHALLENGE_FAILED = {"1", "15"}  # IEEE 802.11 table 9-50: unspecified, challenge failure
_INTRODUCTION = {"7": Status.INVALID_CONNECTOR, "8": Status.NO_MATCH}


class Attempt:
    """The events since one network was selected."""

    def __init__(self, network: int) -> None:
        self._network = str(network)
        self._scanned = False
        self._absences = 0
        self._rejections = 0
        self._introductions = 0
        self._reason: str | None = None
        self._status = Status.CONFIGURE_FAILURE

    def hear(self, event: WpaEvent) -> JoinResult | None:
        """Take an event; return how the attempt ended once it has."""
        members = event.members
        match event.name:
            case "CTRL-EVENT-CONNECTED" if members.get("id") == self._network:
                return JoinResult(Status.OK)
            case "CTRL-EVENT-SSID-TEMP-DISABLED" if members.get("id") == self._network:
                return self._disabled(members.get("reason", ""))
            case "CTRL-EVENT-SCAN-RESULTS":
                self._scanned = True
            case "CTRL-EVENT-NETWORK-NOT-FOUND" if self._scanned:  # else it has looked at an older scan
                self._absences += 1
                return JoinResult(Status.NO_AP) if self._absences >= ABSENCES else None
            case "CTRL-EVENT-AUTH-REJECT":
                return self._rejected(members, members.get("auth_type") == _SAE)
            case "CTRL-EVENT-ASSOC-REJECT":
                return self._rejected(members, False)
            case "CTRL-EVENT-EAP-TLS-CERT-ERROR":
                return JoinResult(Status.AUTH_FAILURE, reason="server-untrusted")
            case "CTRL-EVENT-EAP-FAILURE":
                return JoinResult(Status.AUTH_FAILURE, reason="certificate-refused")
            case "DPP-MISSING-CONNECTOR":
                return JoinResult(Status.INVALID_CONNECTOR)
            case "DPP-INTRO" if (status := members.get("status", "0")) != "0":
                return JoinResult(_INTRODUCTION.get(status, Status.INVALID_CONNECTOR))
            case "DPP-INTRO":
                self._introductions += 1
                return JoinResult(Status.NO_MATCH) if self._introductions >= INTRODUCTIONS else None
        return None

    def given_up(self) -> JoinResult:
        """Return the verdict when patience has ended."""
        if self._absences:
            return JoinResult(Status.NO_AP)
        return self._failure("timed-out")

    def _disabled(self, reason: str) -> JoinResult | None:
        if reason in {"WRONG_KEY", "AUTH_FAILED"}:
            return JoinResult(Status.AUTH_FAILURE)
        return self._failure("refused")

    def _rejected(self, members: dict[str, str], sae: bool) -> JoinResult | None:
        code = members.get("status_code", "")
        if sae and code in _CHALLENGE_FAILED:
            self._status = Status.AUTH_FAILURE
        self._reason = f"refused-{code}" if code.isascii() and code.isdecimal() and len(code) < 6 else "refused"
        self._rejections += 1
        return self._failure("refused") if self._rejections >= REJECTIONS else None

    def _failure(self, reason: str) -> JoinResult:
        if self._status is Status.AUTH_FAILURE:
            return JoinResult(self._status)
        return JoinResult(self._status, reason=self._reason or reason)

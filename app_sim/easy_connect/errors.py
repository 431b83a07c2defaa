"""What can stop a conversation with a standard peer, besides what stops any use of the radio."""

from collections.abc import Mapping
from typing import ClassVar

from app_sim.errors import AppError, LinkLostError
from onboarding_protocol.dpp import Status


class AddressError(AppError):
    """Nothing can listen at this address."""

    type = "address-unusable"
    remedy = "Give --listen an address of this machine and a free port (port 0: any)."


class PeerUnreachableError(AppError):
    """No TCP connection to the peer."""

    type = "peer-unreachable"
    remedy = "Check --tcp, the network between, and that the peer listens there."


class StreamEndedError(LinkLostError):
    """The TCP connection has ended."""

    remedy = "Run the same command again; the peer's log may say why it hung up."


class PeerSilentError(AppError):
    """The link holds, but the answer did not come in time."""

    type = "peer-silent"
    remedy = (
        "Check that the URI is this peer's: a standard peer is silent to whoever has read another label. "
        "Then run the same command again."
    )


class PeerRefusedError(AppError):
    """The peer answered with a status of the standard that is a refusal, or broke the protocol."""

    type = "peer-refused"
    remedy = "Check the peer's own log and role: one end is the enrollee, the other the configurator."

    def __init__(self, sentence: str, status: Status | None = None) -> None:
        super().__init__(sentence)
        self.status = status

    @property
    def facts(self) -> Mapping[str, object]:
        """The standard's status, where there is one."""
        return {} if self.status is None else {"status": self.status.name.lower().replace("_", "-")}


class NetworkRejectedError(PeerRefusedError):
    """The enrollee did not take the configuration."""

    type = "configuration-rejected"
    remedy = "Try another --akm: the enrollee may not support this one."


class NotJoinedError(PeerRefusedError):
    """The enrollee took the configuration, tried it, and says that it could not join."""

    type = "wifi-not-joined"
    _REMEDIES: ClassVar[Mapping[Status, str]] = {
        Status.AUTH_FAILURE: "Run the same command again with the right Wi-Fi password.",
        Status.NO_AP: "Check the network's name, and bring the enrollee closer to the access point.",
    }

    def __init__(self, sentence: str, status: Status) -> None:
        super().__init__(sentence, status)
        self.remedy = self._REMEDIES.get(status, "Check the access point's security mode, then try again.")


class WifiPasswordUnfitError(AppError):
    """The network's secret is missing, or not what the standard allows."""

    type = "wifi-password-unfit"
    remedy = "Give --password-file FILE (- for standard input) with the password in its first line."


class MembersUnreadableError(AppError):
    """The file of third-party members is missing or is no such thing."""

    type = "members-unreadable"
    remedy = 'Give a file with one JSON object whose names begin with a slash: {"/example.com": {…}}'


class CaptureUnreadableError(AppError):
    """There is no such file."""

    type = "capture-unreadable"
    remedy = "Give a file that holds the octets of a TCP stream, or lines of hexadecimal digits; - for standard input."


class CaptureBrokenError(AppError):
    """The capture holds something that is no message; everything else was shown."""

    type = "capture-broken"
    remedy = "Cut the capture at that octet, or look for what was lost before it."


class KeyUnusableError(AppError):
    """The file holds no key for this."""

    type = "key-unusable"
    remedy = "Give --configurator-key a PEM file with a P-256 private key, or a path where a new one may be written."

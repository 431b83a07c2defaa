"""NetworkManager's words, pure: profiles as settings, access points as networks, reasons as results."""

from collections.abc import Mapping

from device_agent.errors import WifiError
from device_agent.record import WifiProfile
from device_agent.wifi import JoinResult, StationIdentity
from device_agent.wifi.system_bus import Options, Settings, plain, variant
from device_agent.wifi.wpa_networks import mark_of, pairwise_key
from onboarding_protocol.dpp import Akm, Status
from onboarding_protocol.dpp.objects import SSID_MAX_OCTETS
from onboarding_protocol.members import HeardNetwork

_MARK = "device-agent.mark"
_PRIVACY = 0x1
_PSK, _SAE, _OWE, _ENTERPRISE = 0x100, 0x400, 0x1800, 0x2200  # NM80211ApSecurityFlags
_NOT_REQUIRED = 4  # NMSettingSecretFlags
_STATUS = {7: Status.AUTH_FAILURE, 53: Status.NO_AP}  # NMDeviceStateReason: no secrets, SSID not found
_REASON = {5: "no-address", 6: "no-address", 15: "no-address", 16: "no-address", 17: "no-address"} | {
    8: "refused", 9: "unsupported", 10: "refused", 11: "timed-out"
}  # fmt: skip
_OF_ACTIVATION = {9: 7, 10: 7, 5: 5}
"""NMActiveConnectionStateReason of the same meaning: no secrets, login failed, no address."""


def settings_of(
    profile: WifiProfile, identity: StationIdentity | None, *, hidden: bool, address_seconds: float
) -> Settings | None:
    """Return a profile as settings; None for a network that NetworkManager cannot join (`dpp`)."""
    wireless = {"ssid": variant("ay", profile.ssid), "mode": variant("s", "infrastructure")}
    if hidden:
        wireless["hidden"] = variant("b", True)
    settings = {
        "connection": {
            "id": variant("s", _shown(profile.ssid)),
            "type": variant("s", "802-11-wireless"),
            "autoconnect": variant("b", True),
            "autoconnect-priority": variant("i", 1),
        },
        "802-11-wireless": wireless,
        "ipv4": {"method": variant("s", "auto"), "dhcp-timeout": variant("i", int(address_seconds))},
        "ipv6": {"method": variant("s", "auto"), "ra-timeout": variant("i", int(address_seconds))},
        "user": {"data": variant("a{ss}", {_MARK: mark_of(profile)})},
    }
    if profile.akm is Akm.DOT1X:
        security, settings["802-1x"] = {"key-mgmt": "wpa-eap"}, _enterprise(profile, identity)
    elif "psk" in profile.akm.split("+"):
        # With the passphrase NetworkManager takes WPA3, too, where it is offered.
        with_sae = "sae" in profile.akm.split("+") and profile.passphrase is not None
        secret = profile.passphrase if with_sae else pairwise_key(profile).hex()
        security = {"key-mgmt": "wpa-psk", "psk": secret or ""}
    elif "sae" in profile.akm.split("+") and profile.passphrase is not None:
        security = {"key-mgmt": "sae", "psk": profile.passphrase}
    else:
        return None
    settings["802-11-wireless-security"] = {name: variant("s", value) for name, value in security.items()}
    return settings


def _enterprise(profile: WifiProfile, identity: StationIdentity | None) -> Options:
    if identity is None or identity.authority is None or profile.enterprise is None:
        raise WifiError(
            "an enterprise network needs a certificate of the device and the authority of the network's server",
            "Onboard the device first, and configure the network with its authority (caCert).",
        )
    options = {
        "eap": variant("as", ["tls"]),
        "identity": variant("s", identity.name),
        "ca-cert": variant("ay", _place(identity.authority)),
        "client-cert": variant("ay", _place(identity.certificate)),
        "private-key": variant("ay", _place(identity.key)),
        "private-key-password-flags": variant("u", _NOT_REQUIRED),
    }
    if profile.enterprise.server_name is not None:
        options["domain-match"] = variant("s", profile.enterprise.server_name)
    return options


def _place(path: str) -> bytes:
    # NetworkManager reads a URI that ends in a zero; a path in it is not percent-encoded.
    return (path if path.startswith("pkcs11:") else f"file://{path}").encode() + b"\0"


def _shown(ssid: bytes) -> str:
    text = ssid.decode("utf-8", errors="replace")
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def mark_in(settings: object) -> str:
    """Return the mark of a connection; nothing if it is not ours."""
    user = settings.get("user", {}) if isinstance(settings, Mapping) else {}
    data = plain(user.get("data")) if isinstance(user, Mapping) else None
    return str(data.get(_MARK, "")) if isinstance(data, Mapping) else ""


def read_access_point(facts: Mapping[str, object]) -> tuple[HeardNetwork, int] | None:
    """Return an access point's network and frequency; None for one without a name."""
    match facts:
        case {
            "Ssid": bytes() as ssid,
            "Strength": int() as strength,
            "Frequency": int() as frequency,
            "Flags": int() as flags,
            "WpaFlags": int() as wpa,
            "RsnFlags": int() as rsn,
        } if ssid.strip(b"\0") and len(ssid) <= SSID_MAX_OCTETS:
            rssi = -40 - (100 - min(max(strength, 0), 100)) * 60 // 100  # it calls -40 dBm and above 100 %
            return HeardNetwork(bytes(ssid), rssi, _akm(flags, wpa | rsn)), frequency
        case _:
            return None


def _akm(flags: int, security: int) -> str:
    personal = "+".join(akm for flag, akm in ((_PSK, "psk"), (_SAE, "sae")) if security & flag)
    if personal:
        return personal
    if security & _ENTERPRISE:
        return "dot1x"
    if security & _OWE:
        return "owe"
    if security:
        return "unknown"
    return "wep" if flags & _PRIVACY else "open"


def failure(device_reason: int, activation_reason: int) -> JoinResult:
    """Return what went wrong from the reasons that the interface and the activation gave."""
    reason = device_reason if device_reason in {**_STATUS, **_REASON} else _OF_ACTIVATION.get(activation_reason, 0)
    status = _STATUS.get(reason, Status.CONFIGURE_FAILURE)
    return JoinResult(status, reason=None if reason in _STATUS else _REASON.get(reason, "refused"))

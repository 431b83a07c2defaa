"""What of a JSON document may be shown: members known to be public; the value of any other is hidden."""

from collections.abc import Mapping

from onboarding_protocol.members import MEMBER

HIDDEN = "(hidden)"
_PUBLIC = frozenset(
    {
        *("wi-fi_tech", "discovery", "cred", "ssid", "ssid64", "ssid_charset", "akm", "trustedEapServerName"),
        *("eapMethods", "entCreds", "certBag", "caCert", "csign", "ppKey", "signedConnector", "kty", "crv", "x", "y"),
        *("kid", "name", "netRole", "mudurl", "bandSupport", "capabilities", "result", "channelList"),
        *("state", "serial", "model", "firmware", "resets", "networks", "endpoint", "reason", "x5c"),
    }
)
"""Names of the standard's and our own members that hold no secret, nor the proof of anything."""


def disclosed(document: Mapping[str, object], *, show_secrets: bool) -> dict[str, object]:
    """Return the document as it may be shown."""
    if show_secrets:
        return dict(document)
    return {name: _disclosed(name, value) for name, value in document.items()}


def _disclosed(name: str, value: object) -> object:
    if isinstance(value, Mapping) and (name in _PUBLIC or name == MEMBER):
        return {key: _disclosed(key, item) for key, item in value.items()}
    return value if name in _PUBLIC else HIDDEN

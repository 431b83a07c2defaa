"""The program's configuration: built once in `cli.py` from options and ONBOARDING_… variables, then passed down."""

from dataclasses import dataclass, field

SCAN_S = 30.0
CONNECT_S = 20.0
REQUEST_S = 10.0
CONTACT_S = 60.0


@dataclass(frozen=True, slots=True)
class Account:
    """Who signs in, and where."""

    api: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each wait may take, in seconds; the waits inside an exchange are the protocol's own."""

    scan_s: float = SCAN_S
    """Until the device is heard."""
    connect_s: float = CONNECT_S
    """Until the link stands and the service is known."""
    request_s: float = REQUEST_S
    """Until the API answers one request."""
    contact_s: float = CONTACT_S
    """Until the API has seen the device, once the device was configured."""

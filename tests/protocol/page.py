"""The Python of docs/easy-connect.md, as it stands there."""

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_protocol.dpp import ConfigurationObject, Status

PAGE = Path(__file__).parents[2] / "docs/easy-connect.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@dataclass(frozen=True)
class Page:
    """What the page defines."""

    enroll: Callable[[socket.socket, ec.EllipticCurvePrivateKey], tuple[ConfigurationObject, ...]]
    configure: Callable[[socket.socket, str, ConfigurationObject], Status]
    network: ConfigurationObject


def run() -> Page:
    """Run every block of the page in its order."""
    names: dict[str, object] = {}
    exec(compile("\n".join(BLOCKS), str(PAGE), "exec"), names)
    enroll, configure, network = (names[name] for name in ("enroll", "configure", "network"))
    assert callable(enroll)
    assert callable(configure)
    assert isinstance(network, ConfigurationObject)
    return Page(enroll, configure, network)

"""No value prints what it must not: every dataclass of the agent is filled with canaries and shown."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

import device_agent

CANARY = "canary-9c1f"
SECRET_NAMES = {"passphrase", "psk", "nonces", "assignment", "key", "connector", "text", "body"}

NAMES_OF_KEYS = {"ButtonConfig.key", "Problem.key", "StationIdentity.key", "TlsIdentity.key"}
"""Of a button's, of a configuration's, and where a private one is found."""


def dataclasses() -> Iterator[type]:
    for module in pkgutil.walk_packages(device_agent.__path__, "device_agent."):
        for found in vars(importlib.import_module(module.name)).values():
            if isinstance(found, type) and is_dataclass(found) and found.__module__ == module.name:
                yield found


@pytest.mark.parametrize("kind", list(dataclasses()), ids=lambda kind: kind.__qualname__)
def test_no_secret_shows_in_a_value(kind: type[Any]) -> None:
    names = {field.name for field in fields(kind) if field.init}
    secret = {name for name in SECRET_NAMES if f"{kind.__name__}.{name}" not in NAMES_OF_KEYS}
    value = kind(**{name: CANARY if name in secret else "shown" for name in names})
    assert CANARY not in repr(value)
    assert CANARY not in str(value)


def test_every_secret_field_was_met() -> None:
    met = {field.name for kind in dataclasses() for field in fields(kind)}
    assert met >= SECRET_NAMES

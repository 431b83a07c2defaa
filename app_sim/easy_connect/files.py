"""What the commands read from files and from a person: passwords, third-party members, a configurator's key."""

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from app_sim.easy_connect.errors import KeyUnusableError, MembersUnreadableError, WifiPasswordUnfitError
from app_sim.passwords import read_passphrases
from app_sim.text import shown
from onboarding_protocol.dpp import Akm, ConfiguratorKey, Credential
from onboarding_protocol.dpp.json_document import encode_json
from onboarding_protocol.errors import LocalProtocolError


def read_passphrase(source: str | None, ssid: bytes, akm: Akm) -> str | None:
    """Return the first line of `source`, or what a person types; None where the key management needs no password."""
    passphrases = read_passphrases(source)
    passphrase = passphrases[0] if passphrases else None
    if passphrase is None and source is None and akm.takes_passphrase and sys.stdin.isatty():
        passphrase = click.prompt(f"Wi-Fi password of “{shown(ssid)}”", hide_input=True, err=True)
    if passphrase is None and "dpp" not in akm.split("+"):
        raise WifiPasswordUnfitError(f"there is no password for “{shown(ssid)}”")
    try:
        Credential(akm, passphrase).to_json()
    except LocalProtocolError as error:
        raise WifiPasswordUnfitError(f"the Wi-Fi password cannot be given: {error}") from error
    return passphrase


def read_members(path: str | None) -> Mapping[str, object]:
    """Return the third-party members in a file of JSON."""
    if path is None:
        return {}
    try:
        members = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        # The text of a UnicodeDecodeError or JSONDecodeError may show what the file holds.
        raise MembersUnreadableError(f"{path} cannot be read as JSON ({type(error).__name__})") from None
    if not isinstance(members, dict) or not all(name.startswith("/") for name in members):
        raise MembersUnreadableError(f"{path} holds no object of third-party members")
    try:
        encode_json(members)
    except LocalProtocolError as error:
        raise MembersUnreadableError(f"{path} holds what not every peer can read: {error}") from error
    return members


def read_configurator_key(path: str) -> ConfiguratorKey:
    """Return the signing key in a PEM file; if there is no such file, a new key is made and kept there, mode 0600."""
    file = Path(path)
    try:
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as new:
                key = ConfiguratorKey.generate().private_key
                new.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        private = load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusableError(f"{path} cannot be used as a configurator's key ({type(error).__name__})") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise KeyUnusableError(f"{path} holds no P-256 key")
    return ConfiguratorKey(private)

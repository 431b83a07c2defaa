"""Passwords from where they may come from: files, standard input, a terminal. Never arguments or variables."""

import sys
from pathlib import Path

import click

from app_sim.errors import PasswordFileError, PasswordMissingError

STDIN = "-"


def read_password(source: str | None, user: str, *, ask: bool) -> str:
    """Return the password to sign in with: the first line of `source`, else what a person types if `ask`."""
    if source is not None:
        lines = _read_lines(source)
        if not lines:
            raise PasswordMissingError(f"there is no password in {_name(source)}")
        return lines[0]
    if not ask:
        raise PasswordMissingError(f"there is no password for {user}")
    password: str = click.prompt(f"Password of {user}", hide_input=True, err=True)
    return password


def read_passphrases(source: str | None) -> list[str]:
    """Return the Wi-Fi passwords to try, one per line of `source`, in order."""
    return [] if source is None else _read_lines(source)


def _read_lines(source: str) -> list[str]:
    try:
        octets = sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes()
        text = octets.decode("utf-8")
    except (OSError, ValueError) as error:
        # The text of a UnicodeDecodeError shows octets of the password.
        kind = "is not UTF-8 text" if isinstance(error, ValueError) else "cannot be read"
        raise PasswordFileError(f"{_name(source)} {kind}") from None
    return [line.rstrip("\r") for line in text.split("\n") if line.rstrip("\r")]


def _name(source: str) -> str:
    return "standard input" if source == STDIN else source

"""The agent's configuration: one frozen value, read once from a TOML file."""

import tomllib
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import msgspec

from device_agent.errors import ConfigurationFileError
from onboarding_protocol.members import TEXT_MAX_CHARACTERS

DEFAULT_PATH = Path("/etc/device-agent/config.toml")
WINDOW_SECONDS_MAX = 900
"""Fifteen minutes: a photographed label is useful to a thief only while the window is open."""

WIFI_SECONDS_MAX = 120
"""A phone gives up before that, whatever the network does."""


class ClockPolicy(StrEnum):
    """What the agent may do to the system clock before it connects."""

    KEEP = "keep"
    """Somebody else keeps the time."""
    SET = "set"
    """Set it to the assignment's time while it is not synchronised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WifiConfig:
    """Which Wi-Fi backend, and its options."""

    backend: str = "auto"
    """`auto`, `networkmanager`, `wpa_supplicant` or `simulated`. `auto` takes what runs."""
    networks: Path | None = None
    """For `simulated`, and `auto` means that if it is set: the file that says which networks there are."""
    interface: str | None = None
    """Network interface; None takes the first that does Wi-Fi."""
    control: Path = Path("/run/wpa_supplicant")
    """Directory of wpa_supplicant's control sockets."""
    join_seconds: int = 25
    """How long a network may take to let us in."""
    address_seconds: int = 20
    """How long the network may then take to give an address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that can be set."""

    state: Path = Path("/var/lib/device-agent")
    """Directory of keys and state, made 0700."""
    serial: str | None = None
    model: str | None = None
    firmware: str | None = None
    adapter: str = "hci0"
    window_seconds: int = 300
    clock: ClockPolicy = ClockPolicy.KEEP
    wifi: WifiConfig = WifiConfig()

    @property
    def control_socket(self) -> Path:
        """Where the running agent takes commands."""
        return self.state / "control.sock"


def read_config(path: Path) -> Config:
    """Read the file; relative paths in it count from its folder. ConfigurationFileError says what is wrong."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        config = msgspec.convert(document, Config, dec_hook=_paths)
    except OSError as error:
        raise ConfigurationFileError(
            f"{path} cannot be read: {error.strerror}",
            "Write the file, or name another one with --config.",
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationFileError(f"{path} is not a configuration: {error}", "Correct the file.") from error
    for name in ("serial", "model", "firmware"):
        text = getattr(config, name)
        if text is not None and not (text.isprintable() and 0 < len(text) <= TEXT_MAX_CHARACTERS):
            raise ConfigurationFileError(
                f"{path}: {name} is not a printable text of at most {TEXT_MAX_CHARACTERS} characters",
                "Correct the file.",
            )
    if not 0 < config.window_seconds <= WINDOW_SECONDS_MAX:
        raise ConfigurationFileError(
            f"{path}: window_seconds is not between 1 and {WINDOW_SECONDS_MAX}", "Correct the file."
        )
    for name in ("join_seconds", "address_seconds"):
        if not 1 <= getattr(config.wifi, name) <= WIFI_SECONDS_MAX:
            raise ConfigurationFileError(
                f"{path}: wifi.{name} is not between 1 and {WIFI_SECONDS_MAX}", "Correct the file."
            )
    return _from_folder(config, path.parent)


def _from_folder(config: Config, folder: Path) -> Config:
    networks = config.wifi.networks
    wifi = config.wifi if networks is None else replace(config.wifi, networks=folder / networks)
    return replace(config, state=folder / config.state, wifi=wifi)


def _paths(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
        return Path(value)
    raise ValueError("a path is a text that is not empty")

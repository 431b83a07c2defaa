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


class ClockPolicy(StrEnum):
    """What the agent may do to the system clock before it connects."""

    KEEP = "keep"
    """Somebody else keeps the time."""
    SET = "set"
    """Set it to the assignment's time while it is not synchronised."""


class PeripheralChoice(StrEnum):
    """Which Bluetooth adapter code offers the service."""

    AUTO = "auto"
    """`bluez` on Linux, `bless` elsewhere."""
    BLUEZ = "bluez"
    BLESS = "bless"


@dataclass(frozen=True, slots=True, kw_only=True)
class WifiConfig:
    """Which Wi-Fi backend, and its options."""

    backend: str = "simulated"
    networks: Path | None = None
    """For `simulated`: the file that says which networks there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that can be set."""

    state: Path = Path("/var/lib/device-agent")
    """Directory of keys and state, made 0700."""
    serial: str | None = None
    model: str | None = None
    firmware: str | None = None
    adapter: str = "hci0"
    peripheral: PeripheralChoice = PeripheralChoice.AUTO
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
    return _from_folder(config, path.parent)


def _from_folder(config: Config, folder: Path) -> Config:
    networks = config.wifi.networks
    wifi = config.wifi if networks is None else replace(config.wifi, networks=folder / networks)
    return replace(config, state=folder / config.state, wifi=wifi)


def _paths(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
        return Path(value)
    raise ValueError("a path is a text that is not empty")

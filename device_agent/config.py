"""The agent's configuration: one frozen value, read once from a TOML file and its drop-ins.

Beside `NAME.toml` the files `NAME.d/*.toml` are read in the order of their names; each key of a later file takes the
place of an earlier one's. Every problem of every file is found before any is told; a key that is not known is one.
"""

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, get_type_hints

import msgspec

from device_agent.errors import ConfigurationFileError, Problem
from device_agent.other_writers import other_writers
from onboarding_protocol.members import TEXT_MAX_CHARACTERS

DEFAULT_PATH = Path("/etc/device-agent/config.toml")
WINDOW_SECONDS_MAX = 900
"""Fifteen minutes: a photographed label is useful to a thief only while the window is open."""
LONG_PRESS_SECONDS_MIN = 5
"""Nobody resets a device by leaning on it."""
HOOK_SECONDS_MAX = 60
WIFI_SECONDS_MAX = 120
"""A phone gives up before that, whatever the network does."""
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_MAX_CHARACTERS)]
Program = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
"""An absolute path and its arguments; no shell reads them."""


class ClockPolicy(StrEnum):
    """What the agent may do to the system clock before it connects."""

    KEEP = "keep"
    """Somebody else keeps the time."""
    SET = "set"
    """Set it to the assignment's time while it is not synchronised."""


class KeyStoreKind(StrEnum):
    """Where private keys live."""

    FILE = "file"
    """In the state directory, 0600."""
    TPM = "tpm"
    """Wrapped by a TPM 2.0; they are used there alone."""
    PKCS11 = "pkcs11"
    """In a PKCS#11 token: a secure element, an HSM, a smart card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysConfig:
    """Which key store, and how to reach it."""

    store: KeyStoreKind = KeyStoreKind.FILE
    tcti: str = "device:/dev/tpmrm0"
    """For `tpm`: how to reach it, as tpm2-tools write it."""
    module: Path | None = None
    """For `pkcs11`: the token's library."""
    token: str | None = None
    """For `pkcs11`: the token's label."""
    pin_file: Path | None = None
    """For `pkcs11`: a file with the user PIN, readable by the agent alone."""


class PeripheralChoice(StrEnum):
    """Which Bluetooth adapter code offers the service."""

    AUTO = "auto"
    """`bluez` on Linux, `bless` elsewhere."""
    BLUEZ = "bluez"
    BLESS = "bless"


@dataclass(frozen=True, slots=True, kw_only=True)
class WifiConfig:
    """Which Wi-Fi backend, and its options."""

    backend: str = "auto"
    """`auto`, `networkmanager`, `wpa_supplicant` or `simulated`. `auto` takes what runs."""
    networks: Path | None = None
    """For `simulated`, and `auto` means that if it is set: the file that says which networks there are."""
    interface: Text | None = None
    """Network interface; None takes the first that does Wi-Fi."""
    control: Path = Path("/run/wpa_supplicant")
    """Directory of wpa_supplicant's control sockets."""
    on_air: bool = True
    """Whether wpa_supplicant offers the label to phones' own Wi-Fi settings while the window is open."""
    join_seconds: Annotated[int, msgspec.Meta(ge=1, le=WIFI_SECONDS_MAX)] = 25
    """How long a network may take to let us in."""
    address_seconds: Annotated[int, msgspec.Meta(ge=1, le=WIFI_SECONDS_MAX)] = 20
    """How long the network may then take to give an address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonConfig:
    """The button that opens the window: a key of an input device."""

    input: Path | None = None
    """`/dev/input/event0`, or a name under `/dev/input/by-path` that stays. None: there is no button."""
    key: Annotated[int, msgspec.Meta(ge=0, le=0x2FF)] | None = None
    """Its code in linux/input-event-codes.h; any key of that device if there is none."""
    debounce_ms: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 30
    reset_seconds: Annotated[int, msgspec.Meta(ge=LONG_PRESS_SECONDS_MIN, le=60)] | None = None
    """A press this long is a factory reset; none is, if there is no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HooksConfig:
    """Programs to run when something happens."""

    window_open: Program | None = None
    window_closed: Program | None = None
    exchange: Program | None = None
    """A phone has proved that it saw the label."""
    exchange_failed: Program | None = None
    joined: Program | None = None
    """Wi-Fi is joined; an endpoint is not reached, or there is none."""
    connected: Program | None = None
    disconnected: Program | None = None
    """The endpoint was reached, and is not any more."""
    failed: Program | None = None
    """Wi-Fi was not joined."""
    seconds: Annotated[int, msgspec.Meta(ge=1, le=HOOK_SECONDS_MAX)] = 10
    """How long one may run before it is killed."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            program = getattr(self, name)
            if isinstance(program, tuple) and not program[0].startswith("/"):
                raise ValueError(f"hooks.{name} does not begin with the absolute path of a program")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that can be set."""

    state: Path = Path("/var/lib/device-agent")
    """Directory of keys and state, made 0700."""
    control: Path | None = None
    """The control socket, for a place that a group may enter; else in `state`, for the agent's own user."""
    serial: Text | None = None
    model: Text | None = None
    firmware: Text | None = None
    adapter: Text = "hci0"
    peripheral: PeripheralChoice = PeripheralChoice.AUTO
    window_seconds: Annotated[int, msgspec.Meta(ge=1, le=WINDOW_SECONDS_MAX)] = 300
    clock: ClockPolicy = ClockPolicy.KEEP
    led: Text | None = None
    """A name under /sys/class/leds, of a lamp that shows how far the device is."""
    wifi: WifiConfig = WifiConfig()
    keys: KeysConfig = KeysConfig()
    button: ButtonConfig = ButtonConfig()
    hooks: HooksConfig = HooksConfig()

    @property
    def control_socket(self) -> Path:
        """Where the running agent takes commands."""
        return self.control or self.state / "control.sock"


def read_config(path: Path) -> Config:
    """Read file and drop-ins; relative paths count from the file's folder. ConfigurationFileError has every problem."""
    problems: list[Problem] = []
    merged: dict[str, object] = {}
    for file in config_files(path):
        _merge(merged, Config, _read(file, problems), file, "", problems)
    if not problems:
        try:
            return _from_folder(msgspec.convert(merged, Config, dec_hook=_path), path.parent)
        except msgspec.ValidationError as error:
            problems.append(Problem(path, None, _in_words(error), "Correct the file, or the drop-in that says so."))
    raise ConfigurationFileError.of(problems)


def config_files(path: Path) -> list[Path]:
    """Return the file and its drop-ins, in the order in which they count."""
    return [path, *sorted(path.with_suffix(".d").glob("*.toml"))]


def _read(path: Path, problems: list[Problem]) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            told = other_writers(os.fstat(file.fileno()))  # hooks run from it
            problems.extend(Problem(path, None, what, f"{remedy} {path}") for what, remedy in told)
            return tomllib.load(file)
    except OSError as error:
        remedy = "Write the file, or name another one with --config."
        if isinstance(error, PermissionError):
            remedy = f"chmod a+r {path}, or run this as root; it holds no secrets."
        problems.append(Problem(path, None, f"cannot be read: {error.strerror}", remedy))
    except (ValueError, RecursionError) as error:
        problems.append(Problem(path, None, f"is not TOML: {error}", "Correct the file."))
    return {}


def _merge(
    into: dict[str, object],
    kind: type,
    table: Mapping[str, object],
    file: Path,
    prefix: str,
    problems: list[Problem],
) -> None:
    """Put the good keys of one file's table over those of the files before it."""
    kinds = get_type_hints(kind, include_extras=True)
    for name, value in table.items():
        key = prefix + name
        if name not in kinds:
            problems.append(Problem(file, key, "is not a known key", _nearest(name, kinds)))
        elif is_dataclass(kinds[name]):
            below = into.setdefault(name, {})
            if isinstance(value, dict) and isinstance(below, dict):
                _merge(below, kinds[name], value, file, f"{key}.", problems)
            else:
                problems.append(Problem(file, key, "is not a table", f"Write it as a table: [{key}]"))
        elif (problem := _problem(value, kinds[name])) is not None:
            problems.append(Problem(file, key, problem, _correction(kinds[name])))
        else:
            into[name] = value


def _problem(value: object, kind: object) -> str | None:
    try:
        msgspec.convert(value, kind, dec_hook=_path)
    except msgspec.ValidationError as error:
        return _in_words(error)
    texts = value if isinstance(value, list) else [value]
    if not all(text.isprintable() for text in texts if isinstance(text, str)):
        return "is not printable text"
    return None


def _in_words(error: msgspec.ValidationError) -> str:
    text = str(error)
    return text[0].lower() + text[1:]


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"Did you mean `{near[0]}`?" if near else f"Known are: {', '.join(sorted(known))}."


def _correction(kind: object) -> str:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return f"Write one of: {', '.join(kind)}."
    return "Correct this value."


def _from_folder(config: Config, folder: Path) -> Config:
    def here(path: Path | None) -> Path | None:
        return None if path is None else folder / path

    return replace(
        config,
        state=folder / config.state,
        control=here(config.control),
        wifi=replace(config.wifi, networks=here(config.wifi.networks), control=folder / config.wifi.control),
        keys=replace(config.keys, module=here(config.keys.module), pin_file=here(config.keys.pin_file)),
        button=replace(config.button, input=here(config.button.input)),
    )


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
        return Path(value)
    raise ValueError("a path is a text that is not empty")

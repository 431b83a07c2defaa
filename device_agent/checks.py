"""Whether what a configuration names is there on this machine: asked before an agent runs, and told all at once."""

import os
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from device_agent.config import Config
from device_agent.directory import StateDirectory
from device_agent.errors import AgentError, Problem
from device_agent.keys import open_key_store
from device_agent.led import LEDS, Led
from device_agent.wifi import open_wifi


def missing(path: Path, config: Config) -> list[Problem]:
    """Return what is not there; `path` is the file that the problems are told of."""
    return [Problem(path, key, what, remedy) for key, what, remedy in _missing(config)]


def _missing(config: Config) -> Iterator[tuple[str, str, str]]:
    try:
        open_wifi(config.wifi)
    except AgentError as error:
        yield "wifi", str(error), error.remedy
    try:
        open_key_store(config.keys, StateDirectory(config.state))
    except AgentError as error:
        yield "keys", str(error), error.remedy
    try:
        if config.led is not None:
            Led(LEDS / config.led).check()
    except AgentError as error:
        yield "led", str(error), error.remedy
    button = config.button.input
    if button is not None and not button.is_char_device():
        yield "button.input", f"{button} is no device", "Name one of `ls /dev/input/by-path`."
    for field in fields(config.hooks):
        program = getattr(config.hooks, field.name)
        if isinstance(program, tuple) and not (Path(program[0]).is_file() and os.access(program[0], os.X_OK)):
            yield f"hooks.{field.name}", f"{program[0]} is no program", "Name a file that may be executed."

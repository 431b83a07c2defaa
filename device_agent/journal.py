"""What the running agent tells on standard output: a sentence a line, or a JSON object a line."""

import json
import os
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Journal:
    """Writes events; secrets never get here, since no event takes one."""

    as_json: bool = False

    def event(self, name: str, **facts: object) -> None:
        """Write one event at once, so that whoever waits for it sees it."""
        known = {key: value for key, value in facts.items() if value is not None}
        if self.as_json:
            line = json.dumps({"event": name, **known}, default=str)
        else:
            line = " ".join([name, *(f"{key}={_on_one_line(value)}" for key, value in known.items())])
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except OSError:
            _stop_telling()


def _on_one_line(value: object) -> str:
    text = str(value)
    return text if text.isascii() and text.isprintable() else json.dumps(text)


def _stop_telling() -> None:
    # Whoever listened has gone. The device goes on; what is still in the buffer must not fail again at exit.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)

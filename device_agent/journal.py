"""What the running agent tells on standard output: a sentence a line, or a JSON object a line."""

import json
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
            line = " ".join([name, *(f"{key}={value}" for key, value in known.items())])
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

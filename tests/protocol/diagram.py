"""Draws the state table as mermaid: `python -m tests.protocol.diagram` prints the block that docs/protocol.md holds."""

import sys
from pathlib import Path

from onboarding_protocol.dpp.states import PATIENCE_S, SENDER, TRANSITIONS, State

DOCUMENT = Path(__file__).parents[2] / "docs/protocol.md"
_ENDS = (State.COMPLETE, State.FAILED)


def diagram() -> str:
    """Return the fenced block: who takes which step, and how long each state waits."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {State.READY.name}"]
    for (before, step), after in TRANSITIONS.items():
        words = step.name.replace("_", " ").capitalize()
        lines.append(f"    {before.name} --> {after.name}: {words} ({SENDER[step].name.lower()})")
    for state, patience in PATIENCE_S.items():
        lines.append(f"    {state.name} --> {State.FAILED.name}: {patience:.0f} s passed, or a sixth message dropped")
    lines += [f"    {state.name} --> [*]" for state in _ENDS]
    return "\n".join([*lines, "```"])


if __name__ == "__main__":
    sys.stdout.write(diagram() + "\n")

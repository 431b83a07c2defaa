"""An import whose process is killed: run again, it loses nothing, does nothing twice, and goes on only as it began."""

import asyncio
import json
import os
import pty
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from onboarding_api.domain.errors import ImportChangedError
from tests.onboarding_api.actors import Api, Json
from tests.onboarding_api.processes import PROGRAM
from tests.onboarding_api.shell import Shell

BAD = (300, 900, 1500)
"""Rows that are refused. A refusal is told after the batch was committed and before that is noted down."""
ROWS = 1600


@pytest.fixture
def shell(api: Api) -> Shell:
    return Shell.over(api.folder)


@pytest.fixture
def path(api: Api) -> Path:
    path = api.folder / "devices.ndjson"
    with path.open("w") as file:
        for number in range(1, ROWS + 1):
            device = "not an id" if number in BAD else f"d{number}"
            credentials = [{"type": "psk", "auth-id": f"p{number}", "secrets": [{"key": "AQID"}]}] if number % 9 else []
            file.write(json.dumps({"device-id": device, "credentials": credentials}) + "\n")
    return path


async def killed_at(shell: Shell, path: Path, line: int, *more: str) -> list[Json]:
    """Import in a process of its own, and kill it at the moment it tells of this line."""
    command: Sequence[str | Path] = [PROGRAM, "device", "import", "acme", path, "--json", *more]
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | shell.variables, stdout=asyncio.subprocess.PIPE, cwd=shell.folder
    )
    events = []
    assert process.stdout is not None
    async for told in process.stdout:
        events.append(json.loads(told))
        if events[-1].get("line") == line and events[-1]["event"] == "rejected":
            process.kill()
            break
    assert await process.wait() == -signal.SIGKILL
    return events


@pytest.mark.parametrize("on_conflict", ["skip", "fail"])
async def test_nothing_is_lost_and_nothing_done_twice(api: Api, shell: Shell, path: Path, on_conflict: str) -> None:
    policy = ("--on-conflict", on_conflict)
    first = await killed_at(shell, path, BAD[0], *policy)
    assert first[0] == {"event": "started", "octets": path.stat().st_size, "line": 1}
    second = await killed_at(shell, path, BAD[1], *policy)
    assert second[0]["event"] == "resumed"
    assert api.count("devices") < ROWS - len(BAD)
    events = shell.events("device", "import", "acme", str(path), *policy, ends_with=3)
    assert (events[0]["event"], events[0]["line"] > BAD[0]) == ("resumed", True)
    done = events[-1]
    assert {name: done[name] for name in ("created", "replaced", "skipped", "rejected")} == {
        "created": ROWS - len(BAD),
        "replaced": 0,
        "skipped": 0,
        "rejected": len(BAD),
    }
    assert api.rows("SELECT count(*), count(DISTINCT device_id) FROM devices") == [(ROWS - 3, ROWS - 3)]
    assert api.count("credentials") == ROWS - ROWS // 9 - len([number for number in BAD if number % 9])
    refused = (shell.folder / "devices.rejects.ndjson").read_text().splitlines()
    assert [json.loads(each)["rejected"].partition(":")[0] for each in refused] == [f"line {line}" for line in BAD]
    assert not list(shell.folder.glob("*.checkpoint"))


async def test_an_interrupted_import_goes_on_only_as_it_began(shell: Shell, path: Path) -> None:
    await killed_at(shell, path, BAD[1])
    for tenant, more in (("globex", []), ("acme", ["--on-conflict", "replace"])):
        error = shell.refused("device", "import", tenant, str(path), *more)
        assert isinstance(error, ImportChangedError)
        assert "--restart" in error.remedy
    content = path.read_bytes()
    path.write_bytes(content + b'{"device-id": "more"}\n')
    assert isinstance(shell.refused("device", "import", "acme", str(path)), ImportChangedError)
    path.write_bytes(content)
    checkpoint = path.with_name("devices.ndjson.checkpoint")
    noted = checkpoint.read_bytes()
    for broken in (b"", b"{}", b"[" * 10, noted.replace(b'"offset"', b'"off"'), noted.replace(b'"form"', b'"old"')):
        checkpoint.write_bytes(broken)
        assert isinstance(shell.refused("device", "import", "acme", str(path)), ImportChangedError)
    checkpoint.write_bytes(noted)
    refused = path.with_name("devices.rejects.ndjson")
    if (kept := refused.read_bytes()) and json.loads(noted)["progress"]["refused_octets"]:
        refused.write_bytes(b"")
        assert isinstance(shell.refused("device", "import", "acme", str(path)), ImportChangedError)
        refused.write_bytes(kept)
    assert shell.events("device", "import", "acme", str(path), ends_with=3)[0]["event"] == "resumed"


async def test_an_import_can_begin_anew(shell: Shell, path: Path) -> None:
    await killed_at(shell, path, BAD[1])
    events = shell.events("device", "import", "acme", str(path), "--restart", ends_with=3)
    assert events[0]["event"] == "started"
    assert events[-1]["skipped"] > 0
    assert events[-1]["created"] + events[-1]["skipped"] == ROWS - len(BAD)
    assert len((shell.folder / "devices.rejects.ndjson").read_text().splitlines()) == len(BAD)


async def test_a_person_sees_a_line_that_moves(shell: Shell, path: Path) -> None:
    terminal, other_end = pty.openpty()
    command: Sequence[str | Path] = [PROGRAM, "device", "import", "acme", path]
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | shell.variables, stdout=asyncio.subprocess.PIPE, stderr=other_end, cwd=shell.folder
    )
    told, _ = await process.communicate()
    os.close(other_end)
    shown = os.read(terminal, 65536).decode()
    os.close(terminal)
    assert process.returncode == 3
    assert f"{ROWS - len(BAD):,} created, {len(BAD)} rejected" in told.decode()
    lines = shown.split("\r\x1b[K")
    assert any("%  line " in line and "created" in line and line.endswith("/s") for line in lines)
    assert next(line for line in lines if "device-id" in line).startswith(f"line {BAD[0]}: 'not an id'")


async def test_told_to_stop_it_says_how_to_go_on(shell: Shell, path: Path) -> None:
    command: Sequence[str | Path] = [PROGRAM, "device", "import", "acme", path, "--json"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command,
        env=os.environ | shell.variables,
        stdout=pipe,
        stderr=pipe,
        cwd=shell.folder,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # ignored where the tests run in the background
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(await process.stdout.readline())["event"] == "started"
    process.send_signal(signal.SIGINT)
    _, told = await process.communicate()
    assert process.returncode == 130
    assert b"run the same command again" in told
    assert shell.events("device", "import", "acme", str(path), ends_with=3)[0]["event"] == "resumed"

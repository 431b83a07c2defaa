import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from device_agent import control
from device_agent.errors import ControlError, NotRunningError, StateError

ROOT = Path(__file__).parents[2]
PATIENCE_S = 10
DIE = """
import asyncio, os, pathlib, sys
from device_agent import control
async def main():
    async with control.serve(pathlib.Path(sys.argv[1]), {}):
        os.kill(os.getpid(), 9)
asyncio.run(main())
"""


async def echo(request: Mapping[str, object]) -> control.Answer:
    return {"got": request}


async def fail(_: Mapping[str, object]) -> control.Answer:
    raise StateError("the disk is full", "Make room.")


@pytest.fixture
async def path(tmp_path: Path) -> AsyncIterator[Path]:
    async with control.serve(tmp_path / "control.sock", {"echo": echo, "fail": fail}):
        yield tmp_path / "control.sock"


async def say(path: Path, octets: bytes) -> list[dict[str, object]]:
    """Send octets, end, and return every answer."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(octets)
        writer.write_eof()
        answers = (await reader.read()).splitlines()
        writer.close()
        await writer.wait_closed()
    return [json.loads(answer) for answer in answers]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"garbage",
        b"\xff\xfe",
        b"1",
        b'"echo"',
        b"[]",
        b"{}",
        b'{"command":"none"}',
        b'{"command":1}',
        b'{"command":["echo"]}',
        b"[" * 4000,
    ],
)
async def test_a_line_that_is_no_command_is_refused_and_the_next_one_heard(path: Path, line: bytes) -> None:
    refused, heard = await say(path, line + b"\n" + b'{"command":"echo"}\n')
    assert isinstance(refused["error"], dict)
    assert "echo, fail" in refused["error"]["remedy"]
    assert heard == {"got": {"command": "echo"}}


async def test_a_line_without_end_is_refused_and_cut_off(path: Path) -> None:
    answers = await say(path, b"x" * 20_000)
    assert "too long" in str(answers[-1])
    assert await say(path, b'{"command":"echo"}\n')


async def test_an_error_of_a_command_keeps_its_remedy(path: Path) -> None:
    with pytest.raises(ControlError, match="the disk is full") as refused:
        await asyncio.to_thread(control.ask, path, {"command": "fail"})
    assert refused.value.remedy == "Make room."
    assert not isinstance(refused.value, NotRunningError)


async def test_many_clients_at_once_are_answered(path: Path) -> None:
    answers = await asyncio.gather(*(say(path, b'{"command":"echo"}\n') for _ in range(50)))
    assert all(answer == [{"got": {"command": "echo"}}] for answer in answers)


async def test_a_client_that_does_not_wait_disturbs_nobody(path: Path) -> None:
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(path))
            link.sendall(b'{"command":"echo"}\n' * 100)
    assert await say(path, b'{"command":"echo"}\n')


async def test_the_socket_goes_with_the_agent(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with control.serve(path, {}):
        assert path.is_socket()
    assert not path.exists()
    with pytest.raises(NotRunningError) as refused:
        control.ask(path, {"command": "status"})
    assert "device-agent run" in refused.value.remedy


async def test_the_socket_of_a_killed_agent_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", DIE, path, cwd=ROOT)
    assert await killed.wait() == -9
    assert path.is_socket()
    with pytest.raises(NotRunningError):
        control.ask(path, {"command": "status"})
    async with control.serve(path, {"echo": echo}):
        assert await say(path, b'{"command":"echo"}\n')


async def test_an_agent_that_closes_without_a_word_does_run(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(path))
        listener.listen()
        asking = asyncio.create_task(asyncio.to_thread(control.ask, path, {"command": "status"}))
        link, _ = await asyncio.to_thread(listener.accept)
        with link:
            link.recv(100)
        with pytest.raises(ControlError, match="no answer") as refused:
            await asking
    assert not isinstance(refused.value, NotRunningError)


async def test_a_path_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="too long") as refused:
        async with control.serve(tmp_path / ("x" * 100), {}):
            pass
    assert "state" in refused.value.remedy

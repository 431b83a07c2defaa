"""The control socket: how the button, the command line and a supervisor speak to the running agent.

One JSON object a line, one answer a line, over a Unix socket that only the agent's own user may open:
`{"command": "open", "seconds": 300}`, `{"command": "status"}`, `{"command": "reset"}`.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from device_agent.errors import AgentError, ControlError

LINE_MAX_OCTETS = 4096
_TIMEOUT_S = 10.0
_SOCKET_PATH_MAX = 107  # sun_path of Linux
Answer = Mapping[str, object]
Command = Callable[[Mapping[str, object]], Answer]


@asynccontextmanager
async def serve(path: Path, commands: Mapping[str, Command]) -> AsyncIterator[None]:
    """Answer commands while the context lasts."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(_answer(line, commands)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    _claim(path)
    server = await asyncio.start_unix_server(converse, path, limit=LINE_MAX_OCTETS)
    try:
        yield
    finally:
        server.close()
        _remove(path)


def ask(path: Path, request: Answer) -> dict[str, object]:
    """Send one command to the running agent and return its answer; ControlError if there is none."""
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(_TIMEOUT_S)
            link.connect(str(path))
            link.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(link.makefile("rb").readline())
    except PermissionError as error:
        raise ControlError("the agent runs as another user", "Run this command as that user, or as root.") from error
    except (OSError, ValueError) as error:
        raise ControlError("the agent does not run", "Start it with `device-agent run`.") from error
    if not isinstance(answer, dict):
        raise ControlError("the agent answered nothing that makes sense", "See its log.")
    if isinstance(refusal := answer.get("error"), dict):
        raise ControlError(str(refusal["message"]), str(refusal["remedy"]))
    return answer


def _answer(line: bytes, commands: Mapping[str, Command]) -> Answer:
    try:
        request = json.loads(line)
        command = commands[request["command"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return _refusal("that is no command", f"Send one of {', '.join(sorted(commands))}.")
    try:
        return command(request)
    except AgentError as error:
        return _refusal(str(error), error.remedy)


def _refusal(message: str, remedy: str) -> Answer:
    return {"error": {"message": message, "remedy": remedy}}


def _claim(path: Path) -> None:
    # The state directory is 0700, so the socket needs no mode of its own.
    if len(str(path)) > _SOCKET_PATH_MAX:
        raise ControlError(f"the path {path} is too long for a socket", "Set `state` to a shorter directory.")
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(str(path)) == 0:
            raise ControlError(f"an agent runs already with {path.parent}", "Stop it first, or use another directory.")
    _remove(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)

"""The control socket: how the button, the command line and a supervisor speak to the running agent.

One JSON object a line, one answer a line, over a Unix socket that only the agent's own user may open, and its group
where the socket's folder lets it in: `{"command": "open", "seconds": 300}`, `{"command": "status"}`,
`{"command": "reset"}`, `{"command": "ping"}`.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from device_agent.errors import AgentError, ControlError, NotRunningError

LINE_MAX_OCTETS = 4096
_PATIENCE_S = 10.0
_LONG_PATIENCE_S = 60.0
"""For what goes through Bluetooth and Wi-Fi: the agent tells of a daemon that hangs once it has given that one up."""
_LONG = {"open", "reset"}
_SOCKET_PATH_MAX = 107  # sun_path of Linux
Answer = Mapping[str, object]
Command = Callable[[Mapping[str, object]], Awaitable[Answer]]


@asynccontextmanager
async def serve(path: Path, commands: Mapping[str, Command]) -> AsyncIterator[None]:
    """Answer commands while the context lasts."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                await _send(writer, await _answer(line, commands))
        except ConnectionError:
            pass
        except ValueError:  # how StreamReader says that a line is too long
            with suppress(ConnectionError):
                await _send(writer, _refusal("that line is too long", f"Send at most {LINE_MAX_OCTETS} octets."))
        finally:
            writer.close()

    try:
        _claim(path)
        server = await asyncio.start_unix_server(converse, path, limit=LINE_MAX_OCTETS)
        _let_group_in(path)
    except OSError as error:
        raise ControlError(
            f"the control socket {path} cannot be made: {error.strerror}",
            "Let the agent write to its folder, or set `control` to another place.",
        ) from error
    try:
        yield
    finally:
        server.close()
        _remove(path)


def ask(path: Path, request: Answer) -> dict[str, object]:
    """Send one command to the running agent and return its answer; ControlError if there is none."""
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(_LONG_PATIENCE_S if request.get("command") in _LONG else _PATIENCE_S)
            link.connect(str(path))
            link.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(link.makefile("rb").readline())
    except PermissionError as error:
        raise ControlError("the agent runs as another user", "Run this command as that user, or as root.") from error
    except (TimeoutError, ValueError) as error:
        raise ControlError("the agent runs, and gives no answer", "See its log, or restart it.") from error
    except OSError as error:
        raise NotRunningError(
            "the agent does not run", "Start it: `systemctl start device-agent`, or `device-agent run`."
        ) from error
    if not isinstance(answer, dict):
        raise ControlError("the agent answered nothing that makes sense", "See its log.")
    if isinstance(refusal := answer.get("error"), dict):
        raise ControlError(str(refusal["message"]), str(refusal["remedy"]))
    return answer


async def _send(writer: asyncio.StreamWriter, answer: Answer) -> None:
    writer.write(json.dumps(answer).encode() + b"\n")
    await writer.drain()


async def _answer(line: bytes, commands: Mapping[str, Command]) -> Answer:
    try:
        request = json.loads(line)
        command = commands[request["command"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return _refusal("that is no command", f"Send one of {', '.join(sorted(commands))}.")
    try:
        return await command(request)
    except AgentError as error:
        return _refusal(str(error), error.remedy)


def _refusal(message: str, remedy: str) -> Answer:
    return {"error": {"message": message, "remedy": remedy}}


def _claim(path: Path) -> None:
    # Whoever holds the state directory may take an old socket away.
    if len(str(path)) > _SOCKET_PATH_MAX:
        raise ControlError(f"the path {path} is too long for a socket", "Set `control` or `state` to a shorter path.")
    _remove(path)


def _let_group_in(path: Path) -> None:
    path.chmod(0o660)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)

"""How a test speaks to a program under test: one JSON object per line, commands in, replies and events out."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping


def tell(event: str, **facts: object) -> None:
    """Report something that happened by itself."""
    print(json.dumps({"event": event, **facts}), flush=True)


async def serve(commands: Mapping[str, Callable[..., Awaitable[object]]]) -> None:
    """Answer commands, one after the other, until standard input ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tell("ready")
    while line := await reader.readline():
        command, arguments = json.loads(line)
        try:
            reply = {"result": await commands[command](**arguments)}
        except Exception as error:  # noqa: BLE001 - a test wants to see any of them
            reply = {"error": type(error).__name__, "message": str(error), "code": getattr(error, "code", None)}
        tell("reply", **reply)

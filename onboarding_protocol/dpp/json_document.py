"""JSON as the strictest known Easy Connect parsers take it (docs/protocol.md, «JSON»).

Written: integers only, raw UTF-8, no control characters, no U+xx00 escapes, depth at most nine. Read: anything
that is JSON with an object at the top, since other writers have other habits.
"""

import json
from collections.abc import Mapping

from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError

JsonObject = Mapping[str, object]
DEPTH_MAX = 9


def encode_json(document: JsonObject) -> bytes:
    """Write an object compactly; LocalProtocolError for what a known parser breaks on."""
    _check(document, DEPTH_MAX)
    try:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError as error:
        raise LocalProtocolError("a text that is not Unicode cannot be sent") from error


def decode_json(octets: bytes) -> dict[str, object]:
    """Read an object; RemoteProtocolError for anything else."""
    try:
        document = json.loads(octets.rstrip(b"\0").decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError("a document is not JSON") from error
    if not isinstance(document, dict):
        raise RemoteProtocolError("a document is not a JSON object")
    return document


def _check(value: object, depth: int) -> None:
    match value:
        case bool() | int() | None:
            return
        case str():
            if any(character < " " or character == "\x7f" for character in value):
                raise LocalProtocolError("a text with a control character cannot be sent")
        case dict() | list() | tuple():
            if depth == 0:
                raise LocalProtocolError(f"a document is nested deeper than {DEPTH_MAX} levels")
            for name in value if isinstance(value, dict) else ():
                _check(name, depth)
            for item in value.values() if isinstance(value, dict) else value:
                _check(item, depth - 1)
        case _:
            raise LocalProtocolError(
                f"a {type(value).__name__} cannot be sent: integers, texts, objects and arrays only"
            )

"""JSON as the strictest known Easy Connect parsers take it (docs/protocol.md, «JSON»).

Written: integers only, raw UTF-8, no control characters, no U+xx00 escapes, depth at most nine. Read: anything
that is JSON with an object at the top, since other writers have other habits; not what two readers would
understand differently.
"""

import json
from collections.abc import Iterator, Mapping

from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError

JsonObject = Mapping[str, object]
DEPTH_MAX = 9
"""What is written: hostap's parser stops at ten levels."""
TOKENS_MAX = 500
"""What is written, every value, object and array counted: hostap's parser stops there."""
READ_DEPTH_MAX = 32
"""What is read: more than any writer needs, and no danger to whoever walks or prints the document."""


class _TooDeepError(ValueError):
    pass


def encode_json(document: JsonObject) -> bytes:
    """Write an object compactly; LocalProtocolError for what a known parser breaks on."""
    try:
        for leaf in _leaves(document, DEPTH_MAX):
            _check_writable(leaf)
        if _tokens(document) > TOKENS_MAX:
            raise LocalProtocolError(f"a document has more than {TOKENS_MAX} values, objects and arrays")
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except _TooDeepError as error:
        raise LocalProtocolError(f"a document is nested deeper than {DEPTH_MAX} levels") from error
    except UnicodeEncodeError as error:
        raise LocalProtocolError("a text that is not Unicode cannot be sent") from error


def decode_json(octets: bytes) -> dict[str, object]:
    """Read an object; RemoteProtocolError for anything else, doubled names and unpaired surrogates included."""
    try:
        text = octets.rstrip(b"\0").decode("utf-8")
        document = json.loads(text, object_pairs_hook=_read_object, parse_constant=_refuse_constant)
        for leaf in _leaves(document, READ_DEPTH_MAX):
            if isinstance(leaf, str):
                leaf.encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError("a document is not JSON") from error
    if not isinstance(document, dict):
        raise RemoteProtocolError("a document is not a JSON object")
    return document


def take_text(document: JsonObject, name: str) -> str:
    """Return a member that must be a text; RemoteProtocolError otherwise."""
    value = document.get(name)
    if not isinstance(value, str):
        raise RemoteProtocolError(f"member {name!r} is missing or is no text")
    return value


def take_object(document: JsonObject, name: str) -> JsonObject:
    """Return a member that must be an object; RemoteProtocolError otherwise."""
    value = document.get(name)
    if not isinstance(value, dict):
        raise RemoteProtocolError(f"member {name!r} is missing or is no object")
    return value


def mend(text: str) -> str:
    """Return a text as it was meant."""
    # hostap writes every octet of UTF-8 as a code point of its own (C3 A9 as U+00C3 U+00A9), and so reads it.
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _leaves(value: object, depth: int) -> Iterator[object]:
    """Yield every name and every scalar."""
    if not isinstance(value, dict | list | tuple):
        yield value
        return
    if depth == 0:
        raise _TooDeepError
    if isinstance(value, dict):
        yield from value
    for item in value.values() if isinstance(value, dict) else value:
        yield from _leaves(item, depth - 1)


def _tokens(value: object) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_tokens, value.values()))
    return 1 + sum(map(_tokens, value)) if isinstance(value, list | tuple) else 1


def _check_writable(leaf: object) -> None:
    match leaf:
        case bool() | int() | None:
            return
        case str():
            if any(character < " " or character == "\x7f" for character in leaf):
                raise LocalProtocolError("a text with a control character cannot be sent")
        case _:
            raise LocalProtocolError(
                f"a {type(leaf).__name__} cannot be sent: integers, texts, objects and arrays only"
            )


def _read_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is doubled")
    return members


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")

"""`app-sim easy-connect decode`: a captured exchange, readably."""

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from app_sim.easy_connect.capture import CAPTURE_MAX_OCTETS, Captured, Unreadable, read_capture
from app_sim.easy_connect.dissect import Dissection, Dissector, Field
from app_sim.easy_connect.errors import CaptureBrokenError, CaptureUnreadableError
from app_sim.easy_connect.options import json_option, secrets_option
from app_sim.progress import write_json
from app_sim.text import shown

_KEY = re.compile(r"(ke|k1|k2)=([0-9a-fA-F]{64})")


def _read_keys(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> dict[str, bytes]:
    found = [_KEY.fullmatch(text) for text in texts]
    if None in found:
        # The text is not repeated: it may be most of a key.
        raise click.BadParameter("a key is written ke=HEX, k1=HEX or k2=HEX with 64 hexadecimal digits")
    return {match[1]: bytes.fromhex(match[2]) for match in found if match}


@click.command()
@click.argument("file", metavar="FILE|-")
@click.option(
    "--key", "keys", multiple=True, callback=_read_keys, metavar="ke=HEX", help="Open Wrapped Data; also k1, k2."
)
@secrets_option
@json_option
def decode(file: str, keys: dict[str, bytes], show_secrets: bool, as_json: bool) -> None:
    """Show the messages in a capture: the octets of a TCP stream, or lines of hexadecimal digits."""
    faults: list[str] = []
    dissector = Dissector(keys, show_secrets)
    for item in read_capture(_read(file)):
        if isinstance(item, Unreadable):
            faults.append(f"{item.where}: {item.why}")
            continue
        found = dissector.dissect(item.message)
        if found.fault is not None:
            faults.append(f"{item.where(found.fault.position)}: {found.fault.why}")
        if as_json:
            write_json({"message": _describe(item, found)}, sys.stdout)
        else:
            click.echo(shown(f"{item.direction} {found.title}, {found.octets} octets at {item.where(0)}".strip()))
            for line in _lines(found.fields, 1):
                click.echo(line)
    if faults:
        more = f"; and {len(faults) - 1} more: {'; '.join(faults[1:5])}" if len(faults) > 1 else ""
        raise CaptureBrokenError(faults[0] + more)


def _read(file: str) -> bytes:
    try:
        with contextlib.nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as source:
            octets = source.read(CAPTURE_MAX_OCTETS + 1)
    except OSError as error:
        raise CaptureUnreadableError(f"{file} cannot be read: {error.strerror or error}") from error
    if len(octets) > CAPTURE_MAX_OCTETS:
        raise CaptureUnreadableError(f"{file} has more than {CAPTURE_MAX_OCTETS} octets")
    return octets


def _lines(fields: list[Field], depth: int) -> Iterator[str]:
    for item in fields:
        value = item.value if isinstance(item.value, str) else json.dumps(item.value)
        yield shown(f"{'    ' * depth}{item.name} ({item.octets}){': ' if value else ''}{value}")
        yield from _lines(item.inner, depth + 1)


def _describe(item: Captured, found: Dissection) -> dict[str, object]:
    described: dict[str, object] = {
        "name": found.title,
        "octets": found.octets,
        "at": item.where(0),
        "attributes": [_describe_field(field) for field in found.fields],
    }
    if item.direction:
        described["direction"] = item.direction
    if found.fault is not None:
        described["fault"] = {"at": item.where(found.fault.position), "why": found.fault.why}
    return described


def _describe_field(field: Field) -> dict[str, object]:
    inner = {"inner": [_describe_field(item) for item in field.inner]} if field.inner else {}
    return {"name": field.name, "octets": field.octets, "value": field.value, **inner}

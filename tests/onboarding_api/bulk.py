"""Rows of bulk files in the tests: written, read without a registry, and what an import tells of them."""

import io
import json
from pathlib import Path

from onboarding_api.domain.bulk.json_lines import JsonLines
from onboarding_api.domain.bulk.rows import Entry, Fault, Position, Row
from onboarding_api.domain.bulk.table import Table
from tests.onboarding_api.actors import Json

PSK = {"type": "psk", "auth-id": "p", "secrets": [{"key": "AQID"}]}


def lines_in(folder: Path, *lines: Json, name: str = "devices.ndjson") -> str:
    path = folder / name
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def line(device: str, *credentials: Json, **document: object) -> Json:
    return {"device-id": device, "device": document, "credentials": list(credentials)}


def psk(auth_id: str, key: str = "AQID", **secret: object) -> Json:
    return {"type": "psk", "auth-id": auth_id, "secrets": [{"key": key} | secret]}


def counts(done: Json) -> dict[str, int]:
    return {name: done[name] for name in ("created", "replaced", "skipped", "rejected") if done[name]}


def entries(text: str | bytes, form: type[Table] | type[JsonLines] = Table) -> list[Entry]:
    octets = text.encode() if isinstance(text, str) else text
    return list(form(io.BytesIO(octets)).entries(Position()))


def rows(text: str | bytes) -> list[Row]:
    found = [entry.content for entry in entries(text)]
    assert all(isinstance(each, Row) for each in found), found
    return [each for each in found if isinstance(each, Row)]


def faults(text: str | bytes, form: type[Table] | type[JsonLines] = Table) -> list[tuple[int, str, str]]:
    return [
        (entry.line, entry.content.member, entry.content.reason)
        for entry in entries(text, form)
        if isinstance(entry.content, Fault)
    ]

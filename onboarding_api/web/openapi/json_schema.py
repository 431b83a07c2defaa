"""How a shape is said in JSON Schema: made from the type that reads it."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from onboarding_api.web.openapi.operations import Schema

Members = dict[str, Any]


def ref(name: str) -> Schema:
    """Return a reference to one of the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def text(**demands: object) -> Schema:
    """Return the schema of a text."""
    return {"type": "string", **demands}


def optional(schema: Schema) -> Schema:
    """Return the schema of what may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def array(items: Schema, **demands: object) -> Schema:
    """Return the schema of an array."""
    return {"type": "array", "items": items, **demands}


def object_of(members: Mapping[str, Schema], *may_lack: str) -> Schema:
    """Return the schema of an object whose members are all required but those named, and that has no others."""
    required = [name for name in members if name not in may_lack]
    return {"type": "object", "properties": members, "required": required, "additionalProperties": False}


def shape_of(kind: type, **demands: Schema) -> Members:
    """Return the schema of a type; `demands` replace members, with `_` for `-`."""
    _, parts = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}", schema_hook=_anything)
    schema = cast("Members", parts.pop(kind.__name__))
    ours: Members = _public(schema, parts)
    ours.pop("title", None)
    for name, demand in demands.items():
        ours["properties"][name if name in ours["properties"] else name.replace("_", "-")] = demand
    ours["required"] = ours.get("required", [])
    ours["additionalProperties"] = ours.get("additionalProperties") is not False
    return ours


def _anything(_: type) -> Members:
    return {"title": "anything"}


def _public(schema: Any, parts: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON is anything
    """Put the parts of a shape where they are used: their names are private. Defaults say nothing here."""
    if isinstance(schema, list):
        return [_public(each, parts) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _public(parts[schema["$ref"].rpartition("/")[2]], parts)
    return {
        name: _public(each, parts)
        for name, each in schema.items()
        if name not in ("default", "title", "description") or isinstance(each, dict)
    }


def extended(schema: Members, **members: Schema) -> Members:
    """Return the schema with more members, or with others; `_` stands for `-`."""
    properties = schema["properties"] | {name.replace("_", "-"): each for name, each in members.items()}
    return schema | {"properties": properties}

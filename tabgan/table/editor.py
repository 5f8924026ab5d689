"""JSON Schema of the YAML file of a schema, by which editors complete and check it. Made of the kinds themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, JsonValue

from tabgan.columns import KINDS, MODELLED_KINDS, Column
from tabgan.schema import KIND_NAMES, Schema

#: A key of a docstring's section, and the indented lines of its description.
_KEY = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)

#: A role of Sphinx, which editors would show as it is.
_ROLE = re.compile(r":\w+:`(?:~[\w.]*\.)?([\w.]+)`")


def editor_schema() -> dict[str, object]:
    """Return the JSON Schema (draft 7, which editors of YAML know) of a schema's YAML file.

    It knows the keys, types and listed values of every kind. What depends on several keys, such as bounds in their
    order, is checked by :meth:`tabgan.Schema.from_yaml` alone.
    """
    said = described(Schema)
    table = Schema.model_json_schema()["properties"]
    kinds = {str(kind.model_fields["kind"].default): kind for kind in KINDS}
    column = {
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": list(KIND_NAMES), "description": "The kind of the column."}},
        "allOf": [
            {"if": {"properties": {"kind": {"const": name}}}, "then": {"$ref": f"#/definitions/{name}"}}
            for name in kinds
        ],
    }
    columns = {"type": "object", "additionalProperties": column, "description": "Columns, by their names."}
    others = {key: plain(table[key]) | {"description": said[key]} for key in table if key != "columns"}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "tabgan schema",
        "description": "The public description of a table. All that is left out is found privately.",
        "type": "object",
        "additionalProperties": False,
        "properties": {"columns": columns, **others},
        "definitions": {**_parts(), **{name: _kind(name, kind) for name, kind in kinds.items()}},
    }


def _parts() -> dict[str, Any]:
    """Return the rules that keys of tables and columns refer to, but for columns themselves."""
    found: dict[str, Any] = {}
    models: tuple[type[BaseModel], ...] = (Schema, *KINDS)
    for model in models:
        found |= model.model_json_schema().get("$defs", {})
    own = {kind.__name__ for kind in MODELLED_KINDS}
    return {name: plain(rule) for name, rule in found.items() if name not in own}


def _kind(name: str, kind: type[Column]) -> dict[str, Any]:
    """Return the rule of a column of one kind."""
    said: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        said |= described(each) if issubclass(each, Column) else {}
    found = kind.model_json_schema()["properties"]
    keys = {
        key: plain(found[key]) | {"description": said[key]} for key in found if key not in ("name", "kind")
    }
    return {
        "type": "object",
        "description": _worded(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0]),
        "additionalProperties": False,
        "properties": {"kind": {"const": name}, **keys},
    }


def described(model: type) -> dict[str, str]:
    """Return the descriptions of a class's keys in its docstring."""
    return _said_in(inspect.cleandoc(model.__doc__ or ""))


def _said_in(docstring: str) -> dict[str, str]:
    return {key: _worded(said) for key, said in _KEY.findall(docstring)}


def _worded(text: str) -> str:
    """Return a description as one line without marks, in the words of YAML."""
    line = " ".join(_ROLE.sub(r"\1", text).replace("``", "").split())
    return re.sub(r"(?<!null, )\bNone\b", "null", line)


def plain(rule: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a rule of pydantic's in draft 7, without titles, which repeat the keys; keys have their descriptions."""
    renamed = {"prefixItems": "items"}
    found = {renamed.get(key, key): _plain_value(value) for key, value in rule.items() if key != "title"}
    whole, keys = found.get("description"), found.get("properties")
    if isinstance(whole, str) and isinstance(keys, dict):
        found["description"] = _worded(whole.split("\n\n")[0])
        for key, said in _said_in(whole).items():
            if isinstance(inner := keys.get(key), dict):
                inner["description"] = said
    return found


def _plain_value(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_plain_value(each) for each in value]
    if isinstance(value, str):
        return value.replace("#/$defs/", "#/definitions/")
    return plain(value) if isinstance(value, dict) else value

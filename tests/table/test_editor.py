"""The JSON Schema for editors takes what a schema's file may hold, and marks what it may not."""

import json
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from tabgan.cli.app import app
from tabgan.columns import KINDS
from tabgan.schema import KIND_NAMES, Schema
from tabgan.table.editor import editor_schema

RULES = editor_schema()
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
PAGE = (Path(__file__).parents[2] / "docs" / "tables.md").read_text(encoding="utf-8")
ALL_KEYS = re.search(r"<!-- all-keys -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)[1]


def is_of(value, name):
    if name in ("number", "integer"):
        return isinstance(value, int | float if name == "number" else int) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def keeps(value, rule):
    """Return true if a value keeps a rule; raise at a keyword that is not known here."""
    tests = {
        "$ref": lambda w: keeps(value, RULES["definitions"][w.removeprefix("#/definitions/")]),
        "type": lambda w: is_of(value, w),
        "const": lambda w: value == w,
        "enum": lambda w: value in w,
        "minimum": lambda w: not is_of(value, "number") or value >= w,
        "maximum": lambda w: not is_of(value, "number") or value <= w,
        "exclusiveMinimum": lambda w: not is_of(value, "number") or value > w,
        "exclusiveMaximum": lambda w: not is_of(value, "number") or value < w,
        "anyOf": lambda w: any(keeps(value, each) for each in w),
        "allOf": lambda w: all(keeps(value, each) for each in w),
        "if": lambda w: keeps(value, rule.get("then" if keeps(value, w) else "else", {})),
        "pattern": lambda w: not isinstance(value, str) or re.search(w, value) is not None,
        "required": lambda w: not isinstance(value, dict) or set(w) <= set(value),
        "properties": lambda w: all(
            keeps(value[key], w[key]) for key in w if isinstance(value, dict) and key in value
        ),
        "additionalProperties": lambda w: all(
            w is not False and keeps(value[key], w)
            for key in (value if isinstance(value, dict) else ())
            if key not in rule.get("properties", {})
        ),
        "items": lambda w: (
            not isinstance(value, list)
            or all(keeps(item, w[i] if isinstance(w, list) else w) for i, item in enumerate(value))
        ),
        "minItems": lambda w: not isinstance(value, list) or len(value) >= w,
        "maxProperties": lambda w: not isinstance(value, dict) or len(value) <= w,
        "maxItems": lambda w: not isinstance(value, list) or len(value) <= w,
    }
    said = {"$schema", "title", "description", "default", "definitions", "then", "else"}
    return all(tests[keyword](wants) for keyword, wants in rule.items() if keyword not in said)


def test_it_takes_all_keys():
    assert keeps(yaml.safe_load(ALL_KEYS), RULES)
    assert keeps(Schema.from_yaml(ALL_KEYS).to_dict(), RULES)
    assert keeps({}, RULES)


@pytest.mark.parametrize(
    "text",
    [
        "rows: 3",
        "n_rows: 0",
        "columns: [a]",
        "columns: {a: numeric}",
        "columns: {a: {bounds: [0, 1]}}",
        "columns: {a: {kind: numerc}}",
        "columns: {a: {kind: numeric, bound: [0, 1]}}",
        "columns: {a: {kind: numeric, name: a}}",
        "columns: {a: {kind: numeric, bounds: [0, 1, 2]}}",
        "columns: {a: {kind: numeric, bounds: [low, high]}}",
        "columns: {a: {kind: numeric, decimals: 99}}",
        'columns: {a: {kind: numeric, format: "1234.5", marks: {ND: x}}}',
        "columns: {a: {kind: boolean, categories: [x]}}",
        "columns: {a: {kind: datetime, resolution: minute}}",
        "columns: {a: {kind: constant, value: [1]}}",
    ],
)
def test_it_marks_what_a_schema_refuses(text):
    assert not keeps(yaml.safe_load(text), RULES)
    with pytest.raises(ValueError, match="."):
        Schema.from_yaml(text)


def test_it_has_every_kind_and_describes_every_key():
    assert set(RULES["definitions"]) >= set(KIND_NAMES)
    assert set(RULES["properties"]) == set(Schema.model_fields)
    for kind in KINDS:
        rule = RULES["definitions"][kind.model_fields["kind"].default]
        assert set(rule["properties"]) == set(kind.model_fields) - {"name"}
        described = [each["description"] for key, each in rule["properties"].items() if key != "kind"]
        assert all(len(text) > 10 for text in (rule["description"], *described))


@pytest.mark.family
def test_command(tmp_path):
    path = tmp_path / "rules.json"
    assert json.loads(CliRunner().invoke(app, ["schema", "json-schema"]).output) == RULES
    assert CliRunner().invoke(app, ["schema", "json-schema", "-o", str(path)]).exit_code == 0
    assert json.loads(path.read_text()) == RULES
    assert CliRunner().invoke(app, ["schema", "json-schema", "-o", str(path)]).exit_code == 2

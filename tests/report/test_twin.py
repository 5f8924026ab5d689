from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import pytest

from tabgan.report import to_json
from tabgan.report.twin import SCHEMA_VERSION

SCHEMA = json.loads(resources.files("tabgan.report").joinpath("report.schema.json").read_text())
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}


def is_of(value, name):
    if name in ("number", "integer"):
        return isinstance(value, int | (float if name == "number" else int)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def faults(value, rule, at="$"):
    """Yield where a value breaks a rule, of those keywords that the schema uses; raise at any other."""
    for keyword, wants in rule.items():
        if keyword == "$ref":
            yield from faults(value, SCHEMA["$defs"][wants.removeprefix("#/$defs/")], at)
        elif keyword == "type":
            names = [wants] if isinstance(wants, str) else wants
            if not any(is_of(value, name) for name in names):
                yield f"{at}: {type(value).__name__} is none of {names}"
                return
        elif keyword == "const":
            yield from [] if value == wants else [f"{at}: {value!r} is not {wants!r}"]
        elif keyword == "enum":
            yield from [] if value in wants else [f"{at}: {value!r} is none of {wants}"]
        elif keyword == "minimum":
            yield from [] if value >= wants else [f"{at}: {value!r} is below {wants}"]
        elif keyword == "anyOf":
            if all(list(faults(value, each, at)) for each in wants):
                yield f"{at}: fits none of {len(wants)}"
        elif keyword == "allOf":
            for each in wants:
                yield from faults(value, each, at)
        elif keyword == "required":
            yield from (f"{at}.{key}: is missing" for key in wants if key not in value)
        elif keyword == "properties":
            for key in wants.keys() & value.keys():
                yield from faults(value[key], wants[key], f"{at}.{key}")
        elif keyword == "additionalProperties":
            for key in value:
                yield from faults(value[key], wants, f"{at}.{key}")
        elif keyword == "items":
            for i, item in enumerate(value):
                yield from faults(item, wants, f"{at}[{i}]")
        elif keyword not in ("$schema", "$defs", "title", "description"):
            raise NotImplementedError(keyword)


class TestSchema:
    @pytest.mark.parametrize("which", ["data", "full", "shareable"])
    def test_the_twin_keeps_to_it(self, request, which):
        assert list(faults(json.loads(to_json(request.getfixturevalue(which))), SCHEMA)) == []

    def test_without_privacy(self, zoo):
        assert list(faults(json.loads(to_json(zoo.make(zoo.plain))), SCHEMA)) == []

    def test_it_knows_every_key(self, full):
        twin = json.loads(to_json(full))
        assert set(twin) == set(SCHEMA["properties"])
        assert set(twin["evaluation"]["metrics"][0]) == set(SCHEMA["$defs"]["metric"]["properties"])
        assert set(twin["pictures"]) == set(SCHEMA["properties"]["pictures"]["properties"])

    def test_the_check_sees_faults(self, data):
        twin = json.loads(to_json(data))
        del twin["notice"]
        twin["edition"] = "public"
        twin["columns"][0]["overlay"]["bins"][0]["counts"]["real"] = -1
        found = " ".join(faults(twin, SCHEMA))
        assert "$.notice: is missing" in found
        assert "$.edition" in found
        assert "$.columns[0].overlay" in found

    def test_its_version(self):
        assert SCHEMA["properties"]["schema_version"]["const"] == SCHEMA_VERSION


def test_the_page_documents_every_key():
    page = (Path(__file__).parents[2] / "docs" / "report-json.md").read_text(encoding="utf-8")
    assert f"describes version {SCHEMA_VERSION}." in page
    words = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`([^`]+)`", page))))

    def keys(rule):
        for key, inner in rule.get("properties", {}).items():
            yield key
            yield from keys(inner)
        for part in ("anyOf", "allOf"):
            for inner in rule.get(part, []):
                yield from keys(inner)
        if "items" in rule:
            yield from keys(rule["items"])

    known = set(keys(SCHEMA)) | {key for rule in SCHEMA["$defs"].values() for key in keys(rule)}
    assert known - words == set()


def test_the_same_data_gives_the_same_bytes(full, zoo):
    assert to_json(zoo.make_full()) == to_json(full)

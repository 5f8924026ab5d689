from __future__ import annotations

import importlib.util
import json
import re
from importlib import resources
from pathlib import Path

import pytest

from tabgan.evaluation import evaluate
from tabgan.evaluation.catalog import ENTRIES, Entry
from tabgan.evaluation.gate import Gate
from tabgan.evaluation.metric import Figure
from tabgan.evaluation.steps import COMPUTED, computes
from tabgan.report import collect, to_html, to_json, to_markdown
from tabgan.report.twin import SCHEMA_VERSION, json_schema

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


class TestNewFigure:
    """One entry and one function, and nothing else."""

    @pytest.fixture
    def made_up(self, monkeypatch):
        entry = Entry(
            name="made_up",
            label="Longest row",
            group="fidelity",
            direction="lower",
            format="distance",
            meaning="How much longer the longest synthetic row is than the longest real one.",
            good="Close to the reference.",
            told="the longest row",
            reference="holdout",
            gate="at_most",
        )
        monkeypatch.setitem(ENTRIES, entry.name, entry)
        monkeypatch.setitem(COMPUTED, entry.name, None)  # so that it is taken out again

        @computes("made_up")
        def made_up(inputs):
            return Figure(0.2 if inputs.target == "age" else 0.0, reference=0.04)

        return entry

    @pytest.fixture
    def judged(self, zoo, made_up):
        tables = [zoo.table(n, seed) for n, seed in ((120, 0), (110, 1), (120, 2))]
        evaluation = evaluate(*tables, schema=zoo.schema, target="age")
        gate = Gate.from_dict({"fidelity": {"made_up": {"within": 0.05}, "tvd2": 1.0}})
        decision = gate.decide(evaluation, (1.0, 1e-6))
        data = collect(
            evaluation, *tables, privacy=zoo.privacy, schema=zoo.schema, title="t", decision=decision
        )
        return data, made_up

    def test_it_is_everywhere(self, judged, monkeypatch):
        data, made_up = judged
        metric = data.evaluation["made_up"]
        assert (metric.value, metric.reference, metric.is_shareable) == (0.2, 0.04, False)
        assert [each.name for each in data.evaluation.group("fidelity")][-1] == "made_up"
        (check,) = data.decision.failed
        assert check.text == "Longest row: 0.2; the maximum is 0.09, the reference with a tolerance of 0.05."
        twin = json.loads(to_json(data))
        (told,) = (each for each in twin["evaluation"]["metrics"] if each["name"] == "made_up")
        assert (told["label"], told["judgement"]) == (made_up.label, "attention")
        (fault,) = faults(twin, SCHEMA)  # of the file, which was written before
        assert "'made_up' is none of" in fault
        monkeypatch.setitem(SCHEMA, "$defs", json_schema()["$defs"])
        assert list(faults(twin, SCHEMA)) == []
        (finding,) = (f for f in data.findings if (f.subject, f.status) == ("Fidelity", "attention"))
        assert "Longest row 0.200 against 0.040" in finding.text
        page, card = to_html(data), to_markdown(data)
        row = re.search(r'class="what">Longest row<details.*?<p>(.*?)</p>.*?</tr>', page, re.DOTALL)
        assert row[1] == made_up.meaning
        assert "Needs attention" in row[0]
        assert "| Longest row | 0.200 | 0.040 | Needs attention |" in card

    def test_and_in_the_table_of_the_page(self, made_up):
        path = Path(__file__).parents[2] / "benchmarks" / "catalog.py"
        spec = importlib.util.spec_from_file_location("catalog", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert (
            "| `made_up` | the longest row | lower | the holdout | at most | internal | |" in module.table()
        )


def test_the_same_data_gives_the_same_bytes(full, zoo):
    assert to_json(zoo.make_full()) == to_json(full)

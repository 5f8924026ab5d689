"""The JSON Schema of a file of jobs takes what a file may hold, and marks what it may not."""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import fields
from pathlib import Path

import pydantic
import pytest
import yaml
from typer.testing import CliRunner

from tabgan.cli.app import app
from tabgan.jobs.config import Job
from tabgan.jobs.file_schema import file_schema

ROOT = Path(__file__).parents[2]
RULES = file_schema()


def other_test():
    """Return the module with the small validator, which then reads these rules."""
    path = ROOT / "tests" / "table" / "test_editor.py"
    spec = importlib.util.spec_from_file_location("validator", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.RULES = RULES
    return module


VALIDATOR = other_test()


class Loader(yaml.SafeLoader):
    """A reader of YAML for which dates are text, as in YAML 1.2."""


Loader.add_constructor("tag:yaml.org,2002:timestamp", Loader.construct_scalar)


def read(text):
    return yaml.load(text, Loader)  # noqa: S506 - of a SafeLoader


def keeps(text):
    return VALIDATOR.keeps(read(text), RULES)


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_it_takes_the_configs_which_name_it(path):
    text = path.read_text(encoding="utf-8")
    assert keeps(text)
    assert text.startswith("# yaml-language-server: $schema=jobs.schema.json\n")


@pytest.mark.skipif(
    tuple(map(int, pydantic.VERSION.split(".")[:2])) < (2, 10),
    reason="before pydantic 2.10 a constant is an enum, too",
)
def test_the_file_beside_them_is_in_step():
    """Else: ``tabgan jobs json-schema -o configs/jobs.schema.json --force``."""
    assert json.loads((ROOT / "configs" / "jobs.schema.json").read_text(encoding="utf-8")) == RULES


def test_it_takes_every_yaml_block_of_the_documents():
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    blocks = re.findall(r"```yaml\n((?:name|source|bundle|gate):.*?)```", text, re.DOTALL)
    assert len(blocks) >= 3
    for block in blocks:
        for job in re.split(r"\n(?=source: )", block):
            assert VALIDATOR.keeps(read(job), RULES["definitions"]["part"]), job


@pytest.mark.parametrize(
    "text",
    [
        "source: {path: a.csv}",
        "[{source: {path: a.csv}}]",
        "{defaults: {source: {path: a.csv}}, jobs: [{name: a}, {name: b, matrix: {model.epsilon: [1, 2]}}]}",
        "{source: {glob: 'a/*.csv'}, model: {epsilon: '${EPSILON}', delta: '${DELTA:-1e-6}'}}",
        "{source: {path: a.csv}, model: {epsilon: null}, report: false, bundle: true, ledger: a.ledger}",
        "{source: {path: a.csv}, gate: standard}",
        "{source: {path: a.csv}, gate: {epsilon: 1, fidelity: {tvd2: {within: 0.1}}}}",
        "{source: {path: a.csv}, schema: {columns: {a: {kind: numeric}}}}",
        "{source: {path: a.csv}, rules: [{low: a, high: b}]}",
    ],
)
def test_it_takes(text):
    assert keeps(text)


@pytest.mark.parametrize(
    "text",
    [
        "name: a",
        "source: a.csv",
        "{source: {path: a.csv}, sources: 3}",
        "{source: {paths: a.csv}}",
        "{source: {path: a.csv}, model: {epsilon: much}}",
        "{source: {path: a.csv}, model: {epsilom: 1}}",
        "{source: {path: a.csv}, model: {schema: a.yaml}}",
        "{source: {path: a.csv}, output: {rows: many}}",
        "{source: {path: a.csv}, gate: {fidelity: {tvd9: 0.1}}}",
        "{source: {path: a.csv}, gate: {tvd2: 0.1}}",
        "{source: {path: a.csv}, ledger: {epsilon_cap: 1}}",
        "{source: {path: a.csv}, schema: {columns: {a: {kind: numerc}}}}",
        "{source: {path: a.csv}, bundle: {about: {licence: x}}}",
        "{source: {path: a.csv}, matrix: {model.epsilon: 1}}",
        "{jobs: []}",
        "{jobs: [{name: a}], name: b}",
        "[]",
    ],
)
def test_it_marks(text):
    assert not keeps(text)


def test_it_has_every_key_and_describes_it():
    keys = RULES["definitions"]["part"]["properties"]
    assert set(keys) == {each.name for each in fields(Job)} | {"matrix"}
    assert all(len(rule["description"]) > 10 for rule in keys.values())


def descriptions(rule):
    """Yield the descriptions in a schema."""
    if isinstance(rule, dict):
        if isinstance(rule.get("description"), str):
            yield rule["description"]
        for each in rule.values():
            yield from descriptions(each)
    elif isinstance(rule, list):
        for each in rule:
            yield from descriptions(each)


@pytest.mark.family
def test_descriptions_are_lines_in_the_words_of_yaml():
    found = list(descriptions(file_schema()))
    assert len(found) > 100
    assert not [each for each in found if re.search(r"\n|``|:\w+:`|(?<!null, )\bNone\b", each)]
    assert "The largest total delta; null sets no limit." in found
    assert "Memory in gigabytes; null asks for none." in found


@pytest.mark.family
def test_command(tmp_path):
    path = tmp_path / "rules.json"
    assert json.loads(CliRunner().invoke(app, ["jobs", "json-schema"]).output) == RULES
    assert "$schema=rules.json" in CliRunner().invoke(app, ["jobs", "json-schema", "-o", str(path)]).output
    assert json.loads(path.read_text()) == RULES

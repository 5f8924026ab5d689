"""docs/evaluation.md names every figure that there is, and its gate is one."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from tabgan import TabGAN, evaluate
from tabgan.evaluation.catalog import ENTRIES, gate_rules
from tabgan.evaluation.gate import Gate, Limit
from tabgan.report.twin import json_schema

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")


def table(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"a": rng.integers(0, 9, 200), "b": rng.choice(["x", "y"], 200), "c": rng.random(200).round(2)}
    )


def test_every_figure_is_explained():
    model = TabGAN(epsilon=20.0, steps=1, random_state=0).fit(table(0))
    report = model.evaluate(table(0), table(1), target="b", private_metrics_epsilon=1.0)
    found = (evaluate(table(0), table(1), table(2), target="b"), report.shareable.evaluation)
    names = {metric.name for evaluation in found for metric in evaluation.metrics}
    assert len(names) > 30
    assert {name for name in names if f"`{name}`" not in PAGE} == set()
    others = {"audit_bound", *(name for name in ENTRIES if name.startswith("anonymeter_"))}
    assert names | others == set(ENTRIES)


def test_its_table_is_the_catalogs():
    spec = importlib.util.spec_from_file_location("catalog", ROOT / "benchmarks" / "catalog.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.replaced(PAGE) == PAGE
    assert {name for name in ENTRIES if f"| `{name}` |" not in PAGE} == set()


def test_the_json_schema_names_the_figures_of_the_catalog():
    path = ROOT / "tabgan" / "report" / "report.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    assert schema == json_schema()
    assert schema["$defs"]["metric"]["properties"]["name"] == {"enum": list(ENTRIES)}


def test_every_figure_that_a_gate_may_hold_is_explained():
    assert {name for part in gate_rules().values() for name in part if f"`{name}`" not in PAGE} == set()


def test_its_gate_is_one():
    text = re.search(r"```yaml\n(gate:.*?)```", PAGE, re.DOTALL)[1]
    gate = Gate.from_dict(yaml.safe_load(text.replace("1.0e-5", "1.0e-05"))["gate"])
    assert gate.limits["tvd2"] == Limit(0.05, is_relative=True)


def test_what_the_standard_gate_holds_is_what_is_told():
    gate = Gate.standard(has_target=True)
    assert (gate.epsilon, gate.delta) == (10.0, 1e-5)
    within = {name for name, limit in gate.limits.items() if limit == Limit(0.1, is_relative=True)}
    assert within == {"shapes", "tvd2", "tstr"}
    assert {name for name, limit in gate.limits.items() if limit == Limit(1.0)} == {"types", "dtypes"}
    assert gate.limits["exact_copies"] == Limit(0.01, is_relative=True)

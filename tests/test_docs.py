"""Documents against the code: figures and gate of evaluation.md, keys of tables.md, shares of how-it-works.md."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import tabgan
from tabgan import Schema, TabGAN, evaluate
from tabgan.columns import KINDS
from tabgan.evaluation.catalog import ENTRIES, gate_rules
from tabgan.evaluation.gate import Gate, Limit
from tabgan.fitting.critics import FACTOR_SPREAD, LET_IN
from tabgan.model.adversary.training import FACTORS, SLOPE_BOUND
from tabgan.privacy.doors.dpsgd import HELD_OUT
from tabgan.privacy.plan import (
    ADVERSARY_SHARE,
    DISCOVERY_DELTA_SHARE,
    MOST_ROOM,
    ON_REQUEST,
    SHARES,
    UNTYPED_KINDS_SHARE,
)
from tabgan.report.twin import json_schema
from tabgan.schema import KIND_NAMES

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")


def table(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"a": rng.integers(0, 9, 200), "b": rng.choice(["x", "y"], 200), "c": rng.random(200).round(2)}
    )


def test_every_figure_is_explained(few_trees):
    model = TabGAN(epsilon=20.0, random_state=0).fit(table(0))
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
    assert within == {"shapes", "tvd2", "tstr", "missing_rows"}
    assert {name for name, limit in gate.limits.items() if limit == Limit(1.0)} == {"types", "dtypes"}
    assert gate.limits["exact_copies"] == Limit(0.01, is_relative=True)


def test_the_schema_of_all_keys_has_them_all_and_can_be_used():
    page = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    text = re.search(r"<!-- all-keys -->\n```yaml\n(.*?)```", page, re.DOTALL)[1]
    schema, data = Schema.from_yaml(text), yaml.safe_load(text)
    assert set(data) == set(Schema.model_fields)
    shared = {"name", "dtype", "nullable"}
    for kind in KINDS:
        said = set().union(
            *(spec for spec in data["columns"].values() if spec["kind"] == kind.__name__.lower())
        )
        assert said - shared == set(kind.model_fields) - shared, kind
    assert shared - set().union(*data["columns"].values()) == {"name"}
    assert all(f"| `{kind.__name__.lower()}` |" in page for kind in KINDS)
    assert Schema.from_yaml(schema.to_yaml()) == schema


def test_the_shares_of_the_budget_are_the_plans():
    page = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]*\|$", page, re.MULTILINE))
    told = {
        part: [float(number) / 100 for number in re.findall(r"(\d*\.?\d+)%", share)]
        for part, share in rows.items()
    }
    assert told["kinds"] == [SHARES["kinds"], UNTYPED_KINDS_SHARE]
    assert told["ranges"] == [SHARES["ranges"], SHARES["zoom"], SHARES["closer"]]
    single = {
        "number of rows": "rows",
        "decimals and resolutions": "precision",
        "frequent numbers": "exact",
        "1-way histograms": "one_way",
        "number of values": "distinct",
        "number of numbers": "numbers",
        "a closer look at values": "rare",
        "roundness": "round",
        "hours, weekdays and months": "cycles",
        "choice of pairs": "selection",
        "tests of the critics": "gain",
        "places within codes": "places",
    }
    assert {stage: told[part] for part, stage in single.items()} == {
        each: [SHARES[each]] for each in single.values()
    }
    assert told["rows that share a key"] == [ON_REQUEST["recurrence"]]
    assert told["rows that break a rule"] == [ON_REQUEST["relations"]]
    assert told["undeclared rules"] == [ON_REQUEST["found"]]
    assert told["regions of places"] == [ON_REQUEST["map"]]
    assert set(single.values()) | {"kinds", "ranges", "zoom", "closer"} == set(SHARES)
    least = 1 - sum(SHARES.values()) + SHARES["kinds"] - UNTYPED_KINDS_SHARE
    most = 1 - SHARES["rows"] - SHARES["one_way"] - SHARES["selection"]
    assert told["pairs"] == [int(100 * least) / 100, int(100 * most) / 100]
    assert MOST_ROOM == 3
    assert f"the pairs have {100 * (least - 2 * SHARES['rare']):.0f}% at least" in page
    assert ADVERSARY_SHARE == 0.2
    text = " ".join(page.split())
    assert "The critic of a declared target gets 20% of it." in text
    assert (SLOPE_BOUND, LET_IN, FACTORS.max()) == (3.0, 1.0, 2.0)
    assert "it is clipped at three of its standard deviations among the generator's rows" in text
    assert "joins the generator if the slope is above one standard deviation of its noise" in text
    assert (FACTOR_SPREAD, HELD_OUT) == (0.5, 0.2)
    assert "the factor is taken to be 1, give or take .5" in text
    assert "the test reads a fifth of the rows" in text
    assert "multiplied by the factor, up to 2, that gains most" in text
    assert DISCOVERY_DELTA_SHARE == 0.1
    assert "A tenth of `delta`" in text


def test_the_right_kinds_of_real_tables_are_kinds_and_drafts_find_them():
    right = yaml.safe_load((ROOT / "benchmarks" / "kinds.yaml").read_text(encoding="utf-8"))
    named = {kind for table_ in right.values() for kinds in table_.values() for kind in np.atleast_1d(kinds)}
    assert named <= {*KIND_NAMES, "geo"}
    told = json.loads((ROOT / "benchmarks" / "results" / "kinds.json").read_text(encoding="utf-8"))
    assert {each["table"] for each in told["results"]} == set(right)
    assert all(share >= 0.95 for shares in told["shares"].values() for share in shares.values())


def test_the_figures_of_plans_are_those_of_the_file():
    spec = importlib.util.spec_from_file_location("plan_figures", ROOT / "benchmarks" / "plan.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        spec.loader.exec_module(module)
    page = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
    assert module.replaced(page) == page


def test_the_citation_has_the_version_of_the_package():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == tabgan.__version__

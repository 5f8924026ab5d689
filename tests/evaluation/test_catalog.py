"""The catalog of figures: one entry a figure, and nothing that a figure says is said elsewhere."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import ConfigError
from tabgan.evaluation import evaluate
from tabgan.evaluation.catalog import (
    ENTRIES,
    GROUPS,
    Group,
    best_of,
    figures,
    gate_rules,
    position,
    verdict_of,
)
from tabgan.evaluation.catalog.utility_figures import scored
from tabgan.evaluation.gate import Gate, Limit
from tabgan.evaluation.steps import COMPUTED
from tabgan.report.findings import expected_of

NAMES = sorted(ENTRIES)


@pytest.fixture(scope="module")
def tables():
    def table(seed):
        rng = np.random.default_rng(seed)
        df = pd.DataFrame({"a": rng.integers(0, 40, 300), "b": rng.choice(["x", "y"], 300)})
        df["c"] = rng.random(300).round(2)
        return df.assign(d=np.where(df["a"] + rng.normal(0, 9, 300) > 20, "yes", "no"))

    return tuple(table(seed) for seed in range(3))


@pytest.fixture(scope="module")
def found(tables):
    return evaluate(*tables, target="d")


@pytest.mark.parametrize("name", NAMES)
class TestEntry:
    def test_it_is_whole(self, name):
        entry = ENTRIES[name]
        assert entry.name == name
        assert all((entry.label, entry.meaning.endswith("."), entry.good.endswith("."), entry.told))
        assert not {"{", "}"} & {*entry.label, *entry.meaning, *entry.good, *entry.told}
        assert entry.range[0] < entry.range[1]
        assert entry.best is None or entry.reference is not None

    def test_a_gate_holds_it_as_it_says(self, name):
        entry = ENTRIES[name]
        limit = {entry.group: {name: 0.5}}
        if entry.gate is None:
            with pytest.raises(ConfigError, match="unknown|gate.audit: expected a number"):
                Gate.from_dict(limit)
        else:
            assert Gate.from_dict(limit).limits == {name: Limit(0.5)}
            assert gate_rules()[entry.group][name] == entry.gate
            assert entry.direction in ("none", {"at_most": "lower", "at_least": "higher"}[entry.gate])

    def test_beside_a_reference_only_where_there_is_one(self, name):
        entry = ENTRIES[name]
        limit = {entry.group: {name: {"within": 0.1}}}
        if entry.gate is not None and entry.reference is not None:
            assert Gate.from_dict(limit).limits[name].is_relative
        elif entry.gate is not None:
            with pytest.raises(ConfigError, match="the figure has no reference"):
                Gate.from_dict(limit)

    def test_it_stands_only_where_it_may(self, name):
        entry = ENTRIES[name]
        for edition in ("internal", "shareable"):
            if entry.editions in (edition, "both"):
                assert entry.within(edition).meaning.startswith(entry.meaning)
            else:
                with pytest.raises(ValueError, match=f"expected the edition {entry.editions}"):
                    entry.within(edition)


class TestEvaluation:
    def test_every_figure_is_as_its_entry_says(self, found):
        for metric in found.metrics:
            entry = ENTRIES[metric.name]
            told = {entry.label} | {scored(entry, score).label for score in ("ROC AUC", "R2")}
            assert metric.label in told
            assert (metric.group, metric.direction, metric.format, metric.good) == (
                entry.group,
                entry.direction,
                entry.format,
                entry.good,
            )
            assert metric.meaning.split(".")[0] == entry.meaning.split(".")[0]
            assert not metric.is_shareable

    def test_every_figure_is_in_its_range_and_has_the_reference_that_it_says(self, found):
        for metric in found.metrics:
            entry = ENTRIES[metric.name]
            if metric.value is not None:
                assert entry.range[0] <= metric.value <= entry.range[1], metric.name
                assert (expected_of(metric) is None) == (entry.reference is None), metric.name

    def test_they_come_in_the_catalogs_order(self, found):
        names = [metric.name for metric in found.metrics]
        assert names == [name for name in ENTRIES if name in names]

    def test_none_is_missing(self, found, tables):
        internal = {entry.name for entry in figures() if entry.editions != "shareable"}
        others = {"audit_bound", *(name for name in NAMES if name.startswith("anonymeter_"))}
        assert {metric.name for metric in found.metrics} | others == internal

    def test_what_computes_is_in_the_catalog(self):
        assert COMPUTED.keys() <= ENTRIES.keys()

    def test_the_headline(self, found):
        pytest.importorskip("sdmetrics")
        assert [label for label, _ in found.headline] == [
            "valid",
            "shapes",
            "trends",
            "pairs TVD",
            "TSTR",
            "TRTR",
            "DCR share",
        ]


class TestOrder:
    def test_groups_in_the_order_of_the_report(self):
        assert tuple(GROUPS) == get_args(Group)
        assert [entry.name for entry in figures()] == list(ENTRIES)
        assert sorted(NAMES, key=lambda name: position(name, ENTRIES[name].group)) == list(ENTRIES)

    def test_what_is_not_in_the_catalog_stands_last_in_its_group(self):
        assert position("duplicates", "fidelity") < position("m", "fidelity") < position("tstr", "utility")
        assert (best_of("m"), verdict_of("m", "fidelity")) == (None, "distance")


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("types", "complete"), ("tvd2", "distance"), ("c2st", "score"), ("tstr", "score"), ("inference", "attack"),
     ("dcr_share", "copies"), ("audit_bound", "epsilon")],
)  # fmt: skip
def test_the_rule_of_a_verdict(name, verdict):
    assert verdict_of(name, ENTRIES[name].group) == verdict


def test_the_words_name_the_score_of_the_target():
    entry = scored(ENTRIES["tstr"], "R2")
    assert entry.label.endswith("(boosted trees, R2)")
    assert "R2: 0 is guessing the mean, 1 is perfect." in entry.meaning
    assert "ROC AUC" not in entry.meaning

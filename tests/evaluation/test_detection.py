"""Detection of synthetic rows: the score, its interval, and the columns behind it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tabgan.evaluation import evaluate
from tabgan.evaluation.detection import auc_figure
from tabgan.schema import Identifier, Schema

#: The steps of an evaluation that are tested here.
STEPS = ("detection_findings",)


class TestInterval:
    def test_area_with_ties(self):
        rng = np.random.default_rng(0)
        scores, labels = rng.random(300).round(1), rng.random(300) < 0.3
        assert auc_figure(scores, labels).value == pytest.approx(roc_auc_score(labels, scores))

    def test_four_rows_by_hand(self):
        """Positives beat 1 and 1/2 of the negatives, negatives are beaten by 1 and 1/2 of the positives."""
        found = auc_figure(np.array([0.1, 0.4, 0.3, 0.8]), np.array([False, False, True, True]))
        assert found.value == 0.75
        half = 1.959964 * np.sqrt(0.125 / 2 + 0.125 / 2)
        assert found.interval.low == pytest.approx(0.75 - half, abs=1e-6)
        assert found.interval.high == 1.0

    @pytest.mark.family
    def test_it_covers_the_true_area(self):
        """Normal scores one apart have an area of Phi(1 / sqrt(2)) = 0.7602."""
        rng = np.random.default_rng(1)
        labels = np.arange(200) < 80
        found = [auc_figure(rng.normal(size=200) + labels, labels).interval for _ in range(500)]
        covered = sum(each.low <= 0.7602 <= each.high for each in found)
        assert 455 <= covered <= 490

    @pytest.mark.parametrize("scores", [[0.5] * 4, [0.0, 0.0, 1.0, 1.0]])
    def test_none_where_nothing_varies(self, scores):
        assert auc_figure(np.array(scores), np.array([False, False, True, True])).interval is None


class TestDetection:
    @pytest.mark.family
    def test_one_table_in_other_units_is_told_apart(self, make):
        real, holdout = make(300, 0), make(300, 1)
        assert evaluate(real, holdout, make(300, 2).assign(height=1.7))["c2st"].value > 0.95

    @pytest.mark.family
    def test_missing_values_give_away(self, make):
        holdout = make(300, 1)
        assert evaluate(make(300, 0), holdout, make(300, 2).fillna({"height": 170.3}))["c2st"].value > 0.5

    def test_columns_without_any_information(self):
        table = pd.DataFrame({"constant": [1.0] * 60, "empty": [np.nan] * 60})
        assert evaluate(table, table, table)["c2st"].value == 0.5

    @pytest.mark.family
    def test_people_with_several_rows_do_not_give_their_table_away(self):
        """Real people have five equal rows each; synthetic rows, of the same distribution, one person each."""
        rng = np.random.default_rng(0)
        schema = Schema([Identifier(name="person")], entity="person", max_rows=5)

        def people(n_people, n_rows):
            person = np.repeat(np.arange(n_people), n_rows)
            values = rng.normal(size=(n_people, 2))[person]
            return pd.DataFrame({"person": person, "a": values[:, 0], "b": values[:, 1]})

        real, holdout, synthetic = people(120, 5), people(120, 5), people(600, 1)
        found = evaluate(real, holdout, synthetic, schema=schema)["c2st"]
        assert found.value < 0.65
        assert (
            evaluate(real, holdout, synthetic)["c2st"].value > 0.8
        )  # whose rows are whose is not known here

    def test_too_few_people(self):
        rng = np.random.default_rng(0)
        table = pd.DataFrame({"person": np.arange(60) % 29, "a": rng.normal(size=60)})
        schema = Schema([Identifier(name="person")], entity="person", max_rows=5)
        metric = evaluate(table, table, table, schema=schema)["c2st"]
        assert metric.value is None
        assert "fewer than 30 people" in metric.reason

    def test_fresh_rows_are_within_the_interval(self, make):
        interval = evaluate(make(800, 0), make(800, 1), make(800, 2))["c2st"].interval
        assert interval.low < 0.5 < interval.high
        assert interval.high - interval.low < 0.1


class TestGiveaways:
    def _giveaways(self, real, holdout, synthetic) -> dict[str, float]:
        found = evaluate(real, holdout, synthetic)
        return {column.name: column.giveaway for column in found.columns}

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize(
        ("column", "break_"),
        [
            ("height", lambda series: series.round(0)),
            ("age", lambda series: series + 15),
            ("town", lambda series: series.where(series != "Bonn", "Ulm")),
            ("income", lambda series: series.mask(np.arange(len(series)) % 2 == 0)),
        ],
    )
    def test_the_one_broken_column_is_named(self, make, column, break_):
        synthetic = make(600, 2)
        synthetic[column] = break_(synthetic[column])
        found = self._giveaways(make(600, 0), make(600, 1), synthetic)
        assert max(found, key=found.get) == column
        others = [abs(value) for name, value in found.items() if name != column]
        # Income follows age: where age is off, it takes both to see that they no longer go together.
        assert found[column] > 1.5 * max(others)

    @pytest.mark.family
    def test_a_column_that_goes_with_no_other(self, make):
        """Shuffled income no longer follows age, and nobody can say which of the two is wrong; the rest is right."""
        synthetic = make(600, 2)
        synthetic["income"] = np.random.default_rng(0).permutation(synthetic["income"])
        found = self._giveaways(make(600, 0), make(600, 1), synthetic)
        assert max(found, key=found.get) == "income"
        assert abs(found["height"]) < 0.05 < found["age"]

    @pytest.mark.family
    def test_nothing_gives_fresh_rows_away(self, make):
        found = self._giveaways(make(600, 0), make(600, 1), make(600, 2))
        assert all(abs(value) < 0.05 for value in found.values())

    def test_none_for_identifiers_and_too_few_rows(self, make):
        tables = [make(60, i).assign(key=[f"k{j}" for j in range(60)]) for i in range(3)]
        assert self._giveaways(*tables)["key"] is None
        assert set(self._giveaways(*(make(20, i) for i in range(3))).values()) == {None}

    def test_columns_that_say_nothing_give_nothing_away(self):
        table = pd.DataFrame({"constant": [1.0] * 60, "empty": [np.nan] * 60})
        assert self._giveaways(table, table, table) == {"constant": 0.0, "empty": 0.0}

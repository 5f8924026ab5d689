"""Utility by group: whose loss shows, what is left out and why, and what is not named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import DataError
from tabgan.evaluation import evaluate
from tabgan.schema import Categorical, Datetime, Schema

#: The steps of an evaluation that are tested here.
STEPS = ("utility_findings",)

#: Intervals and trees are those of an evaluation.
FULL_RUN = ("_N_BOOTSTRAP", "most")


def table(n_rows: int, seed: int, *, is_spoilt: bool = False) -> pd.DataFrame:
    """``y`` follows ``x``; in a spoilt table not for those of group ``b``, where it runs the other way."""
    rng = np.random.default_rng(seed)
    x, group = rng.normal(size=n_rows), rng.choice(["a", "b", "c"], n_rows, p=[0.6, 0.3, 0.1])
    slope = np.where((group == "b") & is_spoilt, -1, 1)
    y = np.where(slope * x + rng.normal(0, 0.5, n_rows) > 0, "yes", "no")
    return pd.DataFrame({"x": x, "group": group, "flag": rng.random(n_rows) < 0.5, "y": y})


def _by_group(found) -> dict:
    return {(each.column, each.category): each for each in found.subgroups}


class TestGroups:
    def test_the_group_that_loses_is_found(self):
        found = evaluate(table(1000, 0), table(1000, 1), table(1000, 2, is_spoilt=True), target="y")
        groups = _by_group(found)
        worst = groups["group", "b"]
        assert worst.gap == pytest.approx(worst.trtr - worst.tstr)
        assert worst.gap > 0.5
        assert worst.interval.low < worst.gap < worst.interval.high
        assert worst.interval.low > 0.4
        assert abs(groups["group", "a"].gap) < 0.05
        assert set(groups) == {("group", c) for c in "abc"} | {("flag", True), ("flag", False)}
        metric = found["tstr_subgroups"]
        assert (metric.value, metric.interval) == (worst.gap, worst.interval)

    @pytest.mark.family
    def test_fresh_rows_lose_no_group(self):
        found = evaluate(table(1000, 0), table(1000, 1), table(1000, 2), target="y")
        assert found["tstr_subgroups"].value < 0.05
        assert sum(each.interval.low > 0 for each in found.subgroups) <= 2  # of five; 2 with scikit-learn 1.5

    @pytest.mark.family
    def test_the_interval_is_paired(self):
        """The score itself is much less sure than the difference of two scores of the same rows."""
        found = evaluate(table(1000, 0), table(400, 1), table(1000, 2), target="y")
        group, whole = _by_group(found)["group", "a"].interval, found["tstr"].interval
        assert group.high - group.low < whole.high - whole.low

    @pytest.mark.family
    def test_a_regression(self, few_trees):
        found = evaluate(table(600, 0), table(600, 1), table(600, 2), target="x")
        assert all(each.gap is not None for each in found.subgroups)
        assert {each.column for each in found.subgroups} == {"group", "flag", "y"}

    @pytest.mark.family
    def test_more_than_two_classes(self, few_trees):
        found = evaluate(table(900, 0), table(900, 1), table(900, 2), target="group")
        assert found["tstr_subgroups"].is_computed

    def test_groups_of_which_little_is_known(self, few_trees):
        real, holdout, synthetic = (table(700, i) for i in range(3))
        holdout.loc[holdout["group"] == "b", "y"] = "yes"
        holdout = holdout[(holdout["group"] != "c") | (np.arange(700) % 10 == 0)]
        groups = _by_group(evaluate(real, holdout, synthetic, target="y"))
        assert groups["group", "b"].reason == "the target is constant in the group"
        few = groups["group", None]
        assert few.reason == "fewer than 50 holdout rows"
        assert 0 < few.n_rows < 50
        assert few.gap is None

    @pytest.mark.family
    def test_one_that_the_synthetic_table_has_lost_is_judged_without_a_name(self, few_trees):
        """Those who lose most are not left out."""
        real, holdout, synthetic = (table(1_000, i) for i in range(3))
        groups = _by_group(evaluate(real, holdout, synthetic[synthetic["group"] != "b"], target="y"))
        assert ("group", "b") not in groups
        assert groups["group", None].n_rows >= 50
        assert groups["group", None].gap is not None
        assert "absent from the synthetic table" in groups["group", None].label

    @pytest.mark.family
    def test_one_outside_of_the_released_domain_says_so(self, few_trees):
        schema = Schema(columns=[Categorical(name="group", categories=("a", "b"))])
        real, holdout, synthetic = (table(700, i) for i in range(3))
        synthetic = synthetic[synthetic["group"] != "c"]
        groups = _by_group(evaluate(real, holdout, synthetic, schema=schema, target="y"))
        assert ("group", "c") not in groups
        assert groups["group", None].label == "not in the released domain"

    def test_a_declared_category_is_named_however_few_its_rows(self, few_trees):
        schema = Schema(columns=[Categorical(name="group", categories=("a", "b", "c", "d"))])
        tables = [table(200, i) for i in range(3)]
        groups = _by_group(evaluate(*tables, schema=schema, target="y"))
        assert groups["group", "d"].n_rows == 0
        assert groups["group", "d"].reason == "fewer than 50 holdout rows"


class TestColumns:
    @pytest.mark.family
    def test_the_first_six_with_few_categories(self, few_trees):
        tables = [table(300, i) for i in range(3)]
        for each in tables:
            each["many"] = [f"v{i % 9}" for i in range(300)]
            for i in range(7):
                each[f"g{i}"] = np.where(np.arange(300) % (i + 2) == 0, "u", "v")
        found = evaluate(*tables, target="y")
        assert list(dict.fromkeys(each.column for each in found.subgroups)) == [
            *("group", "flag", "g0", "g1", "g2", "g3")
        ]

    def test_those_that_are_named(self, few_trees):
        tables = [table(300, i).assign(number=np.arange(300) % 3 + 0.5) for i in range(3)]
        found = evaluate(*tables, target="y", subgroups=["number", "flag", "flag"])
        groups = [(each.column, each.category) for each in found.subgroups]
        assert groups[:3] == [("number", 0.5), ("number", 1.5), ("number", 2.5)]
        assert set(groups[3:]) == {("flag", False), ("flag", True)}
        assert len(groups) == 5

    @pytest.mark.parametrize(
        ("subgroups", "message"),
        [
            ("flag", r"subgroups: expected a list of columns, got 'flag'. Use subgroups=\['sex'\]"),
            (["flga"], r"subgroups\[0\]: expected a column of the tables, got 'flga'. Did you mean 'flag'"),
            (["flag", 3], r"subgroups\[1\]: expected a column of the tables, got 3"),
            (["y"], r"subgroups\[0\]: expected a column other than the target, got 'y'"),
            (["day"], r"subgroups\[0\]: expected a column of categories, got 'day', which is datetime"),
            (["x"], r"subgroups\[0\]: expected a column of at most 50 values, got 'x' with more"),
        ],
    )
    def test_those_that_cannot_be(self, subgroups, message):
        tables = [table(60, i).assign(day="2020-01-01") for i in range(3)]
        schema = Schema(columns=[Datetime(name="day", format="%Y-%m-%d")])
        with pytest.raises(DataError, match=message):
            evaluate(*tables, schema=schema, target="y", subgroups=subgroups)


class TestReasons:
    @pytest.mark.family(keep=2)
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda tables: [each[["x", "y"]] for each in tables], "no column holds 2 to 8 categories"),
            (lambda tables: [each.head(40) for each in tables], "no group has 50 holdout rows"),
            (
                lambda tables: [tables[0], tables[1].assign(y="no"), tables[2]],
                "the target is constant in the holdout",
            ),
            (
                lambda tables: [tables[0], tables[1].assign(y=None), tables[2]],
                "present in fewer than 20 holdout rows",
            ),
            (
                lambda tables: [*tables[:2], tables[2].assign(y="no")],
                "constant in the rows to train on",
            ),
            (
                lambda tables: [each.assign(y=[f"c{i % 11}" for i in range(200)]) for each in tables],
                "the target has more than 10 classes",
            ),
        ],
    )
    def test_none(self, change, reason, few_trees):
        found = evaluate(*change([table(200, i) for i in range(3)]), target="y")
        assert reason in found["tstr_subgroups"].reason
        assert all(each.gap is None for each in found.subgroups)

    def test_no_target(self):
        found = evaluate(*(table(60, i) for i in range(3)), subgroups=["flag"])
        assert found["tstr_subgroups"].reason == "no target was named"
        assert found.subgroups == ()


class TestCalibration:
    def test_the_rarer_of_two_classes(self):
        tables = [table(1000, i) for i in range(3)]
        for each in tables:
            each["y"] = np.where(each["x"] > 0.8, "rare", "usual")
        picture = evaluate(*tables, target="y").pictures.calibration
        assert picture.category == "rare"
        for points in (picture.real, picture.synthetic):
            assert sum(point.n_rows for point in points) == 1000
            assert points[-1].observed > 0.9

    @pytest.mark.family
    def test_the_most_frequent_of_more(self, few_trees):
        picture = evaluate(*(table(600, i) for i in range(3)), target="group").pictures.calibration
        assert picture.category == "a"

    @pytest.mark.family
    def test_a_model_from_reversed_rows_is_wrong_about_all(self):
        tables = [table(600, i) for i in range(3)]
        tables[2]["x"] *= -1
        picture = evaluate(*tables, target="y").pictures.calibration
        assert picture.synthetic[-1].observed < 0.2 < 0.8 < picture.real[-1].observed

    @pytest.mark.family
    def test_numbers_and_booleans_as_classes(self, few_trees):
        assert evaluate(*(table(300, i) for i in range(3)), target="flag").pictures.calibration.category in (
            True,
            False,
        )
        tables = [table(300, i).assign(y=lambda df: (df["x"] > 1) * 1.0) for i in range(3)]
        assert evaluate(*tables, target="y").pictures.calibration.category == 1

    @pytest.mark.family
    def test_a_class_of_few_rows_is_not_shown(self, few_trees):
        tables = [table(300, i) for i in range(3)]
        for each in tables:
            each["y"] = np.where(np.arange(300) < 9, "one", "usual")
        assert evaluate(*tables, target="y").pictures.calibration is None

    def test_none_of_numbers(self, few_trees):
        assert evaluate(*(table(300, i) for i in range(3)), target="x").pictures.calibration is None

"""Attacks at known extremes, and on tables small enough to work out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan._util.rng import RandomStreams
from tabgan.errors import DataError
from tabgan.evaluation import evaluate
from tabgan.evaluation.attacks.anonymity import (
    _Drafts,
    attack_steps,
    is_right,
    most_likely,
    varying,
)
from tabgan.evaluation.attacks.neighbors import nearest_distances, nearest_rows
from tabgan.evaluation.attacks.predicates import SortedRows
from tabgan.evaluation.attacks.risk import attack_figure, excess_risk
from tabgan.evaluation.catalog import entries
from tabgan.evaluation.tables import prepare

#: The steps of an evaluation that are tested here.
STEPS = ("attack_steps", "membership_findings", "copy_findings")

NAMES = ("singling_out", "linkability", "inference", "attribute_inference")


def attacked(real, holdout, synthetic, seed: int = 0):
    """Return the group's metrics by name."""
    steps = attack_steps(prepare(real, holdout, synthetic, None), RandomStreams(seed))
    return {metric.name: metric for step in steps for metric in step()}


class TestRisk:
    def test_by_hand(self):
        assert excess_risk(75, 100, 50, 100).value == pytest.approx(0.5)
        assert excess_risk(25, 100, 50, 100).value == pytest.approx(-0.5)
        assert excess_risk(100, 100, 20, 100).value == 1

    def test_the_interval_as_the_delta_method_has_it(self):
        n = 1_000_000  # Wilson's interval is then the normal one
        risk = excess_risk(600_000, n, 200_000, n)
        error = 1.959964 * np.sqrt(0.24 / n / 0.8**2 + 0.16 / n * (0.4 / 0.64) ** 2)
        assert risk.interval.high - risk.value == pytest.approx(error, rel=1e-3)
        assert risk.value - risk.interval.low == pytest.approx(error, rel=1e-3)

    @pytest.mark.family
    def test_it_covers_what_is_true(self):
        """Two-sided: 95% of intervals, neither fewer nor nearly all."""
        rng = np.random.default_rng(0)
        found, control = rng.binomial(200, 0.5, 2000), rng.binomial(200, 0.2, 2000)
        risks = [excess_risk(int(a), 200, int(b), 200) for a, b in zip(found, control, strict=True)]
        share = np.mean([r.interval.low <= 0.375 <= r.interval.high for r in risks])
        assert 0.93 < share < 0.97

    def test_no_risk_where_the_control_always_succeeds(self):
        assert excess_risk(10, 10, 10, 10) is None
        assert attack_figure(10, 10, 10, 10).risk is None

    def test_extremes_stay_in_range(self):
        risk = excess_risk(20, 20, 0, 20)
        assert (risk.value, risk.interval.high) == (1, 1)
        assert 0.8 < risk.interval.low < 1


class TestNearest:
    def test_the_first_of_equals(self):
        assert nearest_rows(np.zeros((2, 1)), np.array([[1.0], [-1.0], [1.0]])).tolist() == [0, 0]

    @pytest.mark.parametrize("width", [3, 80])
    def test_wide_and_narrow(self, width):
        rng = np.random.default_rng(0)
        queries, points = rng.random((30, width)), rng.random((200, width))
        expected = ((queries[:, None] - points) ** 2).sum(axis=2)
        assert (nearest_rows(queries, points) == expected.argmin(axis=1)).all()
        assert nearest_distances(points, points).max() == 0


class TestPredicates:
    def test_each_singles_out_one_synthetic_row_and_none_twice(self, make):
        tables = prepare(*(make(300, i) for i in range(3)), None)
        drafts = _Drafts(tables, np.arange(5))
        predicates, naive = drafts.that_single_out(200, np.random.default_rng(0))
        assert len(predicates) == len(naive) == 200
        rows = SortedRows(tables.values.synthetic)
        assert {rows.count(p) for p in predicates} == {1}
        keys = {repr(p) for p in predicates}
        assert len(keys) > 0.8 * len(predicates)  # two rows may have the same cells missing
        medians = np.nanmedian(tables.values.synthetic, axis=0)
        for predicate in predicates:
            for column, cell, side in predicate:
                is_number = tables.keys[column] is None
                assert side == (0 if not is_number else 1 if cell > medians[column] else -1)
        columns = [[condition.column for condition in p] for p in predicates]
        assert columns == [[condition.column for condition in p] for p in naive]


class TestGuesses:
    def test_near_enough(self):
        right = is_right(np.array([1, 1, 1, np.nan]), np.array([1, 1.5, 1.6, np.nan]), 0.5)
        assert right.tolist() == [True, True, False, False]

    def test_most_likely(self):
        assert most_likely(np.array([3, 1, 3, 2.0]), 0) == 3
        assert np.isnan(most_likely(np.array([np.nan]), 0))

    def test_varying(self):
        assert varying(np.array([[1, np.nan, 1], [1, np.nan, np.nan]])).tolist() == [2]


class TestExtremes:
    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("seed", range(3))
    def test_a_copy_gives_rows_away(self, make, seed):
        real, holdout = make(400, 10 + seed), make(400, 20 + seed)
        found = attacked(real, holdout, real, seed)
        for name in NAMES:
            assert found[name].risk.interval.low > 0.05, name
            assert found[name].value > found[name].baseline, name
        assert found["singling_out"].value == 1  # all rows are there, once
        assert found["inference"].value > 0.95

    @pytest.mark.family
    def test_fresh_rows_give_nobody_away(self, make):
        """Of a dozen intervals at 95%, one may miss 0, but none by much."""
        risks = [
            metric.risk.interval
            for seed in range(3)
            for metric in attacked(*(make(400, 100 + 3 * seed + i) for i in range(3)), seed).values()
        ]
        assert sum(interval.low > 0 for interval in risks) <= 2
        assert all(interval.low < 0.05 for interval in risks)
        assert sum(interval.high < 0 for interval in risks) <= 2

    @pytest.mark.family
    def test_copies_of_the_holdout_are_on_the_other_side(self, make):
        """A control that were not attacked the same way would not see this."""
        holdout = make(400, 1)
        found = attacked(make(400, 0), holdout, holdout)
        for name in NAMES:
            assert found[name].interval.high < found[name].reference, name

    def test_what_the_population_tells_is_no_risk(self):
        """A secret that follows from other columns is guessed of anyone."""

        def table(seed: int) -> pd.DataFrame:
            x = np.random.default_rng(seed).integers(0, 5, 400)
            return pd.DataFrame({"x": x.astype(str), "secret": (x * 10).astype(str)})

        found = attacked(table(0), table(1), table(2))
        for name in ("inference", "attribute_inference"):
            assert found[name].value == found[name].reference == 1
            assert found[name].risk is None
            assert found[name].baseline < 0.4

    @pytest.mark.family
    def test_a_baseline_from_marginals_misses_what_rows_tell(self, make, shuffled, few_trees):
        real = make(600, 0)
        found = attacked(real, make(600, 1), shuffled(real))
        assert found["linkability"].baseline == pytest.approx(1 / 600)
        assert found["linkability"].value < 0.05
        assert found["inference"].risk.interval.low < 0.05

    @pytest.mark.family
    def test_unequal_tables(self, make):
        """Copies are found, and no more is, where a holdout is small."""
        real = make(600, 0)
        copied, fresh = (attacked(real, make(200, 1), synthetic) for synthetic in (real, make(600, 2)))
        for name in ("linkability", "attribute_inference"):
            assert copied[name].risk.interval.low > 0
            assert fresh[name].risk.interval.low < 0.05

    @pytest.mark.family
    def test_a_holdout_that_was_learnt_from_is_no_control(self, make):
        """All attacks would look harmless, and all copies as many as expected."""
        real = make(600, 0)
        part = pd.concat([real.iloc[:200], make(300, 1)])
        for holdout in (real, part):
            found = evaluate(real, holdout, make(600, 2))
            for metric in (*found.group("attacks"), *found.group("copies")):
                assert metric.reason == "the holdout contains training rows, so it cannot be a control"
        narrow = [make(600, seed)[["town", "bought"]] for seed in range(3)]
        assert evaluate(*narrow)["exact_copies"].is_computed  # they coincide by chance


class TestDeterminism:
    @pytest.mark.family
    def test_same_seed_same_figures(self, make, few_trees):
        tables = [make(200, i) for i in range(3)]
        assert attacked(*tables, seed=1) == attacked(*tables, seed=1)
        assert attacked(*tables, seed=2) != attacked(*tables, seed=1)


class TestDegenerate:
    def _reasons(self, *tables) -> set[str]:
        found = attacked(*tables)
        assert all(metric.value is None for metric in found.values())
        return {metric.reason for metric in found.values()}

    def test_few_rows(self, make):
        assert self._reasons(make(50, 0), make(19, 1), make(50, 2)) == {"a table has fewer than 20 rows"}

    def test_one_column(self, make):
        tables = [make(50, i)[["height"]] for i in range(3)]
        assert self._reasons(*tables) == {"there is a single column besides identifiers"}

    def test_identifiers_alone(self):
        table = pd.DataFrame({"id": range(50)})
        assert self._reasons(table, table, table) == {"there are only identifiers"}

    def test_nothing_varies(self, make):
        tables = [make(50, i)[["age", "town"]] for i in range(3)]
        tables[2] = tables[2].assign(age=5, town=None)
        assert self._reasons(*tables) == {"fewer than two columns of the synthetic table vary"}

    @pytest.mark.family
    def test_constant_missing_and_many_categories(self):
        def table(seed: int) -> pd.DataFrame:
            rng = np.random.default_rng(seed)
            return pd.DataFrame(
                {
                    "constant": 1.0,
                    "empty": np.nan,
                    "name": [f"n{k}" for k in rng.integers(0, 2000, 300)],
                    "x": rng.normal(size=300),
                    "flag": np.where(rng.random(300) < 0.5, None, "yes"),
                }
            )

        for synthetic in (table(2), table(0)):
            found = attacked(table(0), table(1), synthetic)
            assert all(metric.is_computed for metric in found.values()), [m.reason for m in found.values()]

    def test_rows_that_are_all_alike_are_not_described(self):
        tables = [pd.DataFrame({"a": ["x", "y"] * 50, "b": ["u", "v"] * 50})] * 3
        found = attacked(*tables)
        assert found["singling_out"].reason == "fewer than 20 descriptions fit exactly one synthetic row"
        assert found["linkability"].is_computed

    def test_secrets_that_one_table_lacks(self, make):
        real, holdout, synthetic = (make(100, i)[["age", "height"]] for i in range(3))
        found = attacked(real, holdout.assign(age=np.nan, height=np.nan), synthetic)
        assert found["inference"].reason == "no column has cells to guess in every table"


def test_what_is_said():
    """A data protection officer reads which risk is meant, and that an attack proves nothing."""
    for definition in entries("singling_out", "linkability", "inference", "attribute_inference"):
        assert "WP216" in definition.meaning
        assert "no guarantee" in definition.meaning
        assert "control" in definition.meaning
        assert "baseline" in definition.meaning


def test_a_wrong_table_is_still_an_error(make):
    with pytest.raises(DataError):
        evaluate(make(30, 0), make(30, 1), None)


#: Columns that a library's classifier or regression refuses, or nearly does, by what is odd about them.
ODD_SECRETS = {
    "halves": lambda rng, n: rng.integers(0, 9, n) / 2,
    "a rare class": lambda rng, n: np.where(np.arange(n) == 3, 0.25, 1.75),
    "constant": lambda rng, n: np.full(n, 0.5),
    "booleans and missing ones": lambda rng, n: pd.array(rng.choice([True, False, None], n), dtype="boolean"),
    "huge": lambda rng, n: rng.choice([1.7e308, -1.7e308, 1e300], n),
    "many huge": lambda rng, n: rng.normal(size=n) * 1e307,
    "text beside numbers": lambda rng, n: rng.choice(np.array(["1", "2", "many"], dtype=object), n),
    "all missing": lambda rng, n: np.full(n, np.nan),
}


class TestOddSecrets:
    @pytest.mark.family(keep=3)
    @pytest.mark.parametrize("odd", ODD_SECRETS)
    def test_no_computation_fails(self, odd):
        tables = []
        for seed in range(3):
            rng = np.random.default_rng(seed)
            tables.append(pd.DataFrame({"odd": ODD_SECRETS[odd](rng, 60), "x": rng.integers(0, 3, 60)}))
        assert not [m for m in attacked(*tables).values() if m.reason and "failed" in m.reason]

    def test_halves_are_inferred_as_their_doubles(self):
        tables = []
        for seed in range(3):
            x = np.random.default_rng(seed).integers(0, 9, 80)
            tables.append(pd.DataFrame({"x": x, "y": x % 4}))
        halved = [table / 2 for table in tables]
        found = [attacked(*each)["attribute_inference"] for each in (tables, halved)]
        assert found[0].value == found[1].value
        assert found[0].is_computed

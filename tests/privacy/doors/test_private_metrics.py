"""Private metrics of a report: what one unit changes of them, what they cost, and what noise they carry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tabgan.errors import BudgetExceededError, ConfigError
from tabgan.privacy.doors import mechanisms, private_metrics
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.measured_table import measure_table
from tabgan.privacy.doors.private_metrics import (
    COLUMN,
    CORRECT,
    MAJORITY,
    PAIRS,
    TRIPLES,
    Guesser,
    release_private_metrics,
)
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.plan import make_plan, make_private_metrics_plan
from tabgan.privacy.unit import ROW, PrivacyUnit
from tabgan.schema import Categorical, Numeric, Schema

SCHEMA = Schema(
    columns=[
        Categorical(name="town", categories=("Ulm", "Bonn", "Kiel"), dtype="str", nullable=False),
        Numeric(name="age", bounds=(0, 9), decimals=0, dtype="int64", nullable=False),
        Categorical(name="ill", categories=("yes", "no"), dtype="str", nullable=False),
    ]
)


def table(rng: np.random.Generator, n: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "town": rng.choice(["Ulm", "Bonn", "Kiel"], n, p=[0.7, 0.2, 0.1]),
            "age": rng.integers(0, 10, n),
            "ill": rng.choice(["yes", "no"], n, p=[0.2, 0.8]),
        }
    )


@pytest.fixture(scope="module")
def encoder():
    """Return the encoder of a fit: what is public of the tables below."""
    rng = np.random.default_rng(0)
    plan = make_plan(50.0, 1e-6, has_discovery=False, adversary_share=0.0)
    return measure_table(table(rng, 2_000), SCHEMA, plan, Measurer(PrivacyFilter(plan))).encoder


@pytest.fixture
def exact(monkeypatch):
    """Let the noise be 0, and return the exact numbers of every release."""
    seen: list[np.ndarray] = []

    def noisy_vector(values, noise_stddev):
        seen.append(np.array(values))
        return np.array(values)

    monkeypatch.setattr(mechanisms, "noisy_vector", noisy_vector)
    return seen


def guesser(encoder) -> Guesser:
    target = encoder.names.index("ill")
    return Guesser(target, lambda codes: np.where(codes[:, encoder.names.index("age")] > 2, 1, 0), 1)


def measure(df, encoder, synthetic, *, unit=ROW, n_rows=None, epsilon=1.0, ledger=None):
    plan = make_private_metrics_plan(epsilon, 1e-6, unit)
    ledger = ledger or PrivacyFilter(plan)
    codes = encoder.transform(synthetic)
    n_rows = len(df) if n_rows is None else n_rows
    sets = {"pairs": [(0, 1), (0, 2), (1, 2)], "triples": [(0, 1, 2)]}
    found = release_private_metrics(
        df, encoder, codes, n_rows, plan, Measurer(ledger), **sets, guesser=guesser(encoder)
    )
    return found, ledger


class TestFigures:
    def test_by_hand(self, encoder, exact):
        real = pd.DataFrame({"town": ["Ulm", "Ulm", "Bonn", "Kiel"], "age": [1] * 4, "ill": ["yes"] * 4})
        synthetic = pd.DataFrame({"town": ["Ulm", "Bonn"], "age": [1] * 2, "ill": ["yes", "no"]})
        found, _ = measure(real, encoder, synthetic)
        assert found.columns["town"].value == pytest.approx(0.25)
        assert found.columns["age"].value == 0
        assert found.columns["ill"].value == pytest.approx(0.5)
        # town x age as town alone, town x ill: cells (.5, .25, .25 | 0) against (.5, 0, 0 | .5), age x ill as ill alone
        assert found.pairs.value == pytest.approx((0.25 + 0.5 + 0.5) / 3)
        assert found.triples.value == pytest.approx(0.5)

    def test_the_table_itself_is_at_no_distance(self, encoder, exact):
        df = table(np.random.default_rng(1), 300)
        found, _ = measure(df, encoder, df)
        assert [
            each.value for each in (*found.columns.values(), found.pairs, found.triples)
        ] == pytest.approx([0.0] * 5, abs=1e-12)

    def test_right_guesses(self, encoder, exact):
        df = table(np.random.default_rng(1), 300)
        found, _ = measure(df, encoder, df)
        codes = encoder.transform(df)
        right = (guesser(encoder).predict(codes) == codes[:, encoder.names.index("ill")]).mean()
        assert found.correct.value == pytest.approx(right)
        assert found.majority.value == pytest.approx((codes[:, encoder.names.index("ill")] == 1).mean())

    def test_one_column_has_no_pairs(self, exact):
        df = table(np.random.default_rng(0), 2_000)[["age"]]
        plan = make_plan(50.0, 1e-6, has_discovery=False, adversary_share=0.0)
        schema = Schema(columns=[SCHEMA["age"]])
        encoder = measure_table(df, schema, plan, Measurer(PrivacyFilter(plan))).encoder
        evaluation = make_private_metrics_plan(1.0, 1e-6)
        found = release_private_metrics(
            df, encoder, encoder.transform(df), 2_000, evaluation, Measurer(PrivacyFilter(evaluation))
        )
        assert (found.pairs, found.triples, found.correct) == (None, None, None)

    def test_joint_tables_too_large_to_count_in_full(self, encoder, exact, monkeypatch):
        df, synthetic = (table(np.random.default_rng(seed), 300) for seed in (1, 2))
        dense = measure(df, encoder, synthetic)[0]
        monkeypatch.setattr(private_metrics, "_DENSE_CELLS", 1)
        assert measure(df, encoder, synthetic)[0] == dense

    def test_no_rows(self, encoder):
        found, _ = measure(
            table(np.random.default_rng(0), 0), encoder, table(np.random.default_rng(1), 9), n_rows=1.0
        )
        assert np.isfinite(found.pairs.value)


class TestSensitivity:
    """Pitfall 1: one unit changes a figure by no more than the ledger says."""

    @staticmethod
    def largest_move(encoder, exact, unit: PrivacyUnit, n_cases: int) -> tuple[float, float]:
        """Return how far one unit moved a figure, and its place on the noise's grid, as shares of what is declared."""
        largest = largest_on_grid = 0.0
        for seed in range(n_cases):
            rng = np.random.default_rng(seed)
            df, synthetic = table(rng, int(rng.integers(1, 40))), table(rng, int(rng.integers(1, 40)))
            extra = table(rng, unit.max_rows)
            if rng.random() < 0.5:
                synthetic = synthetic[synthetic["town"] != "Kiel"]
                extra["town"] = "Kiel"
            synthetic = synthetic if len(synthetic) else table(rng, 5)
            if unit.entity is not None:
                df["key"], extra["key"] = np.arange(len(df)).astype(str), "extra"
            exact.clear()
            _, ledger = measure(df, encoder, synthetic, unit=unit)
            measure(pd.concat([df, extra], ignore_index=True), encoder, synthetic, unit=unit)
            first, second = np.concatenate(exact[:2]), np.concatenate(exact[2:])
            declared = np.array([entry.sensitivity for entry in ledger.entries])
            steps = np.abs(np.rint(first * mechanisms.GRID) - np.rint(second * mechanisms.GRID))
            largest = max(largest, float((np.abs(first - second) / declared).max()))
            largest_on_grid = max(largest_on_grid, float((steps / (declared * mechanisms.GRID)).max()))
        return largest, largest_on_grid

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("unit", [ROW, PrivacyUnit("key", 3)], ids=["row", "entity"])
    def test_is_what_is_declared_and_no_less(self, encoder, exact, unit):
        largest, on_grid = self.largest_move(encoder, exact, unit, 60)
        assert 0.95 < largest <= 1 + 1e-9
        assert on_grid <= mechanisms.ROUNDING  # which is charged for

    def test_an_entity_with_more_rows_than_it_may_have(self, encoder, exact):
        df = table(np.random.default_rng(0), 50).assign(key="everybody")
        measure(df, encoder, table(np.random.default_rng(1), 50), unit=PrivacyUnit("key", 2), n_rows=50)
        assert exact[1].max() <= 2

    @pytest.mark.parametrize("dense", [private_metrics._DENSE_CELLS, 1], ids=["dense", "sparse"])
    def test_rounding_takes_no_distance_over_the_number_of_rows(self, dense, monkeypatch):
        """Sums of floating shares came to 2.0000000000000004 of 2 rows."""
        monkeypatch.setattr(private_metrics, "_DENSE_CELLS", dense)
        for seed in range(200):
            rng = np.random.default_rng(seed)
            codes, synthetic = np.full((2, 1), 29), rng.integers(0, 29, (int(rng.integers(1, 60)), 1))
            compare = private_metrics.Comparison(codes, synthetic, (30,))
            assert compare.distance((0,)) == 2

    def test_a_figure_that_moves_too_far_is_found(self, encoder, exact, monkeypatch):
        """Negative control: the L1 distance instead of half of it."""
        distance = private_metrics.Comparison.distance
        monkeypatch.setattr(
            private_metrics.Comparison, "distance", lambda self, columns: 2 * distance(self, columns)
        )
        assert self.largest_move(encoder, exact, ROW, 30)[0] > 1.5


class TestCost:
    def test_all_of_it_composes_to_what_was_asked_for(self, encoder):
        df = table(np.random.default_rng(1), 500)
        _, ledger = measure(df, encoder, df, epsilon=0.5)
        statement = ledger.statement()
        assert 0.49 < statement.epsilon_spent <= 0.5
        assert {entry.what for entry in statement.entries} == {COLUMN, PAIRS, TRIPLES, CORRECT, MAJORITY}
        assert {entry.door for entry in statement.entries} == {"private_metrics"}

    def test_is_charged_before_a_row_is_counted(self, encoder, monkeypatch):
        df = table(np.random.default_rng(1), 500)
        plan = make_private_metrics_plan(0.5, 1e-6)
        monkeypatch.setattr(private_metrics.Comparison, "distance", lambda *_: pytest.fail("counted"))
        with pytest.raises(BudgetExceededError):
            measure(df, encoder, df, epsilon=0.5, ledger=PrivacyFilter(replace(plan, mu=plan.mu / 2)))

    @pytest.mark.parametrize("epsilon", [0.0, -1.0, float("nan"), float("inf"), "much"])
    def test_bad_budgets(self, epsilon):
        with pytest.raises(ConfigError, match="private_metrics_epsilon"):
            make_private_metrics_plan(epsilon, 1e-6)

    def test_a_budget_that_buys_nothing(self):
        with pytest.raises(ConfigError, match="too small to measure anything with"):
            make_private_metrics_plan(1e-9, 1e-9)

    @pytest.mark.fresh_noise
    def test_noise_is_as_declared(self, encoder):
        """Two-sided, with wrong scales as controls: 2/3 and 3/2."""
        df, synthetic = (table(np.random.default_rng(seed), 400) for seed in (1, 2))
        draws = [measure(df, encoder, synthetic)[0] for _ in range(150)]
        squares = 0.0
        for find in (lambda b: b.columns["town"], lambda b: b.pairs, lambda b: b.correct):
            values = np.array([find(draw).value for draw in draws])
            squares += 149 * values.var(ddof=1) / find(draws[0]).noise_stddev ** 2

        def fits(factor):
            low, high = stats.chi2.interval(1 - 1e-7, 3 * 149)
            return bool(low < squares / factor**2 < high)

        assert fits(1.0)
        assert not any(fits(wrong) for wrong in (2 / 3, 3 / 2))
        values = np.array([draw.pairs.value for draw in draws])
        assert abs(np.corrcoef(values, [draw.triples.value for draw in draws])[0, 1]) < 0.42

    def test_entities_take_as_much_more_noise_as_they_may_have_rows(self, encoder):
        df = table(np.random.default_rng(1), 400).assign(key=np.arange(400))
        one, four = (measure(df, encoder, df, unit=PrivacyUnit("key", k), n_rows=400)[0] for k in (1, 4))
        assert four.pairs.noise_stddev == pytest.approx(4 * one.pairs.noise_stddev)

"""Membership inference: areas and thresholds by hand, and known extremes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tabgan import Identifier, Schema
from tabgan._util.rng import RandomStreams
from tabgan.evaluation import evaluate
from tabgan.evaluation.attacks.membership import (
    RATES,
    MembershipScores,
    auc_figure,
    auc_interval,
    membership_curve,
    membership_findings,
    tpr_figure,
)
from tabgan.evaluation.tables import prepare
from tabgan.report.figures.pictures import membership_points

#: The steps of an evaluation that are tested here.
STEPS = ("membership_findings", "copy_findings")

NAMES = ("membership_auc", "membership_tpr_1", "membership_tpr_01")


def attacked(real, holdout, synthetic, seed: int = 0):
    """Return the metrics by name, and the curve."""
    found = membership_findings(prepare(real, holdout, synthetic, None), RandomStreams(seed))
    metrics, curve = found.metrics, found.pictures.membership
    return {metric.name: metric for metric in metrics}, curve


class TestAuc:
    def test_by_hand(self):
        found = auc_figure(MembershipScores(np.array([3.0, 1.0]), np.array([2.0, 1.0])))
        assert found.value == (1 + 1 + 0 + 0.5) / 4
        assert found.risk.value == 2 * found.value - 1
        assert (found.reference, found.baseline) == (0.5, 0.5)

    def test_as_sklearn_with_ties(self):
        rng = np.random.default_rng(0)
        scores = MembershipScores(rng.integers(0, 9, 70), rng.integers(0, 7, 50))
        labels = np.repeat([1, 0], [70, 50])
        assert auc_figure(scores).value == pytest.approx(roc_auc_score(labels, np.concatenate(scores)))

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize(("shift", "area"), [(0.0, 0.5), (1.0, 0.7602), (2.5, 0.9615)])
    def test_the_interval_covers_what_is_true(self, shift, area):
        rng = np.random.default_rng(1)
        covered = [
            interval.low <= area <= interval.high
            for interval in (
                auc_figure(MembershipScores(rng.normal(shift, 1, 60), rng.normal(0, 1, 60))).interval
                for _ in range(600)
            )
        ]
        assert 0.91 < np.mean(covered) < 0.985

    def test_a_width_at_the_ends(self):
        assert 0.8 < auc_interval(1.0, 30, 30).low < 1
        assert auc_interval(1.0, 30, 30).high == 1
        assert auc_interval(0.0, 30, 30).high == pytest.approx(1 - auc_interval(1.0, 30, 30).low)


class TestThreshold:
    def test_by_hand(self):
        others = np.arange(1000.0)  # at 1%, ten of them may be accused: those above 989
        found = tpr_figure(MembershipScores(np.array([989.0, 989.5, 2000.0, 5.0]), others), 0.01)
        assert (found.value, found.reference, found.baseline) == (0.5, 0.01, 0.01)
        found = tpr_figure(MembershipScores(np.array([998.0, 998.5, 2000.0, 5.0]), others), 0.001)
        assert (found.value, found.reference) == (0.5, 0.001)

    def test_ties_are_not_accused(self):
        others = np.repeat([0.0, 1.0], [500, 500])
        found = tpr_figure(MembershipScores(np.ones(100), others), 0.01)
        assert (found.value, found.reference) == (0, 0)

    @pytest.mark.parametrize(("n", "rate", "is_computed"), [(999, 0.001, 0), (1000, 0.001, 1), (99, 0.01, 0)])
    def test_too_few_others(self, n, rate, is_computed):
        found = tpr_figure(MembershipScores(np.ones(50), np.arange(float(n))), rate)
        assert isinstance(found, str) != bool(is_computed)
        assert is_computed or found.startswith(f"fewer than {round(1 / rate):,} holdout rows")

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("rate", [0.01, 0.001])
    def test_guessing_raises_no_alarm(self, rate):
        """The risk's interval counts the threshold's error: with the threshold as given, alarms would be common."""
        rng = np.random.default_rng(0)
        lows = [
            tpr_figure(MembershipScores(rng.random(1000), rng.random(1000)), rate).risk.interval.low
            for _ in range(400)
        ]
        assert np.mean(np.array(lows) > 0) < 0.05

    def test_someone_found_shows_at_low_rates_alone(self):
        rng = np.random.default_rng(0)
        members = np.concatenate([rng.normal(size=970), np.full(30, 99.0)])
        scores = MembershipScores(members, rng.normal(size=1000))
        assert tpr_figure(scores, 0.001).risk.interval.low > 0.01
        assert auc_figure(scores).risk.interval.low < 0.05


class TestCurve:
    def test_shape(self):
        rng = np.random.default_rng(0)
        curve = membership_curve(MembershipScores(rng.normal(1, 1, 3000), rng.normal(size=3000)))
        false, true = np.array(curve.false_positive), np.array(curve.true_positive)
        assert len(false) == len(true) <= 200
        assert (np.diff(false) > 0).all()
        assert (np.diff(true) >= 0).all()
        assert (false[0], false[-1], true[-1]) == (0, 1, 1)
        assert ((false > 0) & (false < 0.01)).sum() >= 20  # dense where it matters
        area = ((true[1:] + true[:-1]) / 2 * np.diff(false)).sum()
        assert area == pytest.approx(0.7602, abs=0.02)

    def test_what_is_found_without_a_false_accusation(self):
        curve = membership_curve(
            MembershipScores(np.array([3.0, 3.0, 0.0, 0.0]), np.array([2.0, 1.0, 0.0, 0.0]))
        )
        assert (curve.false_positive[0], curve.true_positive[0]) == (0, 0.5)

    def test_scores_that_tell_nothing_are_below_the_diagonal(self):
        """As in the figures, rows tied with the threshold are not accused."""
        curve = membership_curve(MembershipScores(np.zeros(50), np.zeros(80)))
        assert set(curve.true_positive[:-1]) == {0}
        assert curve.true_positive[-1] == 1

    @pytest.mark.parametrize("n", [1000, 1500, 1999, 2000, 999])
    @pytest.mark.parametrize("digits", [0, 1, 9])
    def test_the_picture_says_what_the_figures_say(self, n, digits):
        """Ties, and rates that are no whole number of rows, are where two ways of counting part."""
        rng = np.random.default_rng(n)
        scores = MembershipScores(rng.normal(0.3, 1, n).round(digits), rng.normal(size=n).round(digits))
        told = dict(membership_points(membership_curve(scores)))
        for rate in RATES:
            figure = tpr_figure(scores, rate)
            assert told[rate] == (None if isinstance(figure, str) else figure.value)


class TestExtremes:
    @pytest.mark.parametrize("seed", range(3))
    def test_a_copy_is_found(self, make, seed):
        real = make(1000, 10 + seed)
        found, curve = attacked(real, make(2000, 20 + seed), real, seed)
        assert found["membership_auc"].interval.low > 0.98
        for name in NAMES:
            assert found[name].value > 0.9
            assert found[name].risk.interval.low > 0.85
        assert curve.true_positive[0] > 0.9

    def test_some_copies_show_at_low_rates(self, make):
        real = make(1000, 0)
        found, _ = attacked(real, make(2000, 1), pd.concat([real.head(100), make(900, 2)]))
        assert found["membership_tpr_1"].value == pytest.approx(0.1, abs=0.03)
        assert found["membership_tpr_1"].risk.interval.low > 0.03

    def test_fresh_rows_tell_nothing(self, make):
        for seed in range(10):
            found, _ = attacked(*(make(600, 100 + 3 * seed + i) for i in range(3)), seed)
            assert found["membership_auc"].value == pytest.approx(0.5, abs=0.07)
            assert found["membership_auc"].risk.interval.low < 0.05
            assert found["membership_tpr_1"].risk.interval.low < 0.02
            assert "fewer than 1,000" in found["membership_tpr_01"].reason

    def test_categories_alone(self):
        """Rows that coincide by chance are ties, not finds."""

        def table(seed: int) -> pd.DataFrame:
            cells = np.random.default_rng(seed).integers(0, 3, (800, 3)).astype(str)
            return pd.DataFrame(cells, columns=list("abc"))

        found, _ = attacked(table(0), table(1), table(2))
        assert found["membership_auc"].value == pytest.approx(0.5, abs=0.05)


class TestOdd:
    @pytest.mark.family
    def test_same_seed_same_figures(self, make):
        tables = [make(200, i) for i in range(3)]
        assert attacked(*tables, seed=1) == attacked(*tables, seed=1)
        assert attacked(*tables, seed=2) != attacked(*tables, seed=1)

    def test_few_rows(self, make):
        found, curve = attacked(make(50, 0), make(39, 1), make(50, 2))
        assert {metric.reason for metric in found.values()} == {"the holdout has fewer than 40 rows"}
        assert curve is None

    def test_the_picture_is_in_the_evaluation(self, make):
        found = evaluate(make(60, 0), make(60, 1), make(60, 2))
        assert found.pictures.membership.false_positive[-1] == 1
        assert found.pictures.distances is not None

    def test_what_is_said(self, make):
        for metric in attacked(make(60, 0), make(60, 1), make(60, 2))[0].values():
            assert "no guarantee" in metric.meaning


def test_rows_of_one_person_are_not_on_both_sides_of_the_attack():
    """Else the population is dense at others, whose further rows are in it, and a sound model fails."""
    rng = np.random.default_rng(0)

    def visits(first, n_people):
        people = np.repeat(np.arange(n_people), 5)
        table = pd.DataFrame({f"x{j}": rng.normal(0, 1, n_people)[people] for j in range(4)})
        return (table + rng.normal(0, 0.01, table.shape)).assign(who=people + first)

    real, holdout, synthetic = visits(0, 120), visits(1_000, 120), visits(5_000, 120)
    schema = Schema([Identifier(name="who")], entity="who", max_rows=5)
    found = evaluate(real, holdout, synthetic, schema=schema, progress=False)["membership_auc"]
    assert found.risk.interval.low < 0 < found.risk.interval.high
    alone = evaluate(real, holdout, synthetic, schema=Schema([Identifier(name="who")]), progress=False)
    assert alone["membership_auc"].risk.value > 0.5  # the test would see it

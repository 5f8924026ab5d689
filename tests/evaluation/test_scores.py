"""Scores against scikit-learn's, intervals against known ones, and probabilities that come true or do not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from tabgan.evaluation.scores import auc_scorer, bootstrap, calibration_points, r2_scorer

#: Intervals are held against known ones.
FULL_RUN = ("_N_BOOTSTRAP",)


class TestScorers:
    def test_auc_of_two_classes(self):
        rng = np.random.default_rng(0)
        labels, scores = rng.integers(0, 2, 200), rng.random(200).round(1)  # rounded: with ties
        score = auc_scorer(labels, np.stack([1 - scores, scores], axis=1))
        assert score(np.ones(200)) == pytest.approx(roc_auc_score(labels, scores))
        weights = rng.integers(0, 4, 200).astype(float)
        assert score(weights) == pytest.approx(roc_auc_score(labels, scores, sample_weight=weights))

    def test_auc_of_three_classes(self):
        rng = np.random.default_rng(1)
        labels, scores = rng.integers(0, 3, 200), rng.dirichlet([1, 1, 1], 200)
        expected = roc_auc_score(labels, scores, multi_class="ovr", average="macro")
        assert auc_scorer(labels, scores)(np.ones(200)) == pytest.approx(expected)

    def test_a_class_without_rows_is_left_out(self):
        scores = np.array([[0.8, 0.2, 0], [0.1, 0.9, 0]])
        assert auc_scorer(np.array([0, 1]), scores)(np.ones(2)) == 1
        assert np.isnan(auc_scorer(np.array([0, 0]), scores)(np.ones(2)))

    def test_r2(self):
        rng = np.random.default_rng(2)
        truth = rng.normal(5, 1, 100)
        predicted, weights = truth + rng.normal(0, 0.5, 100), rng.integers(0, 4, 100).astype(float)
        assert r2_scorer(truth, predicted)(weights) == pytest.approx(
            r2_score(truth, predicted, sample_weight=weights)
        )
        assert np.isnan(r2_scorer(np.ones(3), np.ones(3))(np.ones(3)))

    def test_interval_of_a_mean(self):
        """The bootstrap of a mean is known: 1.96 standard errors to either side."""
        values = np.random.default_rng(3).normal(size=400)
        found = bootstrap(lambda w: float(w @ values / w.sum()), 400, np.random.default_rng(0))
        half = 1.96 * values.std() / 20
        assert found.value == pytest.approx(values.mean())
        assert found.interval.high - found.value == pytest.approx(half, rel=0.25)
        assert found.value - found.interval.low == pytest.approx(half, rel=0.25)


class TestCalibration:
    def test_true_probabilities_come_true(self):
        rng = np.random.default_rng(4)
        probability = rng.random(20_000)
        points = calibration_points(probability, rng.random(20_000) < probability)
        assert [point.n_rows for point in points] == pytest.approx([2000] * 10, abs=1)
        assert [point.predicted for point in points] == pytest.approx(np.arange(10) / 10 + 0.05, abs=0.01)
        assert [point.observed for point in points] == pytest.approx(
            [point.predicted for point in points], abs=0.04
        )

    def test_overconfidence_shows(self):
        rng = np.random.default_rng(5)
        probability = rng.random(20_000)
        points = calibration_points(probability, rng.random(20_000) < 0.25 + probability / 2)
        assert points[0].observed > points[0].predicted + 0.15
        assert points[-1].observed < points[-1].predicted - 0.15

    def test_equal_probabilities_stay_together(self):
        (point,) = calibration_points(np.full(50, 0.3), np.arange(50) < 20)
        assert (point.predicted, point.observed, point.n_rows) == (pytest.approx(0.3), 0.4, 50)

    def test_every_row_is_counted_once(self):
        rng = np.random.default_rng(6)
        points = calibration_points(rng.random(137).round(1), rng.random(137) < 0.5)
        assert sum(point.n_rows for point in points) == 137

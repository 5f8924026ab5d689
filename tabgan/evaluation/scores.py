"""Quality of predictions: scores of weighted rows, their intervals, and the calibration of probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tabgan.evaluation.metric import LEVEL, Figure
from tabgan.evaluation.result import CalibrationPoint, Interval

#: Function from the weights of rows to a score; NaN if undefined.
Scorer = Callable[[np.ndarray], float]

_N_BOOTSTRAP = 200
_N_BINS = 10


@dataclass(frozen=True)
class Predictions:
    """Predictions for the same holdout rows, by models trained on each table.

    Attributes:
        rows: ``(rows,)`` positions in the holdout.
        truth: ``(rows,)`` class numbers or values.
        real: ``(rows, classes)`` probabilities or ``(rows,)`` values, of the model trained on real rows.
        synthetic: The same of the one trained on synthetic rows.
        n_classes: 0 for a regression.
    """

    rows: np.ndarray
    truth: np.ndarray
    real: np.ndarray
    synthetic: np.ndarray
    n_classes: int


def auc_scorer(labels: np.ndarray, scores: np.ndarray) -> Scorer:
    """Return a function from row weights to the ROC AUC, for more than two classes the mean of one against the rest.

    Classes without weight are left out. Ties count half.

    Args:
        labels: ``(rows,)`` class numbers.
        scores: ``(rows, classes)`` probabilities.
    """
    n_classes = scores.shape[1]
    ordered = []
    for c in range(n_classes) if n_classes > 2 else [n_classes - 1]:
        order = np.argsort(scores[:, c], kind="stable")
        starts = np.flatnonzero(np.diff(scores[order, c], prepend=-np.inf) > 0)
        ordered.append((order, starts, labels[order] == c))

    def score(weights: np.ndarray) -> float:
        areas = []
        for order, starts, is_class in ordered:
            sorted_weights = weights[order]
            ones = np.add.reduceat(np.where(is_class, sorted_weights, 0.0), starts)
            zeros = np.add.reduceat(np.where(is_class, 0.0, sorted_weights), starts)
            if ones.sum() > 0 and zeros.sum() > 0:
                below = np.cumsum(zeros) - zeros / 2
                areas.append(float(ones @ below / (ones.sum() * zeros.sum())))
        return float(np.mean(areas)) if areas else np.nan

    return score


def r2_scorer(truth: np.ndarray, predicted: np.ndarray) -> Scorer:
    """Return a function from row weights to the coefficient of determination."""
    centred, residual = truth - truth.mean(), truth - predicted

    def score(weights: np.ndarray) -> float:
        total = weights @ centred**2 - (weights @ centred) ** 2 / weights.sum()
        return float(1 - weights @ residual**2 / total) if total > 0 else np.nan

    return score


def scorer(truth: np.ndarray, predicted: np.ndarray, n_classes: int) -> Scorer:
    """Return the score of a task: ROC AUC for classes, else the coefficient of determination."""
    return auc_scorer(truth, predicted) if n_classes else r2_scorer(truth, predicted)


def bootstrap(score: Scorer, n_rows: int, rng: np.random.Generator) -> Figure:
    """Return a score with its percentile interval over the test rows; models are not trained again.

    References:
        Efron & Tibshirani (1993), *An Introduction to the Bootstrap*, chapter 13.
    """
    draws = [
        score(np.bincount(rng.integers(n_rows, size=n_rows), minlength=n_rows).astype(float))
        for _ in range(_N_BOOTSTRAP)
    ]
    found = np.array(draws)[np.isfinite(draws)]
    interval = None
    if len(found) > _N_BOOTSTRAP // 2:
        low, high = np.quantile(found, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
        interval = Interval(float(low), float(high), LEVEL)
    return Figure(score(np.ones(n_rows)), interval)


def calibration_points(probability: np.ndarray, is_true: np.ndarray) -> tuple[CalibrationPoint, ...]:
    """Return predicted and observed shares of rows in ten groups of about the same size, by rising probability.

    Rows of the same probability are never split, so that there may be fewer groups.

    Args:
        probability: ``(rows,)`` probabilities of a class.
        is_true: ``(rows,)`` booleans, True for rows that have the class.

    >>> points = calibration_points(np.array([0.2, 0.2, 0.8, 0.8]), np.array([False, True, True, True]))
    >>> [(point.predicted, point.observed) for point in points]
    [(0.2, 0.5), (0.8, 1.0)]
    """
    edges = np.unique(np.quantile(probability, np.arange(1, _N_BINS) / _N_BINS, method="inverted_cdf"))
    bins = np.searchsorted(edges, probability, side="left")
    points = []
    for each in np.unique(bins):
        rows = bins == each
        predicted, observed = float(probability[rows].mean()), float(is_true[rows].mean())
        points.append(CalibrationPoint(predicted, observed, int(rows.sum())))
    return tuple(points)

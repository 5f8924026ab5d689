"""What a model is worth that was trained on the synthetic table instead of the real one.

References:
    Esteban, Hyland & Raetsch (2017), *Real-valued (Medical) Time Series Generation with Recurrent Conditional GANs*:
    train on synthetic, test on real.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from tabgan.evaluation.measure import LEVEL, Definition, Figure, NotComputed, measure
from tabgan.evaluation.result import Interval, Metric
from tabgan.evaluation.tables import Tables, Three, embed, features, informative, subsample
from tabgan.rng import RandomStreams
from tabgan.schema import Numeric

#: Numbers with more distinct values than this are regressed, others are classes.
MAX_CLASS_NUMBERS = 20

#: Classes that a target may have.
MAX_CLASSES = 50

#: Rows that a target must have in the holdout and in a table to train on.
MIN_ROWS = 20

_MAX_TREE_ROWS, _MAX_LINEAR_ROWS, _MAX_TEST_ROWS = 50_000, 20_000, 20_000
_N_BOOTSTRAP = 200

Scorer = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class _Task:
    """A target to predict.

    Attributes:
        labels: ``(rows,)`` of each table: class numbers or values; NaN where there is none.
        n_classes: Classes in the real table; 0 for a regression.
    """

    labels: Three[np.ndarray]
    n_classes: int

    @property
    def score(self) -> str:
        """What models are judged by, in words."""
        return "ROC AUC" if self.n_classes else "R2"


@dataclass(frozen=True)
class _Family:
    """A kind of model, as both tables train it."""

    suffix: str
    label: str
    max_rows: int
    inputs: Callable[[Tables, list[int]], Three[np.ndarray]]
    build: Callable[[_Task, int], Any]


def utility_metrics(tables: Tables, target: str | None, streams: RandomStreams) -> tuple[Metric, ...]:
    """Return ``tstr``, ``trtr`` and the same for linear models; without a target ``tstr`` alone, and why."""
    if target is None:
        return (_definitions(_TREES, "ROC AUC or R2")[0].metric("no target was named"),)
    task, reason = None, ""
    try:
        task = _task(tables, target)
    except NotComputed as answer:
        reason = str(answer)

    def metrics(family: _Family) -> tuple[Metric, ...]:
        if task is None:
            return tuple(each.metric(reason) for each in _definitions(family, "ROC AUC or R2"))
        return measure(
            _definitions(family, task.score), lambda: _compare(tables, target, task, family, streams)
        )

    return metrics(_TREES) + metrics(_LINEAR)


def auc_scorer(labels: np.ndarray, scores: np.ndarray) -> Scorer:
    """Return a function from row weights to the ROC AUC, for more than two classes the mean of one against the rest.

    Classes that have no weight are left out. Ties count half.

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


def _definitions(family: _Family, score: str) -> list[Definition]:
    tested = f"tested on held-out real rows; the interval is over those rows. {score}: {_SCORES[score]}"
    return [
        Definition(
            name=f"tstr{family.suffix}",
            label=f"Trained on synthetic, tested on real ({family.label}, {score})",
            group="utility",
            direction="higher",
            format="score",
            meaning=f"How well {family.label} predict the target when trained on synthetic rows, {tested} "
            "The reference was trained on as many real rows.",
            good="Within the interval of the reference: the synthetic table then serves as well as the real one.",
        ),
        Definition(
            name=f"trtr{family.suffix}",
            label=f"Trained on real, tested on real ({family.label}, {score})",
            group="utility",
            direction="higher",
            format="score",
            meaning=f"How well {family.label} predict the target when trained on as many real rows, {tested}",
            good="What there is to learn; it bounds what the synthetic table can be expected to teach.",
        ),
    ]


_SCORES = {
    "ROC AUC": "0.5 is guessing, 1 is perfect.",
    "R2": "0 is guessing the mean, 1 is perfect.",
    "ROC AUC or R2": "1 is perfect.",
}


def _task(tables: Tables, target: str) -> _Task:
    """Return what is to be predicted.

    Raises:
        NotComputed: when nothing can be.
    """
    names = [column.name for column in tables.modelled]
    if target not in names:
        is_known = any(column.name == target for column in tables.columns)
        raise NotComputed(
            "the target is an identifier" if is_known else "the target is not among the columns"
        )
    if len(names) == 1:
        raise NotComputed("there is no column to predict the target from")
    j = names.index(target)
    labels = tables.values.map(lambda values: values[:, j])
    distinct = np.unique(labels.real[~np.isnan(labels.real)])
    if len(distinct) < 2:
        raise NotComputed("the target is constant in the real table")
    if isinstance(tables.modelled[j], Numeric) and len(distinct) > MAX_CLASS_NUMBERS:
        return _Task(labels, 0)
    if len(distinct) > MAX_CLASSES:
        raise NotComputed(f"the target has more than {MAX_CLASSES} classes")

    def to_class(values: np.ndarray) -> np.ndarray:
        position = np.minimum(np.searchsorted(distinct, values), len(distinct) - 1)
        return np.where(distinct[position] == values, position, np.nan)  # NaN equals nothing

    return _Task(labels.map(to_class), len(distinct))


def _compare(
    tables: Tables, target: str, task: _Task, family: _Family, streams: RandomStreams
) -> list[Figure | str]:
    """Return the figures of training on synthetic and on real rows."""
    rng = streams.numpy("evaluation.utility" + family.suffix)
    seed = int(rng.integers(2**31))
    others = [j for j in range(len(tables.modelled)) if j != tables.position(target)]
    inputs = family.inputs(tables, others)
    kept = task.labels.map(lambda labels: np.flatnonzero(~np.isnan(labels)))
    test = subsample(kept.holdout, _MAX_TEST_ROWS, rng)
    if len(test) < MIN_ROWS:
        raise NotComputed(f"the target is present in fewer than {MIN_ROWS} held-out rows")
    truth = task.labels.holdout[test]
    if len(np.unique(truth)) < 2:
        raise NotComputed("the target is constant in the holdout")
    n_rows = min(len(kept.real), len(kept.synthetic), family.max_rows)

    def score(x: np.ndarray, y: np.ndarray, rows: np.ndarray) -> Figure | str:
        train = subsample(rows, n_rows, rng)
        if len(train) < MIN_ROWS:
            return f"the target is present in fewer than {MIN_ROWS} rows to train on"
        if len(np.unique(y[train])) < 2:
            return "the target is constant in the rows to train on"
        predicted = _predict(family.build(task, seed), x[train], y[train], inputs.holdout[test], task)
        scorer = auc_scorer(truth, predicted) if task.n_classes else r2_scorer(truth, predicted)
        return bootstrap(scorer, len(test), rng)

    real = score(inputs.real, task.labels.real, kept.real)
    synthetic = score(inputs.synthetic, task.labels.synthetic, kept.synthetic)
    if isinstance(synthetic, Figure) and isinstance(real, Figure):
        synthetic = synthetic._replace(reference=real.value)
    return [synthetic, real]


def _predict(model: Any, x: np.ndarray, y: np.ndarray, x_test: np.ndarray, task: _Task) -> np.ndarray:
    """Return ``(rows, classes)`` probabilities, or ``(rows,)`` values."""
    is_used = informative(x)
    if not is_used.any():
        raise NotComputed("every column but the target is constant")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x[:, is_used], y)
    if not task.n_classes:
        return np.asarray(model.predict(x_test[:, is_used]))
    scores = np.zeros((len(x_test), task.n_classes))
    scores[:, model.classes_.astype(int)] = model.predict_proba(x_test[:, is_used])
    return scores


def _build_trees(task: _Task, seed: int) -> Any:
    # Without the penalty, leaves that hold a rare class grow without bound, and the ROC AUC falls below chance.
    options: dict[str, Any] = {"early_stopping": False, "l2_regularization": 1.0, "random_state": seed}
    if not task.n_classes:
        return HistGradientBoostingRegressor(**options)
    # A round grows one tree a class: with many classes, fewer rounds take the same time.
    rounds = int(np.clip(500 // task.n_classes, 20, 100))
    return HistGradientBoostingClassifier(max_iter=rounds, **options)


def _build_linear(task: _Task, seed: int) -> Any:
    return LogisticRegression(max_iter=200) if task.n_classes else Ridge()


def _tree_inputs(tables: Tables, others: list[int]) -> Three[np.ndarray]:
    return features(tables).map(lambda values: values[:, others])


_TREES = _Family("", "boosted trees", _MAX_TREE_ROWS, _tree_inputs, _build_trees)
_LINEAR = _Family("_linear", "linear models", _MAX_LINEAR_ROWS, embed, _build_linear)

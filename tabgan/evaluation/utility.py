"""Utility of the synthetic table for training models, compared with the real table.

References:
    Esteban, Hyland & Raetsch (2017), *Real-valued (Medical) Time Series Generation with Recurrent Conditional GANs*:
    train on synthetic, test on real.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from tabgan._util.rng import RandomStreams
from tabgan.evaluation.catalog import Entry, entries
from tabgan.evaluation.catalog.utility_figures import scored
from tabgan.evaluation.metric import Figure, Findings, NotComputed, draw, measure, metric_of
from tabgan.evaluation.result import Calibration, Metric, Pictures
from tabgan.evaluation.scores import Predictions, bootstrap, calibration_points, scorer
from tabgan.evaluation.subgroups import (
    group_columns,
    is_declared,
    is_in_synthetic,
    shown_key,
    subgroup_findings,
)
from tabgan.evaluation.tables import Tables, Three, embed, features, informative, subsample

#: Numbers with more distinct values than this are regression targets, others are classes.
MAX_CLASS_NUMBERS = 20

#: Largest number of classes of a target.
MAX_CLASSES = 50

#: Least number of rows with a target, in the holdout and in a training table.
MIN_ROWS = 20

_MAX_TREE_ROWS, _MAX_LINEAR_ROWS = 50_000, 20_000
_MAX_TEST_ROWS, _MIN_TEST_ROWS, _TEST_SCORES = 20_000, 5_000, 200_000


@dataclass(frozen=True)
class _Task:
    """A target to predict.

    Attributes:
        labels: ``(rows,)`` of each table: class numbers or values; NaN for none.
        classes: ``(classes,)`` their values in the real table; empty for a regression.
    """

    labels: Three[np.ndarray]
    classes: np.ndarray

    @property
    def n_classes(self) -> int:
        """The number of classes; 0 for a regression."""
        return len(self.classes)

    @property
    def score(self) -> str:
        """The name of the models' score."""
        return "ROC AUC" if self.n_classes else "R2"


@dataclass(frozen=True)
class _Family:
    """A kind of model that is trained on both tables."""

    suffix: str
    max_rows: int
    inputs: Callable[[Tables, list[int]], Three[np.ndarray]]
    build: Callable[[_Task, int], Any]


def utility_findings(
    tables: Tables, target: str | None, subgroups: Sequence[str] | None, streams: RandomStreams
) -> Findings:
    """Return ``tstr``, ``trtr``, the same for linear models, ``tstr_subgroups``, the groups and the calibration.

    Without a target, only ``tstr`` and ``tstr_subgroups``, with the reason.

    Args:
        tables: The three tables.
        target: The column to predict.
        subgroups: Columns that define groups; ``None`` for :func:`~tabgan.evaluation.subgroups.group_columns`.
        streams: Random streams.

    Raises:
        DataError: a column of ``subgroups`` cannot be used.
    """
    columns = group_columns(tables, target, subgroups)
    if target is None:
        reason = "no target was named"
        return Findings(tuple(metric_of(each, reason) for each in entries("tstr", "tstr_subgroups")))
    try:
        task = _task(tables, target)
    except NotComputed as answer:
        all_of_them = entries("tstr", "trtr", "tstr_linear", "trtr_linear", "tstr_subgroups")
        return Findings(tuple(metric_of(each, str(answer)) for each in all_of_them))
    predicted: dict[str, Predictions] = {}

    def metrics(family: _Family) -> tuple[Metric, ...]:
        return measure(
            _entries(family, task.score),
            lambda: _compare(tables, target, task, family, streams, predicted),
        )

    found = metrics(_TREES) + metrics(_LINEAR)
    judged = predicted.get(_TREES.suffix) or next(each.reason for each in found)
    groups = subgroup_findings(tables, columns, judged, streams)
    picture = Pictures(calibration=draw(lambda: _calibration(tables, target, task, judged)))
    return Findings(found + groups.metrics, subgroups=groups.subgroups, pictures=picture)


def _entries(family: _Family, score: str) -> list[Entry]:
    return [scored(each, score) for each in entries(f"tstr{family.suffix}", f"trtr{family.suffix}")]


def _task(tables: Tables, target: str) -> _Task:
    """Return the prediction task.

    Raises:
        NotComputed: no target can be predicted.
    """
    names = [column.name for column in tables.modelled]
    if target not in names:
        known = [column.generated_as for column in tables.columns if column.name == target]
        raise NotComputed(f"the target is {known[0]}" if known else "the target is not among the columns")
    if len(names) == 1:
        raise NotComputed("there is no column to predict the target from")
    j = names.index(target)
    labels = tables.values.map(lambda values: values[:, j])
    distinct = np.unique(labels.real[~np.isnan(labels.real)])
    if len(distinct) < 2:
        raise NotComputed("the target is constant in the real table")
    if tables.modelled[j].is_regressed and len(distinct) > MAX_CLASS_NUMBERS:
        return _Task(labels, np.empty(0))
    if len(distinct) > MAX_CLASSES:
        raise NotComputed(f"the target has more than {MAX_CLASSES} classes")

    def to_class(values: np.ndarray) -> np.ndarray:
        position = np.minimum(np.searchsorted(distinct, values), len(distinct) - 1)
        return np.where(distinct[position] == values, position, np.nan)  # NaN equals nothing

    return _Task(labels.map(to_class), distinct)


def _compare(
    tables: Tables,
    target: str,
    task: _Task,
    family: _Family,
    streams: RandomStreams,
    predicted: dict[str, Predictions],
) -> list[Figure | str]:
    """Return the figures of training on synthetic and on real rows; store the predictions of both, if any."""
    rng = streams.numpy("evaluation.utility" + family.suffix)
    seed = int(rng.integers(2**31))
    others = [j for j in range(len(tables.modelled)) if j != tables.position(target)]
    inputs = family.inputs(tables, others)
    kept = task.labels.map(lambda labels: np.flatnonzero(~np.isnan(labels)))
    # Every class is scored against the rest: with many, fewer rows take the same time.
    n_test = int(np.clip(_TEST_SCORES // max(task.n_classes, 1), _MIN_TEST_ROWS, _MAX_TEST_ROWS))
    test = subsample(kept.holdout, n_test, rng)
    if len(test) < MIN_ROWS:
        raise NotComputed(f"the target is present in fewer than {MIN_ROWS} holdout rows")
    truth = task.labels.holdout[test]
    if len(np.unique(truth)) < 2:
        raise NotComputed("the target is constant in the holdout")
    n_rows = min(len(kept.real), len(kept.synthetic), family.max_rows)

    def learn(x: np.ndarray, y: np.ndarray, rows: np.ndarray) -> np.ndarray | str:
        train = subsample(rows, n_rows, rng)
        if len(train) < MIN_ROWS:
            return f"the target is present in fewer than {MIN_ROWS} rows to train on"
        if len(np.unique(y[train])) < 2:
            return "the target is constant in the rows to train on"
        return _predict(family.build(task, seed), x[train], y[train], inputs.holdout[test], task)

    real = learn(inputs.real, task.labels.real, kept.real)
    synthetic = learn(inputs.synthetic, task.labels.synthetic, kept.synthetic)
    if not isinstance(real, str) and not isinstance(synthetic, str):
        predicted[family.suffix] = Predictions(test, truth, real, synthetic, task.n_classes)
    real_figure, synthetic_figure = (
        each if isinstance(each, str) else bootstrap(scorer(truth, each, task.n_classes), len(test), rng)
        for each in (real, synthetic)
    )
    if isinstance(synthetic_figure, Figure) and isinstance(real_figure, Figure):
        synthetic_figure = synthetic_figure._replace(
            reference=real_figure.value, reference_interval=real_figure.interval
        )
    return [synthetic_figure, real_figure]


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


def _calibration(
    tables: Tables, target: str, task: _Task, judged: Predictions | str | None
) -> Calibration | None:
    """Return the calibration of the trees' probabilities of one class; ``None`` without classes or models.

    The class is the rarer of two, or the most frequent of more. A class of fewer than ``MIN_ROWS`` holdout rows, or
    one neither declared nor in the synthetic table, is not shown: it would name the values of single rows.
    """
    if not isinstance(judged, Predictions) or not task.n_classes:
        return None
    counts = np.bincount(task.labels.real[~np.isnan(task.labels.real)].astype(np.int64))
    chosen = int(counts.argmin() if task.n_classes == 2 else counts.argmax())
    is_chosen = judged.truth == chosen
    j, code = tables.position(target), task.classes[chosen]
    may_be_named = is_declared(tables, j, code) or is_in_synthetic(tables, j, code)
    if is_chosen.sum() < MIN_ROWS or not may_be_named:
        return None
    return Calibration(
        shown_key(code, tables.keys[j]),
        calibration_points(judged.synthetic[:, chosen], is_chosen),
        calibration_points(judged.real[:, chosen], is_chosen),
    )


#: Settings of boosted trees. Without the penalty, leaves with a rare class grow without bound, and the ROC AUC falls
#: below chance.
_TREE_OPTIONS: dict[str, Any] = {"early_stopping": False, "l2_regularization": 1.0}


def build_classifier(n_classes: int, seed: int) -> HistGradientBoostingClassifier:
    """Return untrained boosted trees for a number of classes."""
    # A round grows one tree a class: with many classes, fewer rounds take the same time.
    rounds = int(np.clip(500 // n_classes, 20, 100))
    return HistGradientBoostingClassifier(max_iter=rounds, random_state=seed, **_TREE_OPTIONS)


def _build_trees(task: _Task, seed: int) -> Any:
    if not task.n_classes:
        return HistGradientBoostingRegressor(random_state=seed, **_TREE_OPTIONS)
    return build_classifier(task.n_classes, seed)


def _build_linear(task: _Task, seed: int) -> Any:
    return LogisticRegression(max_iter=200) if task.n_classes else Ridge()


def _tree_inputs(tables: Tables, others: list[int]) -> Three[np.ndarray]:
    return features(tables).map(lambda values: values[:, others])


_TREES = _Family("", _MAX_TREE_ROWS, _tree_inputs, _build_trees)
_LINEAR = _Family("_linear", _MAX_LINEAR_ROWS, embed, _build_linear)

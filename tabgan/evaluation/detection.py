"""A model that tells synthetic rows from real ones, and the columns that it uses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import PredefinedSplit, StratifiedKFold

from tabgan._util.rng import RandomStreams
from tabgan.evaluation.catalog import entries
from tabgan.evaluation.metric import LEVEL, Figure, Findings, NotComputed, measure
from tabgan.evaluation.result import Interval
from tabgan.evaluation.tables import (
    Tables,
    equal_rows,
    features,
    informative,
    parts_of_units,
    require_columns,
)

#: Largest number of rows of each table that the models are trained on.
MAX_ROWS = 10_000

#: Rows, one fold of both tables, in which columns are shuffled: at most, at least, and over all columns together.
_MAX_SHUFFLED, _MIN_SHUFFLED, _SHUFFLED_CELLS = 3_000, 500, 60_000

_FOLDS = 3
_MIN_ROWS = 30


class _Fold(NamedTuple):
    """A model and the rows that it never saw."""

    model: Any
    is_used: np.ndarray
    test: np.ndarray


def detection_findings(
    tables: Tables, streams: RandomStreams, holdout_units: np.ndarray | None = None
) -> Findings:
    """Return ``c2st``, and its loss for each column when that column is shuffled.

    The loss is small for a column that repeats another, and for each of several columns that give rows away on their
    own: a small loss beside a large ``c2st`` clears no column.

    ``holdout_units`` are the ``(rows,)`` numbers of the people behind holdout rows, if some have several: a person's
    rows are alike, so that a model would know the holdout by people that it has seen.

    References:
        Lopez-Paz & Oquab (2017), *Revisiting Classifier Two-Sample Tests*; Breiman (2001), *Random Forests*,
        section 10, for the shuffling.
    """
    giveaways: dict[str, float] = {}

    def compute() -> list[Figure]:
        require_columns(tables)
        rng = streams.numpy("evaluation.c2st")
        values = features(tables)
        rows = equal_rows(values.map(lambda table: np.arange(len(table))), MAX_ROWS, rng)
        if len(rows.synthetic) < _MIN_ROWS:
            raise NotComputed(f"fewer than {_MIN_ROWS} rows in the holdout or in the synthetic table")
        x = np.concatenate([values.holdout[rows.holdout], values.synthetic[rows.synthetic]])
        is_synthetic = np.repeat([False, True], [len(rows.holdout), len(rows.synthetic)])
        units = None if holdout_units is None else holdout_units[rows.holdout]
        folds = list(_folds(x, is_synthetic, units, rng))
        scores = np.full(len(x), 0.5)
        for fold in folds:
            scores[fold.test] = _scores(fold, x[fold.test])
        drops = _drops(folds, x, is_synthetic, rng)
        giveaways.update({c.name: float(drop) for c, drop in zip(tables.modelled, drops, strict=True)})
        return [auc_figure(scores, is_synthetic)]

    return Findings(measure(entries("c2st"), compute), giveaways=giveaways)


def auc_figure(scores: np.ndarray, is_positive: np.ndarray) -> Figure:
    """Return the ROC AUC of scores with its interval; no interval if all rows score alike, or the tables separate.

    The interval is over rows, as if the scores came from one model; another draw of training rows is not in it.

    References:
        DeLong, DeLong & Clarke-Pearson (1988), *Comparing the Areas under Two or More Correlated Receiver Operating
        Characteristic Curves*; Sun & Xu (2014), *Fast Implementation of DeLong's Algorithm*, for the ranks.
    """
    n_positive = int(is_positive.sum())
    n_negative = len(scores) - n_positive
    ranks = rankdata(scores)
    # For every row, the share of the other table's rows that score below it; ties count half.
    positive = (ranks[is_positive] - rankdata(scores[is_positive])) / n_negative
    negative = (ranks[~is_positive] - rankdata(scores[~is_positive])) / n_positive
    area = float(positive.mean())
    error = math.sqrt(positive.var(ddof=1) / n_positive + negative.var(ddof=1) / n_negative)
    if error == 0:
        return Figure(area)
    half = float(ndtri(0.5 + LEVEL / 2)) * error
    return Figure(area, Interval(max(0.0, area - half), min(1.0, area + half), LEVEL))


def _folds(
    x: np.ndarray, y: np.ndarray, holdout_units: np.ndarray | None, rng: np.random.Generator
) -> Iterator[_Fold]:
    """Yield models, each with the rows that it never saw; none for a fold in which nothing varies."""
    split: StratifiedKFold | PredefinedSplit
    if holdout_units is None:
        split = StratifiedKFold(_FOLDS, shuffle=True, random_state=int(rng.integers(2**31)))
    else:
        split = PredefinedSplit(_parts(holdout_units, int(y.sum()), rng))
    for train, test in split.split(x, y):
        is_used = informative(x[train])
        if is_used.any():
            seed = int(rng.integers(2**31))
            model = HistGradientBoostingClassifier(early_stopping=False, random_state=seed)
            yield _Fold(model.fit(x[train][:, is_used], y[train]), is_used, test)


def _parts(holdout_units: np.ndarray, n_synthetic: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``(rows,)`` numbers of folds: all of a person's holdout rows are in one, synthetic rows in any.

    Raises:
        NotComputed: too few people are behind the holdout rows.
    """
    if len(np.unique(holdout_units)) < _MIN_ROWS:
        raise NotComputed(f"fewer than {_MIN_ROWS} people are behind the holdout rows")
    of_holdout = parts_of_units(holdout_units, _FOLDS, rng)
    return np.concatenate([of_holdout, parts_of_units(np.arange(n_synthetic), _FOLDS, rng)])


def _scores(fold: _Fold, x: np.ndarray) -> np.ndarray:
    return np.asarray(fold.model.predict_proba(x[:, fold.is_used])[:, 1])


def _drops(
    folds: list[_Fold], x: np.ndarray, is_synthetic: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return ``(columns,)`` losses of ROC AUC, on average over folds, when a column is shuffled."""
    n_columns = x.shape[1]
    most = int(np.clip(_SHUFFLED_CELLS // n_columns, _MIN_SHUFFLED, _MAX_SHUFFLED))
    drops = np.zeros((len(folds), n_columns))
    for i, fold in enumerate(folds):
        # The folds' rows come with one table's first: draw them, so that both have their share.
        rows = rng.permutation(fold.test)[:most]
        whole = auc_figure(_scores(fold, x[rows]), is_synthetic[rows]).value
        for j in np.flatnonzero(fold.is_used):
            shuffled = x[rows]
            shuffled[:, j] = shuffled[rng.permutation(len(rows)), j]
            drops[i, j] = whole - auc_figure(_scores(fold, shuffled), is_synthetic[rows]).value
    return np.asarray(drops.mean(axis=0)) if folds else np.zeros(n_columns)

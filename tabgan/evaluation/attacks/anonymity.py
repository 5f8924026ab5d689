"""Attacks that use the synthetic table to learn about training rows.

Singling out, linkability and inference are the three risks of WP216. Every attack is also run on holdout rows, the
control: success there, too, follows from the population, not from a row's use in training. It is also compared with a
baseline without the synthetic table's rows. A figure is the success of one attack, not a bound.

References:
    Article 29 Data Protection Working Party (2014), *Opinion 05/2014 on Anonymisation Techniques* (WP216).
    Giomi, Boenisch, Wehmeyer & Tasnadi (2023), *A Unified Framework for Quantifying Privacy Risk in Synthetic Data*,
    PoPETs 2023(2). Departures: predicates are tried on equally many rows of both tables; the halves of linkability
    are drawn several times; the secret of inference is the worst of several.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from tabgan._util.rng import RandomStreams
from tabgan.evaluation.attacks.copies import require_control
from tabgan.evaluation.attacks.neighbors import nearest_rows
from tabgan.evaluation.attacks.predicates import CellCondition, Predicate, RowBits, SortedRows
from tabgan.evaluation.attacks.risk import attack_figure
from tabgan.evaluation.catalog import entries
from tabgan.evaluation.catalog.attack_figures import TOLERANCE
from tabgan.evaluation.metric import Figure, NotComputed, measure
from tabgan.evaluation.result import Metric
from tabgan.evaluation.tables import (
    MAX_FEATURE_CATEGORIES,
    Tables,
    Three,
    embed,
    informative,
    require_columns,
    subsample,
)

#: Least number of rows of every table for a meaningful attack.
MIN_ROWS = 20

#: Synthetic rows that an attacker searches. Many: a copy that is not searched is not found.
MAX_SYNTHETIC = 100_000

#: Rows per predicate: if many predicates match the same rows, they are not independent attempts.
ROWS_PER_PREDICATE = 4

#: Largest numbers of predicates that are tried, and of columns in one.
MAX_PREDICATES, MAX_PREDICATE_COLUMNS = 2_000, 6

#: Rows of each table that are attacked for linkability, and number of random halvings of the columns.
MAX_LINKED, N_HALVINGS = 1_000, 4

#: Rows attacked by inference, and the share of them that finds the worst secret.
MAX_TARGETS, SCOUT_SHARE = 10_000, 0.2

#: Largest number of compared pairs of a target and a synthetic row, per secret, and least number of targets.
_MAX_COMPARED, _MIN_TARGETS = 1.25e8, 1_250

#: Secrets that are tried before the worst is attacked.
MAX_SECRETS, MAX_MODEL_SECRETS = 5, 4

_MAX_TREE_ROWS, _MAX_CLASSES, _MAX_CLASS_NUMBERS, _MAX_TREES = 50_000, 20, 20, 240
_MIN_TREES, _ROWS_PER_TREE, _DRAFTS_PER_PREDICATE = 20, 10, 30
_PILOT_ROWS = 1_000


#: Function from positions among the targets to guesses at the secret, for training rows and for holdout rows.
_Guesser = Callable[[slice], tuple[np.ndarray, np.ndarray]]


def attack_steps(tables: Tables, streams: RandomStreams) -> tuple[Callable[[], tuple[Metric, ...]], ...]:
    """Return the steps that compute ``singling_out``, ``linkability``, ``inference`` and ``attribute_inference``."""

    def step(
        name: str, attack: Callable[[Tables, np.random.Generator], Figure]
    ) -> Callable[[], tuple[Metric, ...]]:
        def compute() -> list[Figure]:
            require_control(tables)
            return [attack(tables, streams.numpy(f"evaluation.{name}"))]

        return lambda: measure(entries(name), compute)

    return (
        step("singling_out", _singled_out),
        step("linkability", _linked),
        step("inference", lambda t, rng: _worst_secret(t, _closest_row, MAX_SECRETS, rng, _affordable(t))),
        step(
            "attribute_inference",
            lambda t, rng: _worst_secret(
                t, lambda s, j: _model(s, j, rng), MAX_MODEL_SECRETS, rng, MAX_TARGETS
            ),
        ),
    )


def require_rows(tables: Tables, least: int = MIN_ROWS) -> None:
    """Raise ``NotComputed`` if a table has too few rows or columns for an attack."""
    require_columns(tables)
    if len(tables.modelled) < 2:
        raise NotComputed("there is a single column besides identifiers")
    if min(map(len, tables.values)) < least:
        raise NotComputed(f"a table has fewer than {least} rows")


def varying(values: np.ndarray) -> np.ndarray:
    """Return the positions of columns with two values or more, counting missing as one.

    >>> varying(np.array([[1, 2, np.nan], [1, np.nan, np.nan]]))
    array([1])
    """
    first = values[0]
    is_same = (values == first) | (np.isnan(values) & np.isnan(first))
    return np.flatnonzero(~is_same.all(axis=0))


def _useful(tables: Tables) -> np.ndarray:
    """Return the columns that an attacker can use.

    Raises:
        NotComputed: there are fewer than two.
    """
    columns = varying(tables.values.synthetic)
    if len(columns) < 2:
        raise NotComputed("fewer than two columns of the synthetic table vary")
    return columns


def _targets(tables: Tables, most: int, rng: np.random.Generator) -> Tables:
    """Return equally many training and holdout rows, shuffled, and the synthetic rows that are searched."""
    n_rows = min(len(tables.values.real), len(tables.values.holdout), most)
    values = Three(
        rng.permutation(subsample(tables.values.real, n_rows, rng)),
        rng.permutation(subsample(tables.values.holdout, n_rows, rng)),
        subsample(tables.values.synthetic, MAX_SYNTHETIC, rng),
    )
    return dataclasses.replace(tables, values=values)


def _singled_out(tables: Tables, rng: np.random.Generator) -> Figure:
    require_rows(tables)
    sample = _targets(tables, MAX_SYNTHETIC, rng)
    values, columns = sample.values, _useful(sample)
    drafts = _Drafts(sample, columns)
    predicates, naive = drafts.that_single_out(
        min(MAX_PREDICATES, len(values.real) // ROWS_PER_PREDICATE), rng
    )
    if len(predicates) < MIN_ROWS:
        raise NotComputed(f"fewer than {MIN_ROWS} descriptions fit exactly one synthetic row")
    n = len(predicates)
    real, holdout = SortedRows(values.real), SortedRows(values.holdout)
    found, control = (sum(rows.count(predicate) == 1 for predicate in predicates) for rows in (real, holdout))
    baseline = sum(real.count(predicate) == 1 for predicate in naive) / n
    return attack_figure(found, n, control, n, baseline)


class _Drafts:
    """Predicates from synthetic rows."""

    def __init__(self, tables: Tables, columns: np.ndarray) -> None:
        self._values = np.asfortranarray(tables.values.synthetic)
        self._rows = SortedRows(self._values)
        self._columns = columns
        self._is_number = [keys is None for keys in tables.keys]
        present = [column[~np.isnan(column)] for column in self._values.T]
        self._medians = [float(np.median(each)) if len(each) else np.nan for each in present]

    def that_single_out(self, most: int, rng: np.random.Generator) -> tuple[list[Predicate], list[Predicate]]:
        """Return up to ``most`` distinct predicates that fit one synthetic row each, and as many from the marginals."""
        pilot = RowBits(self._values[rng.permutation(len(self._values))[:_PILOT_ROWS]])
        columns = self._columns.tolist()
        most_columns = min(MAX_PREDICATE_COLUMNS, len(columns))
        seen: set[tuple[int, ...]] = set()
        kept: list[Predicate] = []
        naive: list[Predicate] = []
        for _ in range(_DRAFTS_PER_PREDICATE * most):
            row = int(rng.integers(len(self._values)))
            size = int(rng.integers(2, most_columns + 1))
            places = rng.choice(len(columns), size=size, replace=False).tolist()
            chosen = sorted(columns[place] for place in places)
            key = (row, *chosen)
            predicate = self._predicate(chosen, [row] * size)
            if key in seen or pilot.count(predicate) > 1:
                continue
            seen.add(key)
            if self._rows.count(predicate) != 1:
                continue
            kept.append(predicate)
            naive.append(self._predicate(chosen, rng.integers(len(self._values), size=size).tolist()))
            if len(kept) == most:
                break
        return kept, naive

    def _predicate(self, columns: list[int], rows: list[int]) -> Predicate:
        """Return the predicate of one row's cells, or of the cells of one row per column."""
        conditions = []
        for j, row in zip(columns, rows, strict=True):
            cell = float(self._values[row, j])
            side = (1 if cell > self._medians[j] else -1) if self._is_number[j] else 0
            conditions.append(CellCondition(j, cell, side))
        return tuple(conditions)


def _linked(tables: Tables, rng: np.random.Generator) -> Figure:
    require_rows(tables)
    sample = _targets(tables, MAX_LINKED, rng)
    columns = _useful(sample)
    n = len(sample.values.real)
    found = np.zeros(2, dtype=int)
    for rows in np.array_split(np.arange(n), N_HALVINGS):
        mixed = rng.permutation(columns).tolist()
        half = len(mixed) // 2
        closest = [_closest(sample, part, rows) for part in (mixed[:half], mixed[half:])]
        found += [int((first == second).sum()) for first, second in zip(*closest, strict=True)]
    return attack_figure(int(found[0]), n, int(found[1]), n, 1 / len(sample.values.synthetic))


def _closest(tables: Tables, columns: list[int], rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the synthetic rows closest to training and to holdout rows in some columns."""
    points = embed(tables, columns)
    return nearest_rows(points.real[rows], points.synthetic), nearest_rows(
        points.holdout[rows], points.synthetic
    )


def _worst_secret(
    tables: Tables,
    attack: Callable[[Tables, int], _Guesser],
    most: int,
    rng: np.random.Generator,
    max_targets: int,
) -> Figure:
    """Return the attack on the secret most at risk.

    The secret is chosen on some rows and attacked on others, so that the choice needs no correction.
    """
    require_rows(tables)
    sample = _targets(tables, max_targets, rng)
    n = len(sample.values.real)
    scouts, rest = slice(0, int(SCOUT_SHARE * n)), slice(int(SCOUT_SHARE * n), n)
    found: tuple[float, int, _Guesser] | None = None
    for secret in rng.permutation(_secrets(sample))[:most].tolist():
        guesser = attack(sample, secret)
        scouted = _judge(sample, secret, guesser, scouts)
        # The interval's lower end, because chance alone makes a large risk if the control nearly always succeeds.
        risk = -np.inf if scouted is None or scouted.risk is None else scouted.risk.interval.low
        if found is None or risk > found[0]:
            found = (risk, secret, guesser)
    figure = None if found is None else _judge(sample, found[1], found[2], rest)
    if figure is None:
        raise NotComputed("no column has cells to guess in every table")
    return figure


def _affordable(tables: Tables) -> int:
    """Return the number of targets that can be compared with every synthetic row."""
    most = int(_MAX_COMPARED / max(len(tables.values.synthetic), 1))
    return int(np.clip(most, _MIN_TARGETS, MAX_TARGETS))


def _secrets(tables: Tables) -> np.ndarray:
    """Return the columns whose present cells vary in the synthetic table and that other columns may predict."""
    columns = set(_useful(tables).tolist())
    secrets = [j for j in np.flatnonzero(informative(tables.values.synthetic)) if j in columns]
    if not secrets:
        raise NotComputed("no column of the synthetic table has two values")
    return np.array(secrets)


def _judge(tables: Tables, secret: int, guesser: _Guesser, rows: slice) -> Figure | None:
    """Return the success of the guesses, on targets whose secret is present; ``None`` without any."""
    truths = [tables.of(secret).real[rows], tables.of(secret).holdout[rows]]
    tolerance = _tolerance(tables, secret)
    present = [~np.isnan(truth) for truth in truths]
    n, n_control = (int(each.sum()) for each in present)
    if min(n, n_control) == 0:
        return None
    found, control = (
        int(is_right(guess, truth, tolerance).sum())
        for guess, truth in zip(guesser(rows), truths, strict=True)
    )
    likely = most_likely(tables.of(secret).synthetic, tolerance)
    baseline = float(is_right(np.full(len(truths[0]), likely), truths[0], tolerance).sum() / n)
    return attack_figure(found, n, control, n_control, baseline)


def is_right(guesses: np.ndarray, truth: np.ndarray, tolerance: float) -> np.ndarray:
    """Return a mask of the guesses that are near enough; a missing one never is."""
    return np.asarray(np.abs(guesses - truth) <= tolerance)


def most_likely(values: np.ndarray, tolerance: float) -> float:
    """Return the value that is near enough to most of the others; NaN without any.

    >>> most_likely(np.array([1.0, 5, 6, 6, 7, np.nan]), 1.0)
    6.0
    """
    distinct, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    if len(distinct) == 0:
        return np.nan
    total = np.concatenate([[0], np.cumsum(counts)])
    high = np.searchsorted(distinct, distinct + tolerance, side="right")
    low = np.searchsorted(distinct, distinct - tolerance, side="left")
    return float(distinct[np.argmax(total[high] - total[low])])


def _tolerance(tables: Tables, secret: int) -> float:
    """Return the largest error of a right guess: 0 for categories."""
    values = tables.of(secret).synthetic
    if tables.keys[secret] is not None:
        return 0.0
    low, high = np.quantile(values[~np.isnan(values)], [0.01, 0.99])
    return TOLERANCE * float(high - low)


def _closest_row(tables: Tables, secret: int) -> _Guesser:
    """Return guesses that copy the closest synthetic row which has the secret."""
    others = [j for j in _useful(tables).tolist() if j != secret]
    points = embed(tables, others)
    secrets = tables.of(secret).synthetic
    is_present = ~np.isnan(secrets)
    candidates, answers = points.synthetic[is_present], secrets[is_present]

    def guess(rows: slice) -> tuple[np.ndarray, np.ndarray]:
        real, holdout = (
            answers[nearest_rows(each[rows], candidates)] for each in (points.real, points.holdout)
        )
        return real, holdout

    return guess


def _model(tables: Tables, secret: int, rng: np.random.Generator) -> _Guesser:
    """Return guesses of boosted trees, which are deep so that they reproduce single rows."""
    is_other = np.arange(len(tables.modelled)) != secret
    limits = np.array([np.inf if keys is None else MAX_FEATURE_CATEGORIES for keys in tables.keys])
    inputs = tables.values.map(lambda v: np.where(v >= limits, np.nan, v)[:, is_other])
    secrets = tables.of(secret).synthetic
    rows = subsample(np.flatnonzero(~np.isnan(secrets)), _MAX_TREE_ROWS, rng)
    classes, numbers, counts = np.unique(secrets[rows], return_inverse=True, return_counts=True)
    labels: np.ndarray = secrets[rows]
    answers: np.ndarray | None = (
        None  # by class: a classifier takes numbers that are not whole for a regression's
    )
    most = min(_MAX_TREES, max(_MIN_TREES, len(rows) // _ROWS_PER_TREE))
    options: dict[str, Any] = {
        "early_stopping": False,
        "learning_rate": 0.2,
        "max_leaf_nodes": 63,
        "min_samples_leaf": 5,
        "random_state": int(rng.integers(2**31)),
    }
    if tables.keys[secret] is None and len(classes) > _MAX_CLASS_NUMBERS:
        model: Any = HistGradientBoostingRegressor(loss="absolute_error", max_iter=most, **options)
    else:  # rare classes are never guessed
        frequent = np.argsort(-counts, kind="stable")[:_MAX_CLASSES]
        is_kept = np.isin(numbers, frequent)
        rows, labels, answers = rows[is_kept], numbers[is_kept], classes
        if len(frequent) == 1:
            return lambda rows: tuple(np.full(len(each[rows]), classes[0]) for each in inputs[:2])  # type: ignore[return-value]
        n_trees = 1 if len(frequent) == 2 else len(frequent)
        model = HistGradientBoostingClassifier(max_iter=most // n_trees, **options)
    is_used = informative(inputs.synthetic[rows])
    if not is_used.any():
        raise NotComputed("no column of the synthetic table has two values besides the secret")
    model.fit(inputs.synthetic[rows][:, is_used], labels)

    def guess(rows: slice) -> tuple[np.ndarray, np.ndarray]:
        real, holdout = (model.predict(each[rows][:, is_used]) for each in (inputs.real, inputs.holdout))
        return (real, holdout) if answers is None else (answers[real], answers[holdout])

    return guess

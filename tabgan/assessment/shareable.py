"""Shareable figures of a synthetic table: from the table itself and the releases, without a real row.

The releases are the fit's noisy numbers and, if paid for, private metrics
(:mod:`tabgan.privacy.doors.private_metrics`). Everything here is post-processing of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy.special import ndtri

from tabgan._util.rng import RandomStreams
from tabgan.evaluation.catalog import ENTRIES, entries, position
from tabgan.evaluation.fidelity import MAX_TRIPLES, column_tuples
from tabgan.evaluation.metric import LEVEL, Figure, NotComputed, measure, metric_of
from tabgan.evaluation.result import ColumnResult, Evaluation, Interval, Metric
from tabgan.evaluation.utility import MAX_CLASS_NUMBERS, MAX_CLASSES, build_classifier
from tabgan.evaluation.validity import schema_validity
from tabgan.privacy.doors.private_metrics import Comparison, Guesser
from tabgan.privacy.released import Noisy, PrivateMetrics
from tabgan.rules import Rule
from tabgan.table.coded import CodedColumn
from tabgan.table.codes import TableEncoder
from tabgan.table.losses import losses_of, unreleased_shares

#: Largest number of pairs in a private mean distance.
MAX_PAIRS = 1_000

#: Largest number of training rows of a guesser, and the part of the synthetic rows that it is tested on.
_MAX_TRAIN_ROWS, _TEST_SHARE = 50_000, 0.3

#: Number of draws over which chance is averaged.
_CHANCE_DRAWS = 5


@dataclass(frozen=True)
class Sets:
    """Sets of columns, by position, for mean distances: chosen by a seed."""

    pairs: list[tuple[int, ...]] = field(default_factory=list)
    triples: list[tuple[int, ...]] = field(default_factory=list)

    @classmethod
    def of(cls, n_columns: int, streams: RandomStreams) -> Sets:
        """Return the sets for a number of columns; none if there are too few."""
        rng = streams.numpy("shareable.sets")
        return cls(
            column_tuples(n_columns, 2, MAX_PAIRS, rng) if n_columns >= 2 else [],
            column_tuples(n_columns, 3, MAX_TRIPLES, rng) if n_columns >= 3 else [],
        )


@dataclass(frozen=True)
class TrainedGuesser:
    """A guesser, and its accuracy on synthetic rows that it never saw."""

    guesser: Guesser
    accuracy: float


def train_guesser(
    codes: np.ndarray, encoder: TableEncoder, target: str | None, streams: RandomStreams
) -> TrainedGuesser | None:
    """Return a model of the target, trained on the codes of synthetic rows; ``None`` if the target has no classes.

    Args:
        codes: ``(rows, columns)`` codes of the synthetic table.
        encoder: The released encoder.
        target: The column to guess.
        streams: Seeds.
    """
    if target is None or target not in encoder.names or len(encoder.names) < 2:
        return None
    position = encoder.names.index(target)
    column = encoder.schema[target]
    is_number = column.is_regressed and encoder.columns[position].encoder.n_values > MAX_CLASS_NUMBERS
    labels = codes[:, position].astype(np.int64)
    if is_number or encoder.sizes[position] > MAX_CLASSES or len(np.unique(labels)) < 2:
        return None
    others = [j for j in range(len(encoder.names)) if j != position]
    rng = streams.numpy("shareable.guesser")
    order = rng.permutation(len(codes))
    n_test = int(len(codes) * _TEST_SHARE)
    test, train = order[:n_test], order[n_test:][:_MAX_TRAIN_ROWS]
    if len(test) == 0 or len(np.unique(labels[train])) < 2:
        return None
    model = build_classifier(encoder.sizes[position], int(rng.integers(2**31)))
    model.fit(codes[train][:, others].astype(np.float64), labels[train])

    def predict(rows: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict(rows[:, others].astype(np.float64)))

    majority = int(np.bincount(labels).argmax())
    accuracy = float((predict(codes[test]) == labels[test]).mean())
    return TrainedGuesser(Guesser(position, predict, majority), accuracy)


def evaluate_released(
    synthetic: pd.DataFrame,
    encoder: TableEncoder,
    n_rows: float,
    *,
    target: str | None = None,
    private_metrics: PrivateMetrics | None = None,
    sets: Sets | None = None,
    guesser: TrainedGuesser | None = None,
    fresh: tuple[np.ndarray, np.ndarray] | None = None,
    n_rows_stddev: float = 0.0,
    rules: Sequence[Rule] = (),
    further: Sequence[Metric] = (),
    random_state: int = 0,
) -> Evaluation:
    """Return the figures of a synthetic table that may accompany it.

    **Guarantee.** No argument holds a real row: the result is the same for all real tables with the same releases.

    Args:
        synthetic: The table.
        encoder: The fit's released columns and counts.
        n_rows: Released number of rows.
        target: The column that models predict.
        private_metrics: Noisy figures on real rows; ``None`` if none were requested.
        sets: The sets of columns that they cover.
        guesser: The guesser whose right guesses were counted.
        fresh: Codes of two samples of the model, with as many rows as the real and the synthetic table, to compute
            distances by chance. Samples of the table itself would share rows, and look closer than two tables are.
        n_rows_stddev: Standard deviation of the released number of rows.
        rules: Rules for every row, besides those of the schema; those that need real rows are left out.
        further: Other metrics that may go out, such as those of an audit.
        random_state: Seed of the draws by chance.
    """
    streams = RandomStreams(random_state)
    codes = encoder.transform(synthetic)
    every = dict.fromkeys((*encoder.schema.rules, *rules))
    public_rules = [rule for rule in every if not rule.needs_rows]
    valid, shares = schema_validity(synthetic, encoder.schema, public_rules)
    near = _Near(codes, encoder, n_rows, streams, sets or Sets(), fresh)
    relative = n_rows_stddev / n_rows
    modelled = [column.name for column in encoder.schema if column.is_modelled]
    missing = unreleased_shares(losses_of(encoder, n_rows, is_private=True))
    metrics = (
        *measure(entries("missing_rows_released"), lambda: [Figure(max(missing.values(), default=0.0))]),
        *valid,
        *measure(entries("tvd1_released"), lambda: [near.released()]),
        *(_metrics_of(private_metrics, near, guesser, relative) if private_metrics is not None else ()),
        *measure(
            entries("repeated_rows"),
            lambda: [Figure(float(synthetic[modelled].duplicated(keep=False).mean()))],
        ),
        *further,
    )
    return Evaluation(
        metrics=tuple(sorted(metrics, key=lambda metric: position(metric.name, metric.group))),
        columns=tuple(
            replace(column, unshown=missing.get(column.name))
            for column in _column_results(synthetic, encoder, n_rows, shares, near, private_metrics)
        ),
        n_real=max(1, round(n_rows)),
        n_holdout=0,
        n_synthetic=len(synthetic),
        target=target,
        random_state=random_state,
    )


class _Near:
    """Distances of the synthetic codes from the releases, and distances by chance."""

    def __init__(
        self,
        codes: np.ndarray,
        encoder: TableEncoder,
        n_rows: float,
        streams: RandomStreams,
        sets: Sets,
        fresh: tuple[np.ndarray, np.ndarray] | None,
    ) -> None:
        self.sets = sets
        self._rng = streams.numpy("shareable.chance")
        released = [_released_shares(column, n_rows) for column in encoder.columns]
        shares = [
            np.bincount(codes[:, j], minlength=encoder.sizes[j]) / len(codes) for j in range(len(released))
        ]
        self.columns = [_tvd(a, b) for a, b in zip(released, shares, strict=True)]
        self.chance = [
            float(
                np.mean(
                    [_tvd(self._rng.multinomial(len(codes), s) / len(codes), s) for _ in range(_CHANCE_DRAWS)]
                )
            )
            for s in released
        ]
        self._samples = None if fresh is None else Comparison(*fresh, encoder.sizes)

    def released(self) -> Figure:
        """Return the mean distance of single columns from their released distributions."""
        if not self.columns:
            raise NotComputed("there are only identifiers")
        return Figure(float(np.mean(self.columns)), reference=float(np.mean(self.chance)))

    def chance_of(self, sets: Sequence[tuple[int, ...]]) -> float | None:
        """Return the mean distance of two fresh samples of the model over sets of columns; ``None`` without any."""
        if not sets or self._samples is None:
            return None
        return self._samples.mean_distance(sets) / max(len(self._samples.codes), 1)


def _released_shares(column: CodedColumn, n_rows: float) -> np.ndarray:
    """Return ``(width,)`` released shares of a column's codes; the code for other values has the rest."""
    counts = column.code_weights
    if column.encoder.has_other:
        counts[-1] = max(n_rows - counts[:-1].sum(), 0.0)
    return np.asarray(counts / counts.sum()) if counts.sum() > 0 else np.full(len(counts), 1 / len(counts))


def _tvd(first: np.ndarray, second: np.ndarray) -> float:
    return 0.5 * float(np.abs(first - second).sum())


def _metrics_of(
    private_metrics: PrivateMetrics, near: _Near, trained: TrainedGuesser | None, relative: float
) -> tuple[Metric, ...]:
    columns = list(private_metrics.columns.values())
    mean = None
    if columns:
        spread = columns[0].noise_stddev / np.sqrt(len(columns))
        mean = Noisy(float(np.mean([noisy.value for noisy in columns])), float(spread))
    singles = [(j,) for j in range(len(columns))]
    no_class = "no target was named that is a class"
    found = [
        ("tvd1_private", mean, near.chance_of(singles), "there are only identifiers"),
        (
            "tvd2_private",
            private_metrics.pairs,
            near.chance_of(near.sets.pairs),
            "there are fewer than 2 columns",
        ),
        (
            "tvd3_private",
            private_metrics.triples,
            near.chance_of(near.sets.triples),
            "there are fewer than 3 columns",
        ),
        ("accuracy_private", private_metrics.correct, trained.accuracy if trained else None, no_class),
        ("majority_private", private_metrics.majority, None, no_class),
    ]
    return tuple(
        metric_of(ENTRIES[name], reason if noisy is None else _figure(noisy, reference, relative))
        for name, noisy, reference, reason in found
    )


def _figure(noisy: Noisy, reference: float | None = None, relative: float = 0.0) -> Figure:
    """Return a noisy share as a figure: cut to [0, 1], with the interval of its noise.

    Args:
        noisy: The released share.
        reference: The value that it is compared with.
        relative: Relative error of the released number of rows, by which it was divided.
    """
    stddev = float(np.hypot(noisy.noise_stddev, noisy.value * relative))
    half = float(ndtri(0.5 + LEVEL / 2)) * stddev
    low, value, high = (
        min(max(end, 0.0), 1.0) for end in (noisy.value - half, noisy.value, noisy.value + half)
    )
    return Figure(value, Interval(low, high, LEVEL), reference)


def _column_results(
    synthetic: pd.DataFrame,
    encoder: TableEncoder,
    n_rows: float,
    shares: dict[str, float],
    near: _Near,
    private_metrics: PrivateMetrics | None,
) -> tuple[ColumnResult, ...]:
    """Return the results of the columns: by private metrics if there are any, else by the released counts.

    The distance of columns that are released as one is that of the one, which is no smaller than theirs.
    """
    parts = {} if encoder.reduction is None else {n: p for p in encoder.reduction.merged for n in p.members}
    distances = {} if encoder.reduction is None else {p.of: p.name for p in encoder.reduction.differences}
    results = []
    for column in encoder.schema:
        tvd = reference = None
        missing, part = 0.0, parts.get(column.name)
        measured = column.name if part is None else part.name
        if measured in encoder.names:
            j = encoder.names.index(measured)
            tvd, reference = near.columns[j], near.chance[j]
            if private_metrics is not None:
                tvd, reference = _figure(private_metrics.columns[measured]).value, near.chance_of([(j,)])
            coded = encoder.columns[j]
            missing = float(coded.weights[0] / n_rows) if coded.encoder.is_nullable else 0.0
            is_missing = {} if part is None else part.missing(coded.encoder.column)
            if column.name in is_missing:
                values = coded.weights[1 : 1 + coded.encoder.n_values]
                missing += float(values[is_missing[column.name]].sum() / n_rows)
        elif column.name in distances:
            coded = encoder.columns[encoder.positions[distances[column.name]]]
            missing = float(coded.weights[0] / n_rows) if coded.encoder.is_nullable else 0.0
        results.append(
            ColumnResult(
                name=column.name,
                kind=column.kind,
                tvd=tvd,
                reference=reference,
                valid=shares.get(column.name, 1.0),  # a range without a value in any row
                missing_real=min(missing, 1.0),
                missing_synthetic=float(synthetic[column.name].isna().mean()),
            )
        )
    return tuple(results)


class _Other:
    """Stand-in for values that were not released."""

    def __repr__(self) -> str:
        return "<other>"


#: The only instance.
OTHER = _Other()


def released_frame(encoder: TableEncoder, n_rows: float, n_drawn: int, random_state: int = 0) -> pd.DataFrame:
    """Return a table whose columns, each by itself, follow their released distributions; for pictures.

    Every cell has its share of the rows, rounded; a number's place within its cell is drawn. Columns are independent.
    Rows outside the released categories hold an object that equals none of them.

    Args:
        encoder: The released encoder.
        n_rows: Released number of rows.
        n_drawn: Rows of the result, at least 1.
        random_state: Seed.
    """
    rng = RandomStreams(random_state).numpy("shareable.frame")
    frame = {}
    for column in encoder.columns:
        weights = column.weights.copy()
        if not column.encoder.is_nullable:
            weights[0] = 0.0
        if column.encoder.has_other:
            weights[-1] = max(n_rows - weights[:-1].sum(), 0.0)
        total = weights.sum()
        edges = np.cumsum(weights) / total if total > 0 else np.linspace(0, 1, len(weights))
        cells = np.searchsorted(edges, (np.arange(n_drawn) + 0.5) / n_drawn, side="right")
        cells = np.minimum(cells, len(weights) - 1)
        is_pooled = cells > (0 if column.is_unseen else column.encoder.n_values)
        needs_value = column.has_pooled and not column.encoder.is_nullable and column.encoder.n_values > 0
        series = column.encoder.inverse_transform(np.where(is_pooled & needs_value, 1, cells), rng)
        if column.has_pooled:
            series = series.astype(object)
            series[is_pooled] = OTHER
        frame[column.encoder.name] = series
    return pd.DataFrame(_with_members(frame, encoder), index=range(n_drawn))


def _with_members(columns: dict[str, pd.Series], encoder: TableEncoder) -> dict[str, pd.Series]:
    """Return columns in which the members of merged ones stand for them; computed ones are left out."""
    reduction, found = encoder.reduction, dict(columns)
    for part in () if reduction is None else reduction.merged:
        series = found.pop(part.name).reset_index(drop=True)
        is_known = np.array([value is not OTHER for value in series], dtype=bool)
        members = (
            {}
            if reduction is None
            else part.part(series[is_known].reset_index(drop=True), reduction.described)
        )
        for name, known in members.items():
            values = np.full(len(series), OTHER, dtype=object)
            values[is_known] = known.astype(object).to_numpy()
            found[name] = pd.Series(values, dtype=object)
    return found

"""Closeness of the synthetic table's distributions to the real ones.

Every figure with a reference is computed on equally many synthetic and holdout rows: a smaller sample looks further
away than it is, and only with equal numbers is the reference the score of a perfect table.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tabgan._util.rng import RandomStreams
from tabgan.evaluation.catalog import entries
from tabgan.evaluation.catalog.fidelity_figures import (
    MAX_QUALITY_COLUMNS,
    MIN_EXPECTED,
    QUANTILES,
    RARE_SHARE,
)
from tabgan.evaluation.metric import Figure, NotComputed, measure
from tabgan.evaluation.result import Metric
from tabgan.evaluation.sdmetrics_scores import column_scores
from tabgan.evaluation.steps import Inputs, computes
from tabgan.evaluation.tables import Tables, Three, drawn_columns, equal_rows, require_columns

#: Largest number of rows of each table, for each figure.
MAX_TVD_ROWS, MAX_QUALITY_ROWS = 50_000, 20_000

#: Largest number of column tuples in a mean distance.
MAX_PAIRS, MAX_TRIPLES = 2_000, 200

#: Largest number of cells of a joint table that is counted in full.
_DENSE_CELLS = 2**18

_MAX_CATEGORIES = 1_000


@dataclass(frozen=True)
class CellTables:
    """Three tables as cells, with equally many holdout and synthetic rows.

    Attributes:
        codes: ``(rows, modelled)`` cells of each table.
        sizes: ``(modelled,)`` numbers of cells of each column.
    """

    codes: Three[np.ndarray]
    sizes: tuple[int, ...]

    def distances(self, columns: Sequence[int]) -> tuple[float, float]:
        """Return the distances of the synthetic and of the holdout rows from the real ones."""
        real, holdout, synthetic = (codes[:, list(columns)] for codes in self.codes)
        value, reference = total_variation(real, [synthetic, holdout], [self.sizes[j] for j in columns])
        return value, reference


def equal_cells(tables: Tables, streams: RandomStreams) -> CellTables:
    """Return the tables as cells, sampled if they are large."""
    codes, sizes = to_cells(tables)
    return CellTables(equal_rows(codes, MAX_TVD_ROWS, streams.numpy("evaluation.tvd")), sizes)


def column_distances(tables: Tables, cells: CellTables) -> dict[str, tuple[float, float]]:
    """Return, by modelled column, the distance of the synthetic and of the holdout rows."""
    return {column.name: cells.distances([j]) for j, column in enumerate(tables.modelled)}


def tvd_metrics(
    cells: CellTables, single: dict[str, tuple[float, float]], streams: RandomStreams
) -> tuple[Metric, ...]:
    """Return ``tvd1``, ``tvd2`` and ``tvd3``; ``single`` is the result of :func:`column_distances`."""
    rng = streams.numpy("evaluation.tuples")

    def mean_over(order: int, most: int) -> list[Figure]:
        chosen = column_tuples(len(cells.sizes), order, most, rng)
        return [_mean([cells.distances(columns) for columns in chosen])]

    return (
        *measure(entries("tvd1"), lambda: [_mean(list(single.values()))]),
        *measure(entries("tvd2"), lambda: mean_over(2, MAX_PAIRS)),
        *measure(entries("tvd3"), lambda: mean_over(3, MAX_TRIPLES)),
    )


def to_cells(tables: Tables) -> tuple[Three[np.ndarray], tuple[int, ...]]:
    """Return ``(rows, modelled)`` cells, and their number in each column.

    0 is missing. Numbers and moments are cut at the real rows' quantiles, or between their values if those are few; a
    value at two or more quantiles has a cell of its own. Each category has a cell, and the last is for all others.
    """
    cells = tables.values.map(lambda values: np.zeros(values.shape, dtype=np.int32))
    sizes = []
    for j, keys in enumerate(tables.keys):
        n_shown = min(len(keys or ()), _MAX_CATEGORIES)
        cuts = _cuts(tables.values.real[:, j]) if keys is None else np.arange(n_shown) + 0.5
        for codes, values in zip(cells, tables.values, strict=True):
            found = 1 + np.searchsorted(cuts, values[:, j], side="right")
            codes[:, j] = np.where(np.isnan(values[:, j]), 0, found)
        sizes.append(len(cuts) + 2)
    return cells, tuple(sizes)


def total_variation(first: np.ndarray, others: Sequence[np.ndarray], sizes: Sequence[int]) -> list[float]:
    """Return the total variation distance of each of the others from the first.

    Half the sum, over all joint cells, of the difference in shares: from 0 for the same distribution to 1
    for tables that share no cell.

    Args:
        first: ``(rows, columns)`` cells.
        others: The same columns of other tables.
        sizes: ``(columns,)`` numbers of cells.

    >>> total_variation(np.array([[0], [0], [1], [1]]), [np.array([[0], [1], [1], [1]])], [2])
    [0.25]
    """
    keys = [np.ravel_multi_index(tuple(cells.T), tuple(sizes)) for cells in (first, *others)]
    n_cells = math.prod(sizes)
    if n_cells > _DENSE_CELLS:
        n_occupied, joined = np.unique(np.concatenate(keys), return_inverse=True)
        n_cells = len(n_occupied)
        keys = np.split(joined, np.cumsum([len(key) for key in keys])[:-1])
    shares = [np.bincount(key, minlength=n_cells) / len(key) for key in keys]
    return [0.5 * float(np.abs(share - shares[0]).sum()) for share in shares[1:]]


def quality_metrics(tables: Tables, streams: RandomStreams) -> tuple[Metric, ...]:
    """Return ``shapes`` and ``trends``."""

    def compute() -> list[Figure]:
        require_columns(tables)
        rng = streams.numpy("evaluation.quality")
        drawn = drawn_columns(tables, MAX_QUALITY_COLUMNS, rng)
        rows = equal_rows(drawn.values, MAX_QUALITY_ROWS, rng)
        value, reference = (_quality(drawn, rows.real, rows_) for rows_ in (rows.synthetic, rows.holdout))
        return [Figure(v, reference=r) for v, r in zip(value, reference, strict=True)]

    return measure(entries("shapes", "trends"), compute)


def rare_metrics(tables: Tables, streams: RandomStreams) -> tuple[Metric, ...]:
    """Return ``rare_categories``. The real rows alone determine the counted categories."""

    def compute() -> list[Figure]:
        rows = equal_rows(tables.values, MAX_TVD_ROWS, streams.numpy("evaluation.rare"))
        found = []  # by category: True if the synthetic, or the holdout rows have it
        for j, keys in enumerate(tables.keys):
            if keys is None:
                continue
            n_keys = len(keys)
            counts = _counts(tables.values.real[:, j], n_keys)
            share = counts / len(tables.values.real)
            is_rare = (share <= RARE_SHARE) & (share * len(rows.synthetic) >= MIN_EXPECTED)
            kept = [_counts(each[:, j], n_keys)[is_rare] > 0 for each in (rows.synthetic, rows.holdout)]
            found.append(np.stack(kept, axis=1))
        occurs = np.concatenate(found) if found else np.empty((0, 2), dtype=bool)
        if not len(occurs):
            raise NotComputed(
                f"no category is held by at most {RARE_SHARE:.0%} of the rows and still expected to occur"
            )
        value, reference = occurs.mean(axis=0)
        return [Figure(float(value), reference=float(reference))]

    return measure(entries("rare_categories"), compute)


def _counts(codes: np.ndarray, n_keys: int) -> np.ndarray:
    """Return ``(keys,)`` numbers of rows that hold each category."""
    return np.bincount(codes[~np.isnan(codes)].astype(np.int64), minlength=n_keys + 1)[:n_keys]


@computes("duplicates")
def duplicates(inputs: Inputs) -> Figure:
    """Return the share of rows that occur more than once, in the synthetic table and in the holdout."""
    require_columns(inputs.tables)
    rows = equal_rows(inputs.tables.values, MAX_TVD_ROWS, inputs.streams.numpy("evaluation.duplicates"))
    value, reference = (
        float(pd.DataFrame(each).duplicated(keep=False).mean()) for each in (rows.synthetic, rows.holdout)
    )
    return Figure(value, reference=reference)


def _cuts(real: np.ndarray) -> np.ndarray:
    """Return the cuts of a column of numbers."""
    present = real[~np.isnan(real)]
    if len(present) == 0:
        return np.empty(0)
    distinct = np.unique(present)
    if len(distinct) <= QUANTILES:
        return np.asarray((distinct[1:] + distinct[:-1]) / 2)
    quantiles = np.quantile(present, np.linspace(0, 1, QUANTILES + 1), method="inverted_cdf")
    values, counts = np.unique(quantiles, return_counts=True)
    spikes = values[counts > 1]
    return np.unique(np.concatenate([quantiles[1:-1], spikes, np.nextafter(spikes, np.inf)]))


def column_tuples(n_columns: int, order: int, most: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Return all combinations of columns, or ``most`` of them."""
    if n_columns < order:
        raise NotComputed(f"there are fewer than {order} columns that are not identifiers")
    if math.comb(n_columns, order) <= most:
        return list(itertools.combinations(range(n_columns), order))
    chosen: set[tuple[int, ...]] = set()
    while len(chosen) < most:
        chosen.add(tuple(sorted(rng.choice(n_columns, size=order, replace=False).tolist())))
    return sorted(chosen)


def _mean(distances: Sequence[tuple[float, float]]) -> Figure:
    if not distances:
        raise NotComputed("there are only identifiers")
    value, reference = np.mean(distances, axis=0)
    return Figure(float(value), reference=float(reference))


def _quality(tables: Tables, real: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return SDMetrics' two properties; NaN for one with nothing to average."""
    names = [str(j) for j in range(len(tables.modelled))]
    kinds = ["numerical" if keys is None else "categorical" for keys in tables.keys]
    real_frame, other_frame = (
        pd.DataFrame(_pooled(values, tables), columns=names) for values in (real, other)
    )
    return column_scores(real_frame, other_frame, dict(zip(names, kinds, strict=True)))


def _pooled(values: np.ndarray, tables: Tables) -> np.ndarray:
    """Return values with rare categories pooled: SDMetrics' time grows with the square of their number."""
    limits = np.array([np.inf if keys is None else _MAX_CATEGORIES for keys in tables.keys])
    return np.asarray(np.minimum(values, limits))  # NaN stays NaN

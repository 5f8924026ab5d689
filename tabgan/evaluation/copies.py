"""Whether synthetic rows repeat rows that were learnt from.

A check for copies and nothing more: a table that passes may still give people away, and only the
mechanism's epsilon bounds by how much.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tabgan.evaluation.measure import Definition, Figure, NotComputed, measure, wilson_interval
from tabgan.evaluation.result import Metric
from tabgan.evaluation.tables import Tables, Three, embed, require_columns, subsample
from tabgan.rng import RandomStreams
from tabgan.schema import Datetime, Numeric

#: Synthetic rows whose neighbours are looked for, and rows of each real table that they are looked for in.
MAX_QUERIES, MAX_NEIGHBOURS = 5_000, 20_000

#: Rows of each table below which the share says nothing.
MIN_ROWS = 20

_CHUNK = 500
_NO_GUARANTEE = "A check for copies, not a measure of privacy."

DCR_SHARE = Definition(
    name="dcr_share",
    label="Closer to training rows than to others",
    group="copies",
    direction="none",
    format="percent",
    meaning="Share of synthetic rows that are closer to a sample of the training rows than to equally many held-out "
    f"rows; ties count half. {_NO_GUARANTEE}",
    good="50%, within the interval: training rows are no closer than rows that the model never saw.",
)
EXACT_COPIES = Definition(
    name="exact_copies",
    label="Exact copies of training rows",
    group="copies",
    direction="none",
    format="percent",
    meaning="Share of synthetic rows that equal a training row, up to the schema's precision and without identifiers. "
    f"The reference is the same share of held-out rows. {_NO_GUARANTEE}",
    good="No more than the reference: that many rows coincide by chance.",
)


def copy_metrics(tables: Tables, streams: RandomStreams) -> tuple[Metric, ...]:
    """Return the metrics of the group ``copies``."""
    return (
        *measure([DCR_SHARE], lambda: [_closer_share(tables, streams.numpy("evaluation.copies"))]),
        *measure([EXACT_COPIES], lambda: [_copied_share(tables)]),
    )


def nearest_distances(queries: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return ``(queries,)`` Euclidean distances to the closest point.

    Rounded so that distances that differ by floating point alone are ties.
    """
    squares = (points**2).sum(axis=1)
    closest = np.empty(len(queries), dtype=np.int64)
    for start in range(0, len(queries), _CHUNK):
        chunk = queries[start : start + _CHUNK]
        # (chunk, points) squared distances, less the query's own square
        closest[start : start + _CHUNK] = np.argmin(squares - 2 * (chunk @ points.T), axis=1)
    # Once more for the closest one: the products above lose digits, and a copy is at 0 exactly.
    return np.asarray(np.linalg.norm(queries - points[closest], axis=1).round(9))


def _closer_share(tables: Tables, rng: np.random.Generator) -> Figure:
    require_columns(tables)
    points = embed(tables)
    n_rows = min(len(points.real), len(points.holdout), MAX_NEIGHBOURS)
    queries = subsample(points.synthetic, MAX_QUERIES, rng)
    if min(n_rows, len(queries)) < MIN_ROWS:
        raise NotComputed(f"a table has fewer than {MIN_ROWS} rows")
    to_real = nearest_distances(queries, subsample(points.real, n_rows, rng))
    to_holdout = nearest_distances(queries, subsample(points.holdout, n_rows, rng))
    closer = float((to_real < to_holdout).sum() + 0.5 * (to_real == to_holdout).sum())
    return Figure(closer / len(queries), wilson_interval(closer, len(queries)))


def _copied_share(tables: Tables) -> Figure:
    require_columns(tables)
    hashes = tables.values.map(lambda values: _row_hashes(values, tables.modelled))
    copied = Three(*(np.isin(each, hashes.real) for each in hashes))
    n_copied, n_rows = int(copied.synthetic.sum()), len(copied.synthetic)
    return Figure(n_copied / n_rows, wilson_interval(n_copied, n_rows), float(copied.holdout.mean()))


def _row_hashes(values: np.ndarray, columns: tuple[Any, ...]) -> np.ndarray:
    """Return ``(rows,)`` uint64, equal where rows are, and else but for one chance in 2**64."""
    rounded = np.stack([_rounded(values[:, j], column) for j, column in enumerate(columns)], axis=1)
    frame = pd.DataFrame(np.where(np.isnan(rounded), np.nan, rounded + 0.0))  # one NaN, one zero
    return np.asarray(pd.util.hash_pandas_object(frame, index=False))


def _rounded(values: np.ndarray, column: Any) -> np.ndarray:
    if isinstance(column, Numeric) and column.decimals is not None:
        return np.asarray(values.round(column.decimals))
    if isinstance(column, Datetime) and column.resolution is not None:
        unit = 86_400 if column.resolution == "day" else 1
        return np.asarray(values // unit)
    return values

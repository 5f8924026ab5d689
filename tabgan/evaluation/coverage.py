"""The rows of the original that the synthetic table cannot show: their values occur in no synthetic row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tabgan._util.rng import RandomStreams
from tabgan.evaluation.catalog import entries
from tabgan.evaluation.metric import Figure, Findings, measure
from tabgan.evaluation.result import UnshownCategory
from tabgan.evaluation.subgroups import shown_key
from tabgan.evaluation.tables import Keys, Tables, require_columns, subsample

#: Least number of real rows, and of people, of a category that is named: values of fewer single people out.
MIN_NAMED_ROWS = 50

#: Largest number of categories that are named.
MAX_NAMED = 100


@dataclass(frozen=True)
class _Column:
    """One column of the real table against another.

    Attributes:
        is_unshown: ``(rows,)`` True where a real row's value occurs in no row of the other table.
        varies: True if the column has several values in the real table.
        is_lost: True if it has several there, and one or none in the other.
    """

    is_unshown: np.ndarray
    varies: bool
    is_lost: bool


def coverage_findings(tables: Tables, streams: RandomStreams, units: np.ndarray | None = None) -> Findings:
    """Return ``missing_rows`` and ``lost_columns``, each column's share of such rows, and the largest categories.

    A column whose synthetic cells are all missing shows none of its values, and a constant one shows one; of other
    numbers and moments no value counts as unshown, because a value between two shown ones may well be drawn.
    ``units`` are the ``(rows,)`` numbers of the people behind real rows, if some have several.
    """
    found: list[_Column] = []

    def compute() -> list[Figure | str]:
        require_columns(tables)
        real, holdout, synthetic = tables.values
        rng = streams.numpy("evaluation.coverage")
        found.extend(_compared(real, synthetic, tables.keys))
        beside = _compared(real, subsample(holdout, len(synthetic), rng), tables.keys)
        (rows, lost), (rows_beside, lost_beside) = _figures(found), _figures(beside)
        missing = Figure(rows, reference=rows_beside)
        if not any(each.varies for each in found):
            return [missing, "no column has several values"]
        return [missing, Figure(lost, reference=lost_beside)]

    metrics = measure(entries("missing_rows", "lost_columns"), compute)
    if len(found) != len(tables.modelled):
        return Findings(metrics)
    shares = {c.name: float(each.is_unshown.mean()) for c, each in zip(tables.modelled, found, strict=True)}
    return Findings(metrics, unshown_shares=shares, unshown=_named(tables, found, units))


def _compared(real: np.ndarray, other: np.ndarray, keys: tuple[Keys | None, ...]) -> list[_Column]:
    return [_column(real[:, j], other[:, j], keys[j] is not None) for j in range(len(keys))]


def _column(real: np.ndarray, other: np.ndarray, is_category: bool) -> _Column:
    is_present = ~np.isnan(real)
    low, high = (f.reduce(other, initial=np.nan) for f in (np.fmin, np.fmax))
    varies = bool(is_present.any() and np.fmin.reduce(real) < np.fmax.reduce(real))
    is_constant = not low < high  # none at all among them
    if is_category:
        is_unshown = is_present & ~np.isin(real, other)
    else:
        is_unshown = is_present & (real != low) if is_constant else np.zeros(len(real), dtype=bool)
    return _Column(is_unshown, varies, varies and is_constant)


def _figures(columns: list[_Column]) -> tuple[float, float]:
    """Return the share of rows that are unshown in any column, and that of columns that are lost."""
    is_missing = np.logical_or.reduce([each.is_unshown for each in columns])
    n_varying = max(sum(each.varies for each in columns), 1)
    return float(is_missing.mean()), sum(each.is_lost for each in columns) / n_varying


def _named(tables: Tables, found: list[_Column], units: np.ndarray | None) -> tuple[UnshownCategory, ...]:
    """Return the categories of ``MIN_NAMED_ROWS`` real rows or more, of as many people, that no synthetic row shows."""
    named = []
    n_rows = len(tables.values.real)
    for j, column in enumerate(found):
        keys = tables.keys[j]
        if keys is None or not column.is_unshown.any():
            continue
        cells = tables.values.real[column.is_unshown, j]
        codes, counts = np.unique(cells, return_counts=True)
        people = counts
        if units is not None:
            pairs = np.unique(np.column_stack([cells, units[column.is_unshown]]), axis=0)
            people = np.unique(pairs[:, 0], return_counts=True)[1]
        is_named = people >= MIN_NAMED_ROWS
        for code, n in zip(codes[is_named], counts[is_named], strict=True):
            category = shown_key(float(code), keys)
            named.append(UnshownCategory(tables.modelled[j].name, category, float(n / n_rows)))
    return tuple(sorted(named, key=lambda each: -each.share)[:MAX_NAMED])

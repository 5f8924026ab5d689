"""Counts behind the overlays: the frequency of each value in the real, holdout and synthetic rows.

The schema, which is public or was released with noise, fixes the values that are counted. Axes run over the schema's
bounds, never to the rows' own minimum or maximum, and a category outside the schema is counted without its name.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from tabgan.columns import Column
from tabgan.columns.keys import typed
from tabgan.columns.kind import Scalar
from tabgan.columns.lattice import LatticeColumn, has_range
from tabgan.errors import log_unexpected
from tabgan.evaluation.tables import without_signals

#: Largest number of bins of a histogram; a column with no more values than this has one bin per value.
MAX_BINS = 40

#: Largest number of categories that are shown by name.
MAX_BARS = 12


@dataclass(frozen=True)
class Counts:
    """Rows of each table."""

    real: int
    holdout: int
    synthetic: int

    @property
    def is_empty(self) -> bool:
        """True if no table has such a row."""
        return not (self.real or self.holdout or self.synthetic)


@dataclass(frozen=True)
class Bin:
    """Values from ``low`` to ``high``, both included: numbers, or moments in ISO 8601."""

    low: float | str
    high: float | str
    counts: Counts


@dataclass(frozen=True)
class Histogram:
    """The distribution of a numeric or datetime column over the schema's bounds.

    Attributes:
        bins: In ascending order. Values outside the bounds are pooled in the first and the last one.
        decimals: Decimal places of a numeric column's values; ``None`` for moments.
        missing: Rows without a value.
        unreadable: Rows whose value is not of the column's kind.
    """

    bins: tuple[Bin, ...]
    decimals: int | None
    missing: Counts
    unreadable: Counts

    @property
    def has_real(self) -> bool:
        """True if anything is known of the original; a shareable edition knows nothing of computed columns."""
        own = [self.missing, self.unreadable, *(each.counts for each in self.bins)]
        return any(counts.real for counts in own)


@dataclass(frozen=True)
class Bar:
    """One category of the released domain."""

    category: Scalar
    counts: Counts


@dataclass(frozen=True)
class Bars:
    """Frequencies of the categories of the released domain.

    Attributes:
        bars: The most frequent ones, or the first ones of an ordered column, which keep the schema's order.
        n_others: Categories of the released domain that have no bar.
        others: Their rows.
        outside: Rows with a value that is not in the released domain; it is not named.
        missing: Rows without a value.
    """

    bars: tuple[Bar, ...]
    n_others: int
    others: Counts
    outside: Counts
    missing: Counts


@dataclass(frozen=True)
class NoOverlay:
    """The reason why a column has no overlay."""

    reason: str


Overlay = Histogram | Bars | NoOverlay
_Tables = Sequence[pd.Series]


def overlay(column: Column, real: pd.Series, holdout: pd.Series, synthetic: pd.Series) -> Overlay:
    """Return the counts of one column of the schema in the three tables, or the reason why there are none.

    A picture comes after the fit: cells that cannot be counted must not cost the table. A library's message about them
    is left out, because it may quote one.
    """
    try:
        tables = (without_signals(series.to_frame(column.name)) for series in (real, holdout, synthetic))
        return _counted(column, *(table[column.name] for table in tables))
    except Exception as error:
        log_unexpected(error, f"the picture of column {column.name!r}")
        return NoOverlay(f"Not computed: its cells cannot be counted ({type(error).__name__}).")


def _counted(column: Column, real: pd.Series, holdout: pd.Series, synthetic: pd.Series) -> Overlay:
    tables = (real, holdout, synthetic)
    if not column.is_modelled:
        return NoOverlay(f"{column.generated_as.capitalize()}: generated for every row, not modelled.")
    if column.is_discovered:
        return NoOverlay("The schema lists no categories for this column.")
    if column.has_categories:
        return _bars(column, column.listed, tables)
    if not has_range(column) or not column.is_complete:
        return NoOverlay("The schema leaves this column's bounds or precision open.")
    return _histogram(column, tables)


def scaled(overlay: Overlay, factor: float) -> Overlay:
    """Return an overlay whose first table has ``factor`` times as many rows, rounded."""

    def more(counts: Counts) -> Counts:
        return replace(counts, real=round(counts.real * factor))

    if isinstance(overlay, Histogram):
        bins = tuple(replace(one, counts=more(one.counts)) for one in overlay.bins)
        return replace(overlay, bins=bins, missing=more(overlay.missing), unreadable=more(overlay.unreadable))
    if isinstance(overlay, Bars):
        bars = tuple(replace(one, counts=more(one.counts)) for one in overlay.bars)
        return replace(
            overlay,
            bars=bars,
            others=more(overlay.others),
            outside=more(overlay.outside),
            missing=more(overlay.missing),
        )
    return overlay


def _count(masks: Sequence[np.ndarray]) -> Counts:
    return Counts(*(int(mask.sum()) for mask in masks))


def _histogram(column: LatticeColumn, tables: _Tables) -> Histogram:
    edges, unit, last = _edges(column)
    values = [column.drawn_places(table) for table in tables]
    missing = [table.isna().to_numpy(dtype=bool) for table in tables]
    unreadable = [np.isnan(v) & ~m for v, m in zip(values, missing, strict=True)]
    counts = []
    for position in values:
        present = position[~np.isnan(position)]
        cells = np.clip(np.searchsorted(edges, present, side="right") - 1, 0, len(edges) - 2)
        counts.append(np.bincount(cells, minlength=len(edges) - 1).tolist())
    bins = [
        Bin(column.shown(low + unit / 2), column.shown(min(high - unit / 2, last)), Counts(*of_bin))
        for low, high, of_bin in zip(edges[:-1], edges[1:], zip(*counts, strict=True), strict=True)
    ]
    decimals = getattr(column, "decimals", None)
    return Histogram(tuple(bins), decimals, _count(missing), _count(unreadable))


def _edges(column: LatticeColumn) -> tuple[np.ndarray, float, float]:
    """Return the bins' edges, half a unit off the values, the unit, and the upper bound."""
    unit = column.step
    low, high = (column.drawn_bound(bound) for bound in column.bounds or ())
    low = math.ceil(round(low / unit, 6)) * unit
    n_values = math.floor(round((high - low) / unit, 6)) + 1
    width = math.ceil(n_values / MAX_BINS)
    n_bins = math.ceil(n_values / width)
    return low - unit / 2 + unit * width * np.arange(n_bins + 1), unit, high


def _bars(column: Column, categories: Sequence[Scalar], tables: _Tables) -> Bars:
    keys = {key: position for position, key in enumerate(typed(categories))}
    per_table = [_category_counts(keys, table) for table in tables]
    counts = [Counts(*of_category) for of_category in zip(*(c.tolist() for c in per_table), strict=True)]
    *inside, outside = counts
    n_rows = [max(len(table), 1) for table in tables]

    def weight(position: int) -> tuple[float, int]:
        here = inside[position]
        return -max(here.real / n_rows[0], here.synthetic / n_rows[2]), position

    ranked = sorted(range(len(inside)), key=weight)
    is_short = len(ranked) <= MAX_BARS + 1  # a pool of one category would hide it and save no room
    shown = ranked if is_short else ranked[:MAX_BARS]
    pooled = [inside[position] for position in ranked[len(shown) :]]
    if column.is_ordered:
        shown = sorted(shown)
    return Bars(
        tuple(Bar(categories[position], inside[position]) for position in shown),
        len(pooled),
        Counts(sum(c.real for c in pooled), sum(c.holdout for c in pooled), sum(c.synthetic for c in pooled)),
        outside,
        _count([table.isna().to_numpy(dtype=bool) for table in tables]),
    )


def _category_counts(keys: dict[Any, int], series: pd.Series) -> np.ndarray:
    """Return ``(categories + 1,)`` rows of each category; the last entry counts all other values."""
    result = np.zeros(len(keys) + 1, dtype=np.int64)
    for key, n in Counter(typed(series[series.notna()])).items():
        result[keys.get(key, len(keys))] += n
    return result

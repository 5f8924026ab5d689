"""Pairs of columns whose association differs most, and their joint counts in both tables.

The cells of a picture are the schema's categories, or ranges between quantiles of the synthetic rows, so that no
value of a real row is an end of one. Where these have few values, each has a cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tabgan.columns import Column
from tabgan.columns.keys import typed
from tabgan.columns.lattice import has_range
from tabgan.errors import log_unexpected
from tabgan.evaluation.result import Correlations
from tabgan.evaluation.tables import without_signals
from tabgan.report.figures.charts import end_text
from tabgan.schema import Schema

#: Largest number of pairs that are listed, of pairs with a picture, and of cells along a side of one.
MAX_PAIRS, MAX_PAIR_PICTURES, MAX_CELLS = 12, 4, 12

_OTHERS = "others"


@dataclass(frozen=True)
class AssociatedPair:
    """Two columns and the strength of their association in either table."""

    first: str
    second: str
    real: float
    synthetic: float

    @property
    def difference(self) -> float:
        """Synthetic minus real."""
        return self.synthetic - self.real


@dataclass(frozen=True)
class PairPicture:
    """Joint shares of two columns in both tables, of the rows in which neither is missing.

    Attributes:
        first: The column along the picture.
        second: The column up the picture.
        first_labels: Its categories, or the ranges of its values, from left to right.
        second_labels: Likewise, from bottom to top.
        real: ``(second, first)`` shares of the real rows.
        synthetic: The same of the synthetic rows.
    """

    first: str
    second: str
    first_labels: tuple[str, ...]
    second_labels: tuple[str, ...]
    real: tuple[tuple[float, ...], ...]
    synthetic: tuple[tuple[float, ...], ...]


def furthest_pairs(correlations: Correlations, limit: int = MAX_PAIRS) -> tuple[AssociatedPair, ...]:
    """Return the pairs of columns with the largest differences of association, in descending order."""
    pairs = []
    for i, first in enumerate(correlations.names):
        for j in range(i):
            real, synthetic = correlations.real[i][j], correlations.synthetic[i][j]
            if real is not None and synthetic is not None:
                pairs.append(AssociatedPair(correlations.names[j], first, real, synthetic))
    return tuple(sorted(pairs, key=lambda pair: -abs(pair.difference))[:limit])


def pair_pictures(
    correlations: Correlations | None, schema: Schema, real: pd.DataFrame, synthetic: pd.DataFrame
) -> tuple[PairPicture, ...]:
    """Return the pictures of the pairs that differ most; pairs with nothing to count are left out."""
    found: list[PairPicture] = []
    for pair in () if correlations is None else furthest_pairs(correlations):
        if len(found) == MAX_PAIR_PICTURES:
            break
        try:
            drawn = _picture(schema[pair.first], schema[pair.second], real, synthetic)
        except Exception as error:  # a picture comes after the fit, and must not cost the table
            log_unexpected(error, f"the picture of columns {pair.first!r} and {pair.second!r}")
            continue
        found += [] if drawn is None else [drawn]
    return tuple(found)


def _picture(first: Column, second: Column, *tables: pd.DataFrame) -> PairPicture | None:
    cells = [
        _cells(column, *(without_signals(table[[column.name]])[column.name] for table in tables))
        for column in (first, second)
    ]
    (x, x_labels), (y, y_labels) = cells
    if len(x_labels) < 2 or len(y_labels) < 2:
        return None
    shares = [_shares(x[i], y[i], len(x_labels), len(y_labels)) for i in range(2)]
    if any(each is None for each in shares):
        return None
    real, synthetic = (tuple(tuple(map(float, row)) for row in each) for each in shares if each is not None)
    return PairPicture(first.name, second.name, x_labels, y_labels, real, synthetic)


def _shares(x: np.ndarray, y: np.ndarray, width: int, height: int) -> np.ndarray | None:
    is_there = (x >= 0) & (y >= 0)
    if not is_there.any():
        return None
    counts = np.bincount(y[is_there] * width + x[is_there], minlength=width * height)
    return np.asarray(counts.reshape(height, width) / counts.sum())


def _cells(
    column: Column, real: pd.Series, synthetic: pd.Series
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[str, ...]]:
    """Return ``(rows,)`` cells of both tables, -1 for none, and the cells' names; no name if there are no cells."""
    nothing = (np.empty(0), np.empty(0)), ()
    if not column.is_modelled or column.is_discovered:
        return nothing
    if column.has_categories:
        return _categories(column, real, synthetic)
    if not has_range(column) or not column.is_complete:
        return nothing
    places = [np.asarray(column.drawn_places(series), dtype=np.float64) for series in (real, synthetic)]
    present = places[1][~np.isnan(places[1])]
    if not len(present):
        return nothing
    values, decimals = np.unique(present), getattr(column, "decimals", None)
    if len(values) <= MAX_CELLS:
        ends = [end_text(column.shown(float(value)), decimals) for value in values]
        return _values(places, values, ends)
    cuts = np.quantile(present, np.linspace(0, 1, MAX_CELLS + 1)[1:-1], method="inverted_cdf")
    edges = np.unique(cuts[cuts < values[-1]])
    codes = [
        np.where(np.isnan(p), -1, np.searchsorted(edges, p, side="left")).astype(np.int64) for p in places
    ]
    ends = [end_text(column.shown(float(edge)), decimals) for edge in edges]
    return (codes[0], codes[1]), (*(f"≤ {end}" for end in ends), f"> {ends[-1]}")


def _values(
    places: Sequence[np.ndarray], values: np.ndarray, names: Sequence[str]
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[str, ...]]:
    """Return the cells of few numbers: each synthetic one, and other real ones together if there are any."""
    found = []
    for place in places:
        near = np.minimum(np.searchsorted(values, place), len(values) - 1)
        code = np.where(values[near] == place, near, len(values))
        found.append(np.where(np.isnan(place), -1, code).astype(np.int64))
    others = [_OTHERS] if (found[0] == len(values)).any() else []
    return (found[0], found[1]), (*names, *others)


def _categories(
    column: Column, real: pd.Series, synthetic: pd.Series
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[str, ...]]:
    """Return the cells of categories: the most frequent synthetic ones, and the others together."""
    listed: Sequence[object] = column.listed
    keys = typed(column.listed)
    counts = Counter(typed(synthetic[synthetic.notna()]))
    shown = sorted(range(len(keys)), key=lambda i: (-counts[keys[i]], i))[: MAX_CELLS - 1]
    if column.is_ordered:
        shown = sorted(shown)
    place = {keys[i]: position for position, i in enumerate(shown)}
    labels = [str(listed[i]) for i in shown] + (
        [_OTHERS] if len(shown) < len(keys) or column.other_label is not None else []
    )

    def codes(series: pd.Series) -> np.ndarray:
        found = np.full(len(series), -1, dtype=np.int64)
        is_there = series.notna().to_numpy(dtype=bool)
        found[is_there] = [place.get(key, len(shown)) for key in typed(series[is_there])]
        return np.where(found < len(labels), found, -1)

    return (codes(real), codes(synthetic)), tuple(labels)

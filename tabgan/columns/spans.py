"""Cells of columns on a lattice, from a released span and released frequent numbers.

Every function here is post-processing of public or released numbers; none sees a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from tabgan.columns import grid
from tabgan.columns.grid import Span
from tabgan.columns.kind import Column
from tabgan.columns.lattice import LIMIT, LatticeColumn, LatticeEncoder, has_range


@dataclass(frozen=True)
class Repeated:
    """Numbers of a column that are frequent, as they were released.

    Attributes:
        values: ``(values,)`` float64, ascending.
        counts: ``(values,)`` their noisy counts.
        is_all: True if nearly all rows have one of them.
        places: ``(values,)`` their lattice integers, all different; set by :meth:`within`.
        low: Largest lattice integer that is not above all of them.
        high: Smallest one that is not below any.
    """

    values: np.ndarray
    counts: np.ndarray
    is_all: bool
    places: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    low: int = 0
    high: int = 0

    def within(self, column: LatticeColumn) -> Repeated | None:
        """Return the values within a column's bounds, the most frequent of each lattice integer; ``None`` for none."""
        places = column.to_lattice(pd.Series(self.values))[0]
        order = np.lexsort([-self.counts, places])
        kept = order[np.concatenate([[True], np.diff(places[order]) > 0])] if len(order) else order
        if column.bounds is not None:
            low, high = column.declared_range()
            kept = kept[(places[kept] >= low) & (places[kept] <= high)]
        if not len(kept):
            return None
        values, places = self.values[kept], places[kept]
        first, last = (column.place(end) for end in column.bounds_of(int(places[0]), int(places[-1])))
        low, high = int(places[0]) - int(values[0] < first), int(places[-1]) + int(values[-1] > last)
        return replace(self, values=values, counts=self.counts[kept], places=places, low=low, high=high)


def repeating(columns: Sequence[Column], spans: Mapping[str, Span], n_cells: int) -> list[LatticeColumn]:
    """Return the columns whose range has too many numbers for a cell each, and in which some may be frequent."""
    return [
        column
        for column in columns
        if has_range(column) and column.may_repeat_values and column.name in spans
        if spans[column.name].is_seen and spans[column.name].is_wide(n_cells)
    ]


def encoder_of_span(
    column: LatticeColumn,
    span: Span,
    n_cells: int,
    noise_stddev: float,
    repeated: Repeated | None,
) -> tuple[LatticeEncoder, Span]:
    """Return a completed column's encoder, and its span with all numbers that were found.

    A column whose span did not rise above the noise keeps open bounds, and one cell for all values. Frequent numbers
    have cells of their own; where they are nearly all that there is, and nothing surely lies beyond them, no others.
    """
    if repeated is not None:
        column, share = column.with_step_of(repeated.values)
        span = span.scaled(share) if share != 1 else span
    found = None if repeated is None else repeated.within(column)
    if found is not None:
        known = span.core or (found.low, found.high)
        if found.is_all and found.low <= known[0] and known[1] <= found.high:
            low, high = (found.low, found.high) if column.bounds is None else column.declared_range()
            column = column.with_range(low, high) if column.bounds is None else column
            encoder = column.lattice_encoder(grid.edges_of_values(found.places, low, high))
            return _with_exact(encoder, found), replace(span, is_seen=False)
        if column.bounds is None:
            span = replace(
                span,
                low=min(span.low, found.low),
                high=max(span.high, found.high),
                core=(min(known[0], found.low), max(known[1], found.high)),
            )
    if column.bounds is None and span.is_seen:
        column = column.with_range(span.low, span.high)
    if span.is_wide(n_cells):
        rest = 0.0 if found is None else float(found.counts.sum())
        n_cells = min(n_cells, grid.cells_apart(span, noise_stddev, less=rest))
    edges = grid.grid_edges(span, n_cells)
    if found is None:
        return column.lattice_encoder(edges), span
    return _with_exact(column.lattice_encoder(grid.edges_with_values(edges, found.places)), found), span


def _with_exact(encoder: LatticeEncoder, found: Repeated) -> LatticeEncoder:
    """Return the same encoder with numbers that stand for the whole of the cells that they lie in."""
    other = encoder.emphasising(None)
    other.exact = np.full(encoder.n_values, np.nan)
    other.exact[np.searchsorted(encoder.edges, found.places, side="right") - 1] = found.values
    return other


def ends_with_axis(encoder: LatticeEncoder, low: int, stop: int) -> bool:
    """Return true if a range goes to an end of the axis from ``low`` to ``stop`` that is not its dtype's."""
    smallest, largest = encoder.column.dtype_range()
    is_low = encoder.edges[0] <= max(low, 1 - LIMIT) and not (low <= smallest and smallest > 1 - LIMIT)
    is_high = encoder.edges[-1] >= min(stop, LIMIT) and not (stop >= largest and largest < LIMIT - 1)
    return bool(encoder.column.bounds is not None and (is_low or is_high))

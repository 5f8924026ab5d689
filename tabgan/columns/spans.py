"""Cells of columns on a lattice, from a released span and released frequent numbers.

Every function here is post-processing of public or released numbers; none sees a row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from tabgan.columns import grid, occupied, rounding, standins
from tabgan.columns.grid import Span
from tabgan.columns.kind import Column
from tabgan.columns.lattice import LIMIT, LatticeColumn, LatticeEncoder, has_range
from tabgan.columns.multiples import progression
from tabgan.columns.occupied import Outermost

#: Rows that a frequent number has without privacy too, and the share of the rows with other than the most frequent one
#: that may have none of them where only they are sampled.
LEAST_FREQUENT, NEARLY_ALL = 5, 0.03

#: The same share, at most, where it may be noise: in many columns noise would explain a fifth of the rows.
MOST_IN_DOUBT = 0.08

#: Share of the rows with a number up to which those without a frequent one are sampled as the nearest of these, where a
#: column is known to have few numbers; standard deviations of the noise by which the number of others may be higher.
MOST_OTHERS, IN_DOUBT = 0.25, 2.0

#: Shares of the rows above which frequent numbers show that a column has few numbers: where numbers have many digits,
#: and elsewhere without the most frequent one; and the integers for each of them that make them few.
REPEATED_ODD, REPEATED, SPARSE = 0.05, 0.25, 4

#: The same share for each of the frequent numbers: the others are then spread over many of these.
MOST_FOR_EACH = 0.02

#: Share of the rows with a number above which one of them would stand for too many rows with others.
MOST_FOR_ONE = 0.07

#: Share of the rows with a number that have others, from which on their number alone shows that a column has few.
MANY_OTHERS = 0.2

#: Integers, at least, of the last cell at an end, which may thin out, and of each of two groups of cells before it.
LEAST_WIDTH = 4


@dataclass(frozen=True)
class Repeated:
    """Numbers of a column that are frequent, as they were released.

    Attributes:
        values: ``(values,)`` float64, ascending.
        counts: ``(values,)`` their noisy counts.
        is_all: True if nearly all rows have one of them.
        rest: Released number of rows with other numbers.
        has_few: True if the column has few numbers, and few rows have others.
        doubtful: Those that noise may have brought up.
        places: ``(values,)`` their lattice integers, all different; set by :meth:`within`.
        low: Largest lattice integer that is not above all of them.
        high: Smallest one that is not below any.
    """

    values: np.ndarray
    counts: np.ndarray
    is_all: bool
    rest: float = 0.0
    has_few: bool = False
    doubtful: frozenset[float] = frozenset()
    places: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    low: int = 0
    high: int = 0

    @classmethod
    def of(
        cls,
        found: Mapping[float, float],
        n_present: float,
        noise_stddev: float,
        earlier: Repeated | None = None,
    ) -> Repeated:
        """Return numbers with their released counts, those of an earlier, less exact look included.

        Of the earlier ones, those that noise may have brought up are left out if the closer look has not found them.

        Args:
            found: Counts by number.
            n_present: Released number of rows that have one.
            noise_stddev: Of their counts.
            earlier: Numbers that were found before.
        """
        kept = {v: n for v, n in found.items() if n >= LEAST_FREQUENT}
        doubtful = frozenset(v for v, n in kept.items() if n <= occupied.SURELY * noise_stddev)
        if earlier is not None:
            known = dict(zip(earlier.values.tolist(), earlier.counts.tolist(), strict=True))
            kept = {v: n for v, n in known.items() if v not in earlier.doubtful} | kept
        values = np.array(sorted(kept), dtype=np.float64)
        counts = np.array([kept[v] for v in sorted(kept)], dtype=np.float64)
        rest = n_present - counts.sum()
        explained = max(
            NEARLY_ALL * (counts.sum() - counts.max(initial=0.0)),
            min(2 * noise_stddev * math.sqrt(len(counts) + 2), MOST_IN_DOUBT * n_present),
        )
        return cls(values, counts, bool(rest <= explained), float(rest), doubtful=doubtful)

    @property
    def is_sure(self) -> np.ndarray:
        """``(values,)`` true for those that are not doubtful."""
        return np.array([value not in self.doubtful for value in self.values.tolist()], dtype=bool)

    def needs_others(self, column: LatticeColumn, number: float, most: float, span: Span | None) -> bool:
        """Return true if the column has few numbers, by those that were found, or by the number of the others.

        They lie on a coarser grid than the column's, or are few in their range and hold many rows.

        Args:
            column: Of the numbers.
            number: Released number of the others.
            most: The same at most, as far as its noise allows.
            span: Range of the column; ``None`` if it has no end.
        """
        places = column.to_lattice(pd.Series(self.values))[0]
        n_present, n_found = self.counts.sum() + self.rest, self.counts.sum()
        n_numbers = len(self.values) + max(number, 1.0)
        is_open = span is None or span.high - span.low >= SPARSE * n_numbers
        if column.is_linear and is_open and self.rest >= max(LEAST_FREQUENT * most, MANY_OTHERS * n_present):
            return True
        if column.may_have_odd_step and self.counts[self.values != 0].sum() >= REPEATED_ODD * n_present:
            return True
        is_sparse = len(places) > 1 and places[-1] - places[0] >= SPARSE * len(places)
        is_frequent = n_found - self.counts.max(initial=0.0) >= REPEATED * n_present
        return (is_sparse and is_frequent) or progression(places[self.is_sure]) is not None

    def with_others(self, rows: float, most: float) -> Repeated:
        """Return the same numbers, as those of a column that has few if the others repeat themselves.

        Args:
            rows: Released number of rows with others, at a first look.
            most: Number of their numbers at most, as far as the noise of the released one allows.
        """
        is_repeating = rows >= LEAST_FREQUENT * max(most, 1.0)
        most_others = max(MOST_OTHERS, MOST_FOR_EACH * len(self.values))
        has_few = is_repeating and self.rest <= most_others * (self.counts.sum() + self.rest)
        return replace(self, has_few=bool(has_few))

    def within(self, column: LatticeColumn) -> Repeated | None:
        """Return the values within a column's bounds, the most frequent of each lattice integer; ``None`` for none.

        Those that noise may have brought up are left out where the others lie on a grid, and they do not.
        """
        places = column.to_lattice(pd.Series(self.values))[0]
        order = np.lexsort([-self.counts, places])
        kept = order[np.concatenate([[True], np.diff(places[order]) > 0])] if len(order) else order
        if column.bounds is not None:
            low, high = column.declared_range()
            kept = kept[(places[kept] >= low) & (places[kept] <= high)]
        is_sure = self.is_sure[kept]
        grid_ = progression(places[kept[is_sure]])
        if grid_ is not None:
            kept = kept[is_sure | (places[kept] % grid_[0] == grid_[1])]
        if not len(kept):
            return None
        values, places = self.values[kept], places[kept]
        first, last = (column.place(end) for end in column.bounds_of(int(places[0]), int(places[-1])))
        low, high = grid.within_limit(places[0] - int(values[0] < first), places[-1] + int(values[-1] > last))
        return replace(self, values=values, counts=self.counts[kept], places=places, low=low, high=high)


def numbers_of(column: Column, span: Span | None) -> list[float]:
    """Return every number of a column's released range, ``[]`` where it has too many: each may have a public cell."""
    if span is None or not has_range(column) or not column.is_linear or span.is_wide(grid.MAX_CELLS):
        return []
    numbers: list[float] = (column.places(np.arange(span.low, span.high + 1)) + 0.0).tolist()
    return numbers


def unseen_encoders(columns: Sequence[Column], spans: Mapping[str, Span]) -> list[LatticeEncoder]:
    """Return encoders of the columns whose range did not rise above the noise."""
    unseen = [c for c in columns if has_range(c) and c.name in spans and not spans[c.name].is_seen]
    return [column.lattice_encoder(np.array([0, 1])) for column in unseen]


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
    Between those of a column that is known to have few there are none.
    """
    if repeated is not None:
        column, share = column.with_step_of(repeated.values[repeated.is_sure])
        span = span.scaled(share) if share != 1 else span
    found = None if repeated is None else repeated.within(column)
    if found is not None:
        core = (None if span.known is None else span.known.core) or (found.low, found.high)
        if found.is_all and found.low <= core[0] and core[1] <= found.high:
            low, high = (found.low, found.high) if column.bounds is None else column.declared_range()
            column = column.with_range(low, high) if column.bounds is None else column
            encoder = column.lattice_encoder(grid.edges_of_values(found.places, low, high))
            return _with_exact(encoder, found), replace(span, is_seen=False)
        if column.bounds is None:
            span = replace(
                span,
                low=min(span.low, found.low),
                high=max(span.high, found.high),
                known=Outermost(found.low, found.low, found.high, found.high).joined(span.known),
            )
    n_cells = n_cells if column.is_linear else grid.MAX_CELLS
    if span.is_wide(n_cells):
        rest = 0.0 if found is None else float(found.counts.sum())
        n_cells = min(n_cells, grid.cells_apart(span, noise_stddev, less=rest))
    edges = grid.grid_edges(span, n_cells)
    if column.bounds is None and span.is_seen:
        edges = grid.with_outer_cells(edges, grid.range_edges(column))
        column = column.with_range(int(edges[0]), int(edges[-1]) - 1)
    if found is not None:
        edges = grid.edges_with_values(edges, found.places)
        found = replace(found, has_few=found.has_few and not _is_crowded(found, span))
        if found.has_few:
            edges = grid.edges_among_values(edges, found.places)
            span = replace(span, replaced=max(found.rest, 0.0))
    if noise_stddev > 0 and not (found and found.has_few):
        span = replace(span, whole=edges)
        places = standins.places_apart(column, edges, span.low, span.high)
        edges = grid.edges_with_values(edges, places)
    encoder = column.lattice_encoder(edges)
    return encoder if found is None else _with_exact(encoder, found), span


def _is_crowded(found: Repeated, span: Span) -> bool:
    """Return true if many rows with other numbers lie next to one of those that were found, by the coarse histogram."""
    edges = grid.edges_of_values(found.places, int(found.places[0]), int(found.places[-1]))
    cell = np.clip(np.searchsorted(span.edges, found.places, side="right") - 1, 0, len(span.mass) - 1)
    others = np.maximum(span.mass - np.bincount(cell, found.counts, len(span.mass)), 0.0)
    moved = np.diff(np.interp(edges, span.edges, np.concatenate([[0.0], np.cumsum(others)])))
    return bool(moved.max() > MOST_FOR_ONE * (found.counts.sum() + found.rest))


def _with_exact(encoder: LatticeEncoder, found: Repeated) -> LatticeEncoder:
    """Return the same encoder with numbers that stand for the whole of the cells that they lie in."""
    other = encoder.emphasising(None)
    other.exact = np.full(encoder.n_values, np.nan)
    other.exact[np.searchsorted(encoder.edges, found.places, side="right") - 1] = found.values
    grid_ = progression(found.places) if encoder.is_linear else None
    other.grid = None if grid_ is None else np.array(grid_, dtype=np.int64)
    return other


def with_clear_stand_ins(
    encoder: LatticeEncoder, counts: np.ndarray, noise_stddev: float, span: Span
) -> tuple[LatticeEncoder, np.ndarray, np.ndarray]:
    """Return an encoder in which numbers that stand for missing values have cells where their counts are clear.

    Args:
        encoder: Of the column.
        counts: ``(1 + cells,)`` noisy counts, of missing cells first.
        noise_stddev: Of each.
        span: Of the column, with its cells before those numbers had some.

    Returns:
        The encoder, its counts, and those that were left out.
    """
    if span.whole is None:
        return encoder, counts, np.zeros(0)
    places = standins.places_apart(encoder.column, span.whole, span.low, span.high)
    edges, sums, is_clear, left_out = standins.settled(
        encoder.edges, span.whole, places, counts[1:], noise_stddev, span.low, span.high
    )
    other = encoder.column.lattice_encoder(edges)
    other.grid = encoder.grid
    if encoder.exact is not None or is_clear.any():
        exact = np.full(len(sums), np.nan)
        exact[is_clear] = encoder.column.places(edges[:-1][is_clear])
        if encoder.exact is not None:
            known = ~np.isnan(encoder.exact)
            exact[np.searchsorted(edges, encoder.edges[:-1][known], side="right") - 1] = encoder.exact[known]
        other.exact = exact
    return other, np.concatenate([counts[:1], sums]), left_out


def tightened(
    encoder: LatticeEncoder, counts: np.ndarray, noise_stddev: float, span: Span
) -> tuple[LatticeEncoder, int, int]:
    """Return an encoder without the cells at both ends of the range that contain only noise, and the places kept.

    Returns:
        The encoder, the place of its first cell among those of the values, and the place after its last.
    """
    start, last = np.searchsorted(encoder.edges, [span.low, span.high], side="right") - 1
    edges, values, stop = encoder.edges.copy(), counts[1:], int(last) + 1
    inside = edges[start : stop + 1].copy()
    inside[[0, -1]] = span.low, span.high + 1
    first, last = start + np.array(
        occupied.tight_ends(
            inside, values[start:stop], noise_stddev, span.known, is_counting=encoder.column.is_counting
        )
    )
    is_exact = np.full(len(values), False) if encoder.exact is None else ~np.isnan(encoder.exact)
    below = _n_beyond(values[:start][::-1], is_exact[:start][::-1], noise_stddev)
    above = _n_beyond(values[stop:], is_exact[stop:], noise_stddev)
    edges[start] = edges[start] if below else inside[0]
    edges[stop] = edges[stop] if above else inside[-1]
    first, last = start - below if below else first, stop - 1 + above if above else last
    edges = edges[first : last + 2]
    tight = encoder.column.with_range(int(edges[0]), int(edges[-1]) - 1).lattice_encoder(edges)
    tight.exact = None if encoder.exact is None else encoder.exact[first : last + 1]
    tight.grid = encoder.grid
    return tight, int(first), int(last) + 1


def stand_in_cells(encoder: LatticeEncoder) -> np.ndarray | None:
    """Return ``(cells,)`` true for numbers that stand for missing values; ``None`` if no cell is of one number."""
    if encoder.exact is None or encoder.column.quantity != "a number":
        return None
    return np.isin(encoder.exact, standins.STAND_INS)


def _n_beyond(counts: np.ndarray, is_exact: np.ndarray, noise_stddev: float) -> int:
    """Return the number of cells beyond an end of a range up to the last that surely holds rows.

    Those of a single number that was found do; others are looked at without these.
    """
    drawn, exact = np.flatnonzero(~is_exact), np.flatnonzero(is_exact)
    n_drawn = occupied.n_surely_beyond(counts[drawn], noise_stddev)
    return int(max(drawn[n_drawn - 1] + 1 if n_drawn else 0, exact[-1] + 1 if len(exact) else 0))


def tapered(encoder: LatticeEncoder, mass: np.ndarray) -> LatticeEncoder:
    """Return the same encoder, whose end cells thin out where the cells beside them suggest it.

    Args:
        encoder: Of a column.
        mass: ``(cells,)`` its non-negative released counts.
    """
    width = np.diff(encoder.edges)
    is_drawn = np.full(len(width), True) if encoder.exact is None else np.isnan(encoder.exact)
    rates = [
        _rate_at_end(mass[cells], width[cells], is_drawn[cells]) if encoder.is_linear else 0.0
        for cells in (slice(None, None, -1), slice(None))
    ]
    if not any(rates):
        return encoder
    other = encoder.emphasising(encoder.emphasis)
    other.taper = np.array(rates)
    return other


def _rate_at_end(mass: np.ndarray, width: np.ndarray, is_drawn: np.ndarray) -> float:
    """Return the rate at which the last cell thins out, by two groups of cells before it that are wide enough.

    Cells of one number are left out: that many rows share it says little of how dense those beside it are.
    """
    groups: list[np.ndarray] = []
    own, stop = np.flatnonzero(is_drawn[:-1])[::-1], 0
    while len(groups) < 2 and stop < len(own):
        start, stop = stop, stop + 1 + int(np.searchsorted(np.cumsum(width[own[stop:]]), LEAST_WIDTH))
        groups.append(own[start:stop])
    if len(groups) < 2 or not is_drawn[-1] or width[-1] < LEAST_WIDTH:
        return 0.0
    beside, before = groups
    return rounding.rate_of(
        np.array([mass[before].sum(), mass[beside].sum(), mass[-1]]),
        np.array([width[before].sum(), width[beside].sum(), width[-1]]),
    )


def ends_with_axis(encoder: LatticeEncoder, low: int, stop: int) -> bool:
    """Return true if a range goes to an end of the axis from ``low`` to ``stop`` that is not its dtype's."""
    smallest, largest = encoder.column.dtype_range()
    is_low = encoder.edges[0] <= max(low, 1 - LIMIT) and not (low <= smallest and smallest > 1 - LIMIT)
    is_high = encoder.edges[-1] >= min(stop, LIMIT) and not (stop >= largest and largest < LIMIT - 1)
    return bool(encoder.column.bounds is not None and (is_low or is_high))


def is_open(column: LatticeColumn, n_cells: int) -> bool:
    """Return true if a column's span has to be released: undeclared, or too wide for one cell per integer."""
    if column.bounds is None:
        return True
    low, high = column.declared_range()
    return high - low + 1 > n_cells

"""Cuts of a lattice, from declared bounds and released counts only.

Every function here is post-processing of public or released numbers; none sees a row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from tabgan.columns.lattice import LIMIT, LatticeColumn
from tabgan.columns.occupied import SURELY, Outermost, occupied, outermost

#: Cells of a column's fine histogram, at least and at most; and of the coarser one that shows where to put them
#: when the column has more integers than cells, at most. Values in one cell are not distinguished: in columns with few
#: distinct values, that gives synthetic rows away.
MIN_CELLS, MAX_CELLS, ZOOM_CELLS = 16, 16_384, 64

#: Cells, at least, for the values that do not lie in cells of one integer.
FEW_CELLS = 6

#: Share of the mass in one coarse cell above which the values may fill little of it; and the fewest cells for them.
NARROW, NARROW_CELLS = 0.7, 18

#: The same without privacy, where no noise can pass for an occupied cell.
EXACT_CELLS = 65_536

#: Rows that a fine cell should hold, over the noise of its count: where integers have a cell each, and of a wide range.
ROWS_OVER_NOISE, WIDE_ROWS_OVER_NOISE = 4.0, 6.0

#: The same of regions of a map, of which most is empty; and cells of the coarser histogram. Found on made-up towns
#: (ADR 24).
MAP_ROWS_OVER_NOISE, MAP_ZOOM_CELLS = 2.0, 256

#: Squares of a cell, in those of the cell that holds the middle row, above which it is a wide part of a map: to hold
#: rows at all it has to pass ``SURELY``, or noise would put a few rows on another continent.
WIDE_REGION = 256

#: Width of an outermost cell, in widths of the one before, above which it is cut up; and the factor by which the
#: widths of its parts grow.
STEEP, GRADE = 16, 4.0

#: Coarse cells next to an end whose rows are taken for a thin tail: they count as the end cell's.
NEAR = 2

#: Noise standard deviations below which a coarse cell is taken for empty.
PRESENT = 0.5


def range_edges(column: LatticeColumn) -> np.ndarray:
    """Return edges of the coarse cells in which a column's range is looked for.

    Numbers and durations: zero, and doubling ranges to both sides, ``[1, 2), [2, 4), ...`` in lattice units. Moments:
    calendar years from 1900 to 2100. As far as the dtype goes, and to the ends of declared bounds. Nothing of it
    depends on the rows: it costs nothing to know.
    """
    low, high = column.dtype_range()
    edges = np.clip(column.coarse_edges(), low, high + 1)
    if column.bounds is not None:
        low, high = column.declared_range()
        edges = np.concatenate([[min(low, edges[0])], edges, [max(high + 1, edges[-1])]])
    return np.unique(edges)


def project_to_simplex(counts: np.ndarray, total: float) -> np.ndarray:
    """Return the closest non-negative counts that sum to ``total`` (least squares).

    The projection subtracts one number from every cell and cuts at zero, which removes most of the noise
    from histograms that are largely empty.

    References:
        Duchi, Shalev-Shwartz, Singer & Chandra (2008), *Efficient Projections onto the l1-Ball*.
    """
    total = max(float(total), 1.0)
    ordered = np.sort(counts)[::-1]
    excess = (np.cumsum(ordered) - total) / np.arange(1, len(counts) + 1)
    last = int(np.flatnonzero(ordered > excess)[-1])
    return np.asarray(np.maximum(counts - excess[last], 0.0))


@dataclass(frozen=True)
class Span:
    """The range of a column's rows, as far as it is known.

    Attributes:
        low: Smallest lattice integer.
        high: Largest lattice integer.
        edges: ``(cells + 1,)`` edges of coarse cells that cover it.
        mass: ``(cells,)`` non-negative released counts of them.
        is_seen: False if nothing stands above the noise: then ``low`` and ``high`` say nothing of the rows.
        known: The outermost cells that certainly hold rows; ``None`` if the ends are declared.
        counts: ``(cells,)`` released counts of them; ``None`` stands for the mass.
        largest: The largest absolute value, in lattice units, that certainly occupied cells have room for.
        is_linear: False for regions of a map along a curve.
        replaced: Released number of rows with numbers that were not released, where they show the nearest that were.
        whole: Edges of fine cells, before numbers that stand for missing values had some of their own; else ``None``.
    """

    low: int
    high: int
    edges: np.ndarray
    mass: np.ndarray
    is_seen: bool = True
    known: Outermost | None = None
    counts: np.ndarray | None = None
    largest: float = 0.0
    is_linear: bool = True
    replaced: float = 0.0
    whole: np.ndarray | None = None

    @property
    def scattered(self) -> float:
        """Released number of rows outside of cells of one integer: finer cells can tell them apart."""
        is_apart = (np.diff(self.edges) > 1) & (self.edges[1:] > self.low) & (self.edges[:-1] <= self.high)
        return float((self.mass if self.counts is None else self.counts)[is_apart].sum())

    @property
    def is_narrow(self) -> bool:
        """True if most rows lie in one coarse cell of several integers: it says little of where they are."""
        fullest = int(np.argmax(self.mass))
        is_wide = self.edges[fullest + 1] - self.edges[fullest] > 1
        return bool(is_wide and self.mass[fullest] > NARROW * self.mass.sum())

    @property
    def fills_few(self) -> bool:
        """True if most rows lie in one cell of several integers, or in two neighbours; always true on a map."""
        if not self.is_linear:
            return True
        is_wide = np.diff(self.edges) > 1
        mass = np.append(np.where(is_wide, self.mass, 0.0), 0.0)
        return bool((mass[:-1] + mass[1:]).max() > NARROW * self.mass.sum())

    def scaled(self, share: float) -> Span:
        """Return the span in larger units; cells that fall together become one."""
        edges = np.clip(np.floor(self.edges * share), 1 - LIMIT, LIMIT).astype(np.int64)
        cells = np.unique(edges)
        place = np.searchsorted(cells, edges[:-1], side="right") - 1
        kept = place < len(cells) - 1
        mass, counts = (
            np.bincount(place[kept], weights=old[kept], minlength=len(cells) - 1)
            for old in (self.mass, self.mass if self.counts is None else self.counts)
        )
        low, high = within_limit(self.low * share, self.high * share)
        known = None if self.known is None else self.known.scaled(share)
        return replace(self, low=low, high=high, edges=cells, mass=mass, counts=counts, known=known)

    def is_wide(self, n_cells: int) -> bool:
        """Return true if the span has more lattice integers than there may be cells."""
        return self.high - self.low + 1 > n_cells


def within_limit(low: float, high: float) -> tuple[int, int]:
    """Return the ends of a range, rounded down, that no lattice integer passes."""
    return min(max(math.floor(low), 1 - LIMIT), LIMIT - 1), min(max(math.floor(high), 1 - LIMIT), LIMIT - 1)


def span_of(
    edges: np.ndarray,
    counts: np.ndarray,
    noise_stddev: float,
    declared: tuple[int, int] | None,
    known: Outermost | None = None,
    *,
    is_linear: bool = True,
) -> Span:
    """Return a column's span from noisy counts of cells: declared bounds, or the occupied cells and one more.

    If no cell is occupied, the span was not seen. ``known`` is that of an earlier span: its cells need not show again.

    The cell more to either side keeps tails that are too thin to show. It is left out where it would more than
    triple the span, and at zero: few columns cross it, unless zero is all that they show.
    """
    largest = 0.0
    if declared is not None:
        (low, high), known = declared, None
    else:
        found = occupied(counts, noise_stddev, None if known is None else known.in_cells(edges))
        if found is None:
            return Span(0, 0, np.array([0, 1], dtype=np.int64), np.zeros(1), is_seen=False)
        seen = outermost(edges, counts, noise_stddev)
        known = seen if known is None else known.joined(seen)
        first, last = found
        low, stop = int(edges[first]), int(edges[last + 1])
        largest = float(max(-low, stop - 1) if seen is None else max(-seen.start, seen.stop))
        most = 2 * (stop - low)
        if first > 0 and low != 0 and low - edges[first - 1] <= most:
            low = int(edges[first - 1])
        if last + 2 < len(edges) and (stop != 1 or edges[first] == 0) and edges[last + 2] - stop <= most:
            stop = int(edges[last + 2])
        high = stop - 1
    mass = np.where(counts > PRESENT * noise_stddev, counts, 0.0)
    if (
        not is_linear and noise_stddev > 0
    ):  # most of a map is empty: cells that hold noise would be cut up as well
        mass = project_to_simplex(counts, float(counts.sum()))
    return Span(low, high, edges, mass, known=known, counts=counts, largest=largest, is_linear=is_linear)


def with_outer_cells(edges: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """Return edges with coarse ones far beyond both ends: the first and the last cell go on to there.

    More cells of a histogram cost nothing. Rows that lie closer beyond an end are counted in the last cell.
    """
    below, above = coarse[coarse < edges[0]][:-NEAR], coarse[coarse > edges[-1]][NEAR:]
    inside = edges[int(len(below) > 0) : len(edges) - int(len(above) > 0)]
    return np.concatenate([below, inside, above]).astype(np.int64)


def without_far(edges: np.ndarray, counts: np.ndarray, noise_stddev: float) -> np.ndarray:
    """Return counts of regions of a map in which those of wide ones are 0, unless they certainly hold rows."""
    widths = np.diff(edges)
    order = np.argsort(widths, kind="stable")
    mass = np.cumsum(np.maximum(counts, 0.0)[order])
    middle = widths[order][np.searchsorted(mass, mass[-1] / 2)]
    is_far = (widths >= WIDE_REGION * middle) & (counts <= SURELY * noise_stddev)
    return np.where(is_far, 0.0, counts)


def even_edges(low: int, high: int, n_cells: int) -> np.ndarray:
    """Return edges of about equally wide cells over ``low..high``, one per integer where that is few enough."""
    if high - low + 1 <= n_cells:
        return np.arange(low, high + 2, dtype=np.int64)
    return np.unique(np.linspace(low, high + 1, n_cells + 1).astype(np.int64))


def grid_edges(span: Span, n_cells: int) -> np.ndarray:
    """Return edges of cells over a span: one per integer if those are few, else narrow ones where rows are dense.

    Each coarse cell of a wide span is cut evenly into its part of ``n_cells`` by its mass, or stays whole, as one of a
    single integer must: it takes no part from the others. Empty neighbours become one cell. Zero has a cell of its own.
    """
    if span.high - span.low + 1 <= n_cells:
        return np.arange(span.low, span.high + 2, dtype=np.int64)
    inside = np.flatnonzero((span.edges[1:] > span.low) & (span.edges[:-1] <= span.high))
    is_single = np.diff(span.edges)[inside] == 1
    mass = np.where(is_single, 0.0, span.mass[inside])
    shares = mass / mass.sum() if mass.sum() > 0 else np.full(len(mass), 1.0 / len(mass))
    parts = [np.array([0, 1], dtype=np.int64)] if span.low <= 0 <= span.high else []
    was_empty = False
    for i, share in zip(inside, shares, strict=True):
        start, stop = max(int(span.edges[i]), span.low), min(int(span.edges[i + 1]) - 1, span.high)
        cells = even_edges(start, stop, max(1, round(share * n_cells)))
        is_empty = span.mass[i] == 0
        parts.append(cells[int(is_empty and was_empty) : -1])
        was_empty = is_empty
    edges = np.unique(np.concatenate([[span.low], *parts, [span.high + 1]]))  # which may lie beyond all cells
    full = inside[span.mass[inside] > 0]
    low, high = (span.edges[full[0]], span.edges[full[-1] + 1]) if len(full) else (span.low, span.high + 1)
    cuts = [
        each
        for within in (edges, edges[(edges >= low) & (edges <= high)])
        for each in (_graded(within), -_graded(-within[::-1]))
    ]
    return np.unique(np.concatenate([edges, *cuts]))


def _graded(edges: np.ndarray) -> np.ndarray:
    """Return edges within a last cell that is much wider than the one before: values seldom reach its end."""
    if len(edges) < 3 or edges[-1] - edges[-2] < STEEP * (edges[-2] - edges[-3]):
        return edges[:0]
    parts = (edges[-2] - edges[-3]) * GRADE ** np.arange(40, dtype=np.float64)
    cuts = edges[-2] + np.cumsum(parts)
    return np.asarray(cuts[cuts < edges[-1]].astype(np.int64))


def fine_cells(n_rows: float, noise_stddev: float) -> int:
    """Return the most cells for a column's histogram: each should hold more rows than noise."""
    if noise_stddev == 0:
        return EXACT_CELLS
    return int(np.clip(n_rows / (ROWS_OVER_NOISE * noise_stddev), MIN_CELLS, MAX_CELLS))


def cells_apart(span: Span, noise_stddev: float, most: int = MAX_CELLS, less: float = 0.0) -> int:
    """Return the most cells for the values of a wide span that do not lie in cells of one integer.

    ``less`` is the number of those rows that will have cells of one integer all the same.
    """
    if noise_stddev == 0:
        return EXACT_CELLS if most == MAX_CELLS else most
    fewest = NARROW_CELLS if span.is_narrow else FEW_CELLS
    over = WIDE_ROWS_OVER_NOISE if span.is_linear else MAP_ROWS_OVER_NOISE
    most = MAP_ZOOM_CELLS if most == ZOOM_CELLS and not span.is_linear else most
    return int(np.clip((span.scattered - less) / (over * noise_stddev), fewest, most))


def edges_of_values(places: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return edges of one cell for each of ascending lattice integers, from ``low`` to ``high``: cells end midway."""
    between = (places[:-1] + places[1:] + 1) // 2
    return np.concatenate([[low], between, [high + 1]]).astype(np.int64)


def edges_with_values(edges: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return edges of the same cells, in which some lattice integers have cells of their own."""
    inside = places[(places >= edges[0]) & (places < edges[-1])]
    return np.unique(np.concatenate([edges, inside, inside + 1]))


def edges_among_values(edges: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the same edges, but cells that end midway from the first of ascending lattice integers to the last."""
    outside = edges[(edges <= places[0]) | (edges > places[-1])]
    return np.union1d(outside, (places[:-1] + places[1:] + 1) // 2)

"""Where to cut a lattice: from declared bounds and released counts only.

Every function here is post-processing of public or released numbers; none sees a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tabgan.encoding.lattice import LIMIT, to_lattice
from tabgan.schema import Datetime, Numeric

#: Cells of a fine histogram over one column, at most; of a wide column, at least; and of the coarser one
#: that shows where to put them.
MAX_CELLS, MIN_CELLS, ZOOM_CELLS = 1024, 32, 64

#: Rows that a fine cell of a wide column should hold, over the noise of its count.
ROWS_OVER_NOISE = 4.0

#: Noise standard deviations above which a cell counts as occupied, and those that a cell next to an occupied
#: one needs. Among a hundred empty cells, noise passes the first about once in 3,000 columns.
SURELY, LIKELY = 4.5, 2.5

#: Noise standard deviations below which a difference within a histogram is taken for noise, and those below
#: which one half of a run is taken for empty.
DETAIL, PRESENT = 2.5, 2.0

_FIRST_YEAR, _LAST_YEAR = 1900, 2100


def range_edges(column: Numeric | Datetime) -> np.ndarray:
    """Return edges of the coarse cells in which a column's range is looked for.

    Numbers: zero, and doubling ranges to both sides, ``[1, 2), [2, 4), ...`` in lattice units. Moments:
    calendar years from 1900 to 2100. The same for every table: it costs nothing to know.
    """
    if isinstance(column, Datetime):
        years = np.arange(_FIRST_YEAR, _LAST_YEAR + 2) - 1970
        starts = years.astype("datetime64[Y]").astype("datetime64[s]")
        return to_lattice(column.model_copy(update={"format": None}), pd.Series(starts))
    powers = 2 ** np.arange(int(np.log2(LIMIT)) + 1, dtype=np.int64)
    return np.concatenate([1 - powers[::-1], powers])


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
    return np.maximum(counts - excess[last], 0.0)


@dataclass(frozen=True)
class Span:
    """What is known of where a column's rows lie.

    Attributes:
        low: Smallest lattice integer.
        high: Largest lattice integer.
        edges: ``(cells + 1,)`` edges of coarse cells that cover it.
        mass: ``(cells,)`` non-negative released counts of them.
    """

    low: int
    high: int
    edges: np.ndarray
    mass: np.ndarray

    @property
    def is_wide(self) -> bool:
        """Whether the span has too many lattice integers for one cell each."""
        return self.high - self.low + 1 > MAX_CELLS


def span_of(
    edges: np.ndarray, counts: np.ndarray, noise_stddev: float, declared: tuple[int, int] | None
) -> Span:
    """Return a column's span from noisy counts of coarse cells: declared bounds, or the occupied cells."""
    low, high = declared or _occupied_range(edges, counts, noise_stddev)
    return Span(low, high, edges, np.where(counts > PRESENT * noise_stddev, counts, 0.0))


def _occupied_range(edges: np.ndarray, counts: np.ndarray, noise_stddev: float) -> tuple[int, int]:
    """Return the first and the last lattice integer of the cells that may be occupied.

    A cell is occupied when its noisy count passes ``SURELY``, or ``LIKELY`` next to an occupied one: a lone
    false cell far out would stretch the bounds by orders of magnitude. The fullest cell always is. One cell
    more to either side, but not across zero, keeps tails that are too thin to show here.
    """
    occupied = counts > SURELY * noise_stddev
    occupied[int(np.argmax(counts))] = True
    likely = counts > LIKELY * noise_stddev
    first, last = (int(i) for i in np.flatnonzero(occupied)[[0, -1]])
    while first > 0 and likely[first - 1]:
        first -= 1
    while last < len(counts) - 1 and likely[last + 1]:
        last += 1
    first -= int(first > 0 and edges[first] != 0)
    last += int(last < len(counts) - 1 and edges[last + 1] != 1)
    return int(edges[first]), int(edges[last + 1]) - 1


def denoise_ordered(counts: np.ndarray, noise_stddev: float, total: float) -> np.ndarray:
    """Return non-negative counts of ordered cells that sum to ``total``, without detail that is only noise.

    From the whole range downwards, each run of cells is halved and its mass split between the halves in
    proportion to their noisy sums; evenly by cells when the sums differ by no more than noise does; all to one
    half when the other does not rise above noise. Spikes stay sharp, smooth stretches become flat: Haar wavelet
    thresholding with a constraint.

    Args:
        counts: ``(cells,)`` noisy counts.
        noise_stddev: Of one cell.
        total: What the result sums to, above 0.

    References:
        Donoho & Johnstone (1994), *Ideal Spatial Adaptation by Wavelet Shrinkage*.
    """
    sums = np.concatenate([[0.0], np.cumsum(counts)])
    result = np.zeros(len(counts))
    pending = [(0, len(counts), float(total))]
    while pending:
        first, stop, mass = pending.pop()
        if stop - first == 1 or mass <= 0:
            result[first:stop] = mass / (stop - first)
            continue
        middle = (first + stop) // 2
        share = _left_share(
            sums[middle] - sums[first], sums[stop] - sums[middle], middle - first, stop - middle, noise_stddev
        )
        pending += [(first, middle, mass * share), (middle, stop, mass * (1.0 - share))]
    return result


def _left_share(left: float, right: float, n_left: int, n_right: int, noise_stddev: float) -> float:
    """Return the part of a run's mass that lies in its left half."""
    even = n_left / (n_left + n_right)
    difference_noise = DETAIL * noise_stddev * np.hypot((1 - even) * np.sqrt(n_left), even * np.sqrt(n_right))
    if abs((1 - even) * left - even * right) <= difference_noise:
        return even
    has_left = left > PRESENT * noise_stddev * np.sqrt(n_left)
    has_right = right > PRESENT * noise_stddev * np.sqrt(n_right)
    if not (has_left and has_right):
        return 1.0 if left > right else 0.0
    return left / (left + right)


def even_edges(low: int, high: int, n_cells: int = MAX_CELLS) -> np.ndarray:
    """Return edges of about equally wide cells over ``low..high``, one per integer where that is few enough."""
    if high - low + 1 <= n_cells:
        return np.arange(low, high + 2, dtype=np.int64)
    return np.unique(np.linspace(low, high + 1, n_cells + 1).astype(np.int64))


def grid_edges(span: Span, n_cells: int) -> np.ndarray:
    """Return edges of cells over a span: one per integer where that fits, else narrow where rows are.

    Each coarse cell of a wide span is cut evenly into its part of ``n_cells`` by its mass, or stays whole; zero
    has a cell of its own.
    """
    if not span.is_wide:
        return even_edges(span.low, span.high)
    inside = np.flatnonzero((span.edges[1:] > span.low) & (span.edges[:-1] <= span.high))
    mass = span.mass[inside]
    shares = mass / mass.sum() if mass.sum() > 0 else np.full(len(mass), 1.0 / len(mass))
    parts = [np.array([0, 1], dtype=np.int64)] if span.low <= 0 <= span.high else []
    for i, share in zip(inside, shares, strict=True):
        start, stop = max(int(span.edges[i]), span.low), min(int(span.edges[i + 1]) - 1, span.high)
        parts.append(even_edges(start, stop, max(1, round(share * n_cells))))
    return np.unique(np.concatenate(parts))


def fine_cells(n_rows: float, noise_stddev: float) -> int:
    """Return how many cells a wide column's histogram may have: each should hold more rows than noise."""
    if noise_stddev == 0:
        return MAX_CELLS
    return int(np.clip(n_rows / (ROWS_OVER_NOISE * noise_stddev), MIN_CELLS, MAX_CELLS))

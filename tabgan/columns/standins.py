"""Numbers that stand for missing values in many tables, such as 999 and -9.

They are public, so each can have a cell of a fine histogram, whether or not a row has it: a cell more costs nothing,
and tells 200 rows of them from the rows of the wide cell around. Every function here is post-processing of public facts
or released counts; none sees a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tabgan.columns.occupied import SURELY

if TYPE_CHECKING:
    from tabgan.columns.lattice import LatticeColumn

#: Nines of two digits to eight, and the two numbers before each: not known, refused, not asked.
_NINES = [10**digits - 1 - less for digits in range(2, 9) for less in range(3)]

#: The numbers; those below zero of one digit as well, and nines with a decimal point.
STAND_INS = np.unique(
    [*_NINES, *(-number for number in _NINES), -1, -7, -8, -9, 99.9, 999.9, 99.99, 999.99, -99.9, -999.9]
).astype(np.float64)

#: Noise standard deviations above which a column has such a number: of all fifty, noise brings one up in a column of
#: 5,000.
CLEAR = SURELY

#: Lattice integers of a cell from which on such a number in it has a cell of its own.
WIDE = 32

#: Multiple of the end of a range beyond which a number lies apart from it: 99 is one more hour than 98.
APART = 2

#: Share of a cell's width below which a part of it, beside such a number, is left out of its count: there are few rows
#: in it, and as much noise as in the whole.
SLIVER = 0.1


def places_of(column: LatticeColumn) -> np.ndarray:
    """Return the lattice integers of zero, and of those numbers, that a column can hold exactly, ascending."""
    if column.quantity != "a number":
        return np.zeros(0, dtype=np.int64)
    numbers, (low, high) = np.append(STAND_INS, 0.0), column.dtype_range()
    places = column.integers(numbers)
    is_held = (column.places(places) == numbers) & (places >= low) & (places <= high)
    return np.unique(places[is_held])


def places_apart(column: LatticeColumn, edges: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return the lattice integers of those numbers that get cells of their own.

    Those far from the ends of a range do, and zero below it. Within a range only those in cells of ``WIDE`` do: a
    narrower cell tells such a number well enough, and would lose a good part of its rows with an unclear one.

    Args:
        column: The column.
        edges: ``(cells + 1,)`` lattice integers.
        low: The smallest integer of the range.
        high: The largest one.
    """
    places = places_of(column)
    cell = np.clip(np.searchsorted(edges, places, side="right") - 1, 0, len(edges) - 2)
    is_far = (places < APART * min(low, 0)) | (places > APART * max(high, 0)) | ((places == 0) & (low > 0))
    is_inside = (places >= low) & (places <= high) & (places != 0)
    return np.asarray(places[is_far | (is_inside & (np.diff(edges)[cell] >= WIDE))])


def settled(
    edges: np.ndarray,
    whole: np.ndarray,
    places: np.ndarray,
    counts: np.ndarray,
    noise_stddev: float,
    low: int,
    high: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return cells in which only those numbers have one of their own whose counts are clear.

    Counts of unclear numbers are left out. Within the range, the other parts of a cell become one again, without the
    slivers among them: cells that only noise fills would pass for ones as full as wide ones. A cell that surely holds
    rows is raised by the share of its width that was left out. Beyond the range parts stay apart.

    Args:
        edges: ``(cells + 1,)`` lattice integers, with cells of those numbers.
        whole: The same without.
        places: Lattice integers of the numbers.
        counts: ``(cells,)`` noisy counts.
        noise_stddev: Of one cell.
        low: The smallest integer of the range.
        high: The largest one.

    Returns:
        The edges; the counts; ``(cells,)`` true for a number's cell; the counts that were left out, and last the rows
        that stand for them, taken off again.
    """
    cut, starts, stops = np.setdiff1d(edges, whole), edges[:-1], edges[1:]
    is_own = np.isin(starts, places) & (stops - starts == 1) & (np.isin(starts, cut) | np.isin(stops, cut))
    is_clear = is_own & (counts > CLEAR * noise_stddev)
    is_inside = (starts >= low) & (stops <= high + 1)
    beyond = stops[:-1][is_own[:-1] & ~is_own[1:] & ~is_inside[:-1]]
    kept = np.unique(np.concatenate([whole, starts[is_clear], stops[is_clear], beyond]))
    width = np.diff(whole)[np.searchsorted(whole, starts, side="right") - 1]
    is_left_out = ~is_clear & (is_own | (is_inside & (stops - starts < SLIVER * width)))
    cell = np.searchsorted(kept, starts, side="right") - 1
    sums, shown = (
        np.bincount(cell, weights=np.where(is_left_out, 0, each)) for each in (counts, stops - starts)
    )
    is_full = (sums > SURELY * noise_stddev) & (kept[:-1] >= low) & (kept[1:] <= high + 1)
    raised = np.where(is_full, sums * np.diff(kept) / np.maximum(shown, 1), sums)
    left_out = np.append(counts[is_left_out], (sums - raised).sum())
    return kept, raised, np.isin(kept[:-1], starts[is_clear]), left_out

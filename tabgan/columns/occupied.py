"""Cells of a noisy histogram that hold more than noise.

Every function here is post-processing of released counts; none sees a row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

#: Noise standard deviations above which a cell counts as occupied, is likely to be, or may be. Among a hundred empty
#: cells, noise passes the first about once in 3,000 columns.
SURELY, LIKELY, PERHAPS = 4.5, 2.75, 1.0

#: The same for a run of cells that follows the occupied ones, the weight of the logarithm of the number of places that
#: a run of its length could have on the way there, and that of the number of cells on the way: few columns have a range
#: that ends far away. Among 50 empty cells noise passes them about once in 200 columns, six cells away once in 500.
TAIL, PLACES, FAR = 3.0, 6.0, 1.5

#: Noise standard deviations that the clearest run of cells needs where no single cell passes ``SURELY``.
SEEN = 5.0

#: Noise standard deviations that a run of cells needs beyond the ends that a range was found to have.
BEYOND = 5.5

#: Noise standard deviations above which a cell is so full that a thin one next to it is a stray, and the share of a
#: cell's count that the next one needs to be taken for its tail: values do not thin out from many rows to a handful in
#: one step, but flags and months end.
ABRUPT, THINNING = 10.0, 0.35

#: Columns of whole numbers that begin with 1, for one that begins with 2 or 3 (504 and 57 of 1,662 in public tables);
#: and the numbers that may be missed before these.
FROM_ONE, MOST_MISSED = 8.0, 2


class RowsOfRange(NamedTuple):
    """A noisy number of rows.

    Attributes:
        number: The noisy one.
        noise_stddev: Standard deviation of its noise.
    """

    number: float
    noise_stddev: float

    def lacking(self, counts: np.ndarray, noise_stddev: float) -> np.ndarray:
        """Return ``(cells,)`` the rows that each cell and those before it lack, in standard deviations of noise."""
        noise = np.hypot(self.noise_stddev, noise_stddev * np.sqrt(np.arange(1, len(counts) + 1)))
        return np.asarray((self.number - np.cumsum(counts)) / np.maximum(noise, 1e-9))


@dataclass(frozen=True)
class Outermost:
    """The two outermost ranges of integers that certainly hold values; one range if all that are known lie in it.

    Attributes:
        start: First integer of the lower range.
        low: Last integer of the lower range.
        high: First integer of the upper range.
        stop: Last integer of the upper range.
        below: Rows in the lower range; ``None`` if the two are one, or a number is not known.
        above: Rows in the upper range; likewise.
    """

    start: int
    low: int
    high: int
    stop: int
    below: RowsOfRange | None = None
    above: RowsOfRange | None = None

    @property
    def core(self) -> tuple[int, int] | None:
        """The range that certainly lies between the smallest and the largest value; ``None`` for one range."""
        return None if self._is_one else (self.low, self.high)

    @property
    def _is_one(self) -> bool:
        return self.start == self.high and self.low == self.stop

    def joined(self, other: Outermost | None) -> Outermost:
        """Return the outermost ranges of both; of two that leave the same core, the narrower one.

        Two single ranges of which neither holds the other, but which overlap, become the one that holds both: their
        values may be the same.
        """
        if other is None:
            return self
        lower, upper = (
            min(self, other, key=lambda e: (e.low, -e.start)),
            max(self, other, key=lambda e: (e.high, -e.stop)),
        )
        (start, low), (high, stop) = (lower.start, lower.low), (upper.high, upper.stop)
        if low > high and (start, low) != (high, stop):
            start, stop = min(self.start, other.start), max(self.stop, other.stop)
            return Outermost(start, stop, start, stop)
        return Outermost(start, low, high, stop, lower.below, upper.above)

    def scaled(self, share: float) -> Outermost:
        """Return the same in larger units, rounded down."""
        start, low, high, stop = (math.floor(e * share) for e in (self.start, self.low, self.high, self.stop))
        return replace(self, start=start, low=low, high=high, stop=stop)

    def in_cells(self, edges: np.ndarray) -> Outermost:
        """Return the cells in which the ends lie."""
        ends = np.clip([self.start, self.low, self.high, self.stop], edges[0], edges[-1] - 1)
        start, low, high, stop = (np.searchsorted(edges, ends, side="right") - 1).tolist()
        return replace(self, start=start, low=low, high=high, stop=stop)

    def filled(self, counts: np.ndarray, noise_stddev: float) -> tuple[int, int]:
        """Return the first and the last cell of the values, where these are ranges of cells with noisy counts.

        That each range holds values is known, so no cell has to rise above the noise to count: values end where the run
        of cells from the inside of a range outwards stands out most clearly, which is the likeliest end of values that
        are spread evenly; but if these lack rows that the range is known to have, where they no longer do: values thin
        out. Of a single range all cells are, unless a run among them certainly holds the values.
        """
        if self._is_one:
            run = _seen_run(counts[self.start : self.stop + 1], noise_stddev)
            return (self.start, self.stop) if run is None else (self.start + run[0], self.start + run[1])
        first = self.low - _n_filled(counts[self.start : self.low + 1][::-1], noise_stddev, self.below)
        return first, self.high + _n_filled(counts[self.high : self.stop + 1], noise_stddev, self.above)

    def lacks(self, counts: np.ndarray, noise_stddev: float, first: int, last: int) -> tuple[bool, bool]:
        """Return true for each range of which the cells from ``first`` to ``last`` clearly lack rows."""
        inner = (
            counts[max(first, self.start) : self.low + 1][::-1],
            counts[self.high : min(last, self.stop) + 1],
        )
        return tuple(  # type: ignore[return-value]
            rows is not None and len(cells) > 0 and bool(rows.lacking(cells, noise_stddev)[-1] > SURELY)
            for rows, cells in zip((self.below, self.above), inner, strict=True)
        )


def _n_filled(counts: np.ndarray, noise_stddev: float, rows: RowsOfRange | None) -> int:
    """Return the number of cells after the first, up to the end of the clearest run that begins with it, or further."""
    clearest = int(np.argmax(np.cumsum(counts) / np.sqrt(np.arange(1, len(counts) + 1))))
    lacking = np.zeros(len(counts)) if rows is None else rows.lacking(counts, noise_stddev)
    if lacking[clearest] <= SURELY:
        return clearest
    enough = np.flatnonzero(lacking[clearest:] <= PERHAPS)
    return clearest + int(enough[0]) if len(enough) else len(counts) - 1


def occupied(
    counts: np.ndarray, noise_stddev: float, known: Outermost | None = None
) -> tuple[int, int] | None:
    """Return the first and the last of the ordered cells that hold more than noise; ``None`` if none does.

    Those of :func:`surely_occupied` do, and the values within the cells that are ``known`` to hold some. From there to
    both sides, as long as some run of cells together passes ``TAIL``, the range goes on to the end of the run that
    passes it most clearly: thin tails add up, and may lie behind a gap.
    """
    filled = None if known is None else known.filled(counts, noise_stddev)
    found = _joined(filled, surely_occupied(counts, noise_stddev))
    if found is None:
        return None
    return _with_tails(found, counts, noise_stddev, TAIL)


def surely_occupied(counts: np.ndarray, noise_stddev: float) -> tuple[int, int] | None:
    """Return the first and the last of the ordered cells that certainly hold more than noise, ``None`` if none does.

    The fullest cell does if it is above ``SURELY``, and runs beyond that stand out as clearly; cells far from it need
    more, because a range that noise has widened is much wider. Where there is no such cell, it is the
    run of cells that together stands out most clearly, if it passes ``SEEN``: the fullest cell of noise alone would be
    a place that no row has.
    """
    fullest = int(np.argmax(counts))
    if counts[fullest] > SURELY * noise_stddev:
        return _with_tails((fullest, fullest), counts, noise_stddev, SURELY)
    return _seen_run(counts, noise_stddev)


def _with_tails(
    cells: tuple[int, int], counts: np.ndarray, noise_stddev: float, least: float
) -> tuple[int, int]:
    first, last = cells
    first -= _tail(counts[:first][::-1], noise_stddev, least)
    return first, last + _tail(counts[last + 1 :], noise_stddev, least)


def outermost(edges: np.ndarray, counts: np.ndarray, noise_stddev: float) -> Outermost | None:
    """Return the outermost cells, as ranges of integers, that certainly hold values; ``None`` if none does."""
    found = surely_occupied(counts, noise_stddev)
    if found is None:
        return None
    first, last = found
    below, above = (RowsOfRange(float(counts[each]), noise_stddev) for each in (first, last))
    ends = (int(edges[first]), int(edges[first + 1]) - 1, int(edges[last]), int(edges[last + 1]) - 1)
    return Outermost(*ends) if first == last else Outermost(*ends, below, above)


def _joined(one: tuple[int, int] | None, other: tuple[int, int] | None) -> tuple[int, int] | None:
    """Return the smallest range that holds both."""
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])


def _seen_run(counts: np.ndarray, noise_stddev: float) -> tuple[int, int] | None:
    """Return the first and the last cell of the clearest run; ``None`` if it does not pass ``SEEN``."""
    first, last = _clearest_run(counts)
    clarity = counts[first : last + 1].sum() / math.sqrt(last + 1 - first)
    return (first, last) if clarity > SEEN * noise_stddev else None


def _clearest_run(counts: np.ndarray) -> tuple[int, int]:
    """Return the first and the last cell of the run whose sum is largest beside its noise."""
    sums = np.concatenate([[0.0], np.cumsum(counts)])
    best, run = -math.inf, (0, 0)
    for first in range(len(counts)):
        clarity = (sums[first + 1 :] - sums[first]) / np.sqrt(np.arange(1, len(counts) - first + 1))
        last = int(np.argmax(clarity))
        if clarity[last] > best:
            best, run = float(clarity[last]), (first, first + last)
    return run


def tight_ends(
    edges: np.ndarray,
    counts: np.ndarray,
    noise_stddev: float,
    known: Outermost | None = None,
    *,
    is_counting: bool = False,
) -> tuple[int, int]:
    """Return the first and the last cell of a fine histogram that is to be kept; ``known`` is that of its span.

    Cells of a single integer next to the occupied ones are kept from ``PERHAPS`` on: taking one too many costs as
    much as one too few, and is as likely there. Next to a single occupied cell only a run above ``LIKELY`` is: else the
    column is a constant, as few are. Next to a
    fuller cell only a cell, or a run of cells together, that stands up to ``THINNING`` of it is, or above ``SURELY``: a
    column of 0 and 1 ends there, and visits to a doctor, most of them none, do not. All cells are kept of a range that
    is known and within which none stands out. If it ``is_counting``, 1 is kept unless its count speaks against it: see
    :func:`_from_one`.
    """
    known = None if known is None else known.in_cells(edges)
    found = occupied(counts, noise_stddev, known)
    if found is None:
        return 0, len(counts) - 1
    clear = np.flatnonzero(counts > SURELY * noise_stddev)
    core = None if known is None else known.core
    sure = _joined(core, (int(clear[0]), int(clear[-1])) if len(clear) else None) or found
    is_single, end = np.diff(edges) == 1, len(counts) - 1
    lacks = (False, False) if known is None else known.lacks(counts, noise_stddev, *sure)
    first, last = found
    if not lacks[0]:
        first = end - _end_beside(counts[::-1], is_single[::-1], noise_stddev, end - sure[0], end - first)
    if not lacks[1]:
        last = _end_beside(counts, is_single, noise_stddev, sure[1], last)
    if first == last:
        return _beside_single(counts, is_single, noise_stddev, last)
    first = end - _extended(counts[::-1], is_single[::-1], noise_stddev, end - first)
    if is_counting:
        first = _from_one(edges, counts, noise_stddev, first)
    return first, _extended(counts, is_single, noise_stddev, last)


def _from_one(edges: np.ndarray, counts: np.ndarray, noise_stddev: float, first: int) -> int:
    """Return the cell of 1 where a range seems to begin with 2 or 3, unless it is likelier to begin there.

    Grades, scores and numbers of persons count from 1. As many rows as the first cell has, or any part of them, are
    taken to be as likely for each integer before it, and compared with none, by the ratio of likelihoods: noise often
    hides the few rows of the least grade, and a range that lacks it is wrong in every figure that cuts it evenly.
    """
    n_missed, one = int(edges[first]) - 1, int(np.searchsorted(edges, 1))
    if not 1 <= n_missed <= MOST_MISSED or edges[one] != 1 or noise_stddev == 0:
        return first
    noise = noise_stddev * math.sqrt(first - one)
    height, most = counts[one:first].sum() / noise, n_missed * counts[first] / noise
    if most <= 0:
        return first
    normal = NormalDist()
    some = (normal.cdf(height) - normal.cdf(height - most)) / most
    return one if FROM_ONE * some > normal.pdf(height) else first


def _beside_single(
    counts: np.ndarray, is_single: np.ndarray, noise_stddev: float, only: int
) -> tuple[int, int]:
    """Return the first and the last cell of a range in which a single cell certainly stands out."""
    below = _end_of_clearest(counts[:only][::-1], noise_stddev, LIKELY)
    above = _end_of_clearest(counts[only + 1 :], noise_stddev, LIKELY)
    first, last = only - below, only + above
    return (first, last) if is_single[first : last + 1].all() else (only, only)


def _end_beside(counts: np.ndarray, is_single: np.ndarray, noise_stddev: float, sure: int, last: int) -> int:
    """Return the last cell of a range, or its last sure one if no run beyond is clear enough beside that."""
    needed = _needed(counts[sure], noise_stddev, TAIL)
    if not is_single[sure : last + 1].all() or _end_of_clearest(counts[sure + 1 :], noise_stddev, needed):
        return last
    return sure


def _extended(counts: np.ndarray, is_single: np.ndarray, noise_stddev: float, last: int) -> int:
    """Return the last cell of a range after the single integers next to it that are clear enough beside it."""
    while last + 1 < len(counts) and is_single[last + 1]:
        if counts[last + 1] <= _needed(counts[last], noise_stddev, PERHAPS) * noise_stddev:
            break
        last += 1
    return last


def _needed(count: float, noise_stddev: float, least: float) -> float:
    """Return the noise standard deviations that make a cell, or a run, next to one of a given count more than noise.

    Next to one that is not sure itself, values thin out, and ``least`` is enough.
    """
    if count <= SURELY * noise_stddev:
        return least
    return float(np.clip(THINNING * count / max(noise_stddev, 1e-9), least, SURELY))


def n_surely_beyond(counts: np.ndarray, noise_stddev: float) -> int:
    """Return the number of cells up to the last that is likely of the clearest run beyond an end of a range.

    An earlier look found that the range ends there, so such a run has to pass ``BEYOND``.
    """
    end = _end_of_clearest(counts, noise_stddev, BEYOND)
    while end and counts[end - 1] <= LIKELY * noise_stddev:
        end -= 1
    return end


def without_stray(edges: np.ndarray, counts: np.ndarray, noise_stddev: float) -> np.ndarray:
    """Return counts in which a stray integer is 0: a cell that is not likely, beside one above ``ABRUPT``.

    Among months and years with thousands of rows each, one that noise alone has put there is no thin value. Where all
    of them together stand above the noise, they are: ages and prices that people round.
    """
    full = np.concatenate([[False], counts > ABRUPT * noise_stddev, [False]])
    is_beside = full[:-2] | full[2:]
    is_stray = (np.diff(edges) == 1) & (counts <= LIKELY * noise_stddev) & is_beside
    if counts[is_stray].sum() > LIKELY * noise_stddev * math.sqrt(is_stray.sum()):
        return counts
    return np.where(is_stray, 0.0, counts)


def gaps(
    edges: np.ndarray, counts: np.ndarray, noise_stddev: float, is_stand_in: np.ndarray | None = None
) -> np.ndarray:
    """Return ``(cells,)`` true for runs of single integers between two that are surely occupied, which look empty.

    Codes lie apart: 1, 2 and 9, or 1 to 6, 98 and -9. None of a run's cells is likely, and all of them together have no
    more than noise would give them about five times in six. A run of one cell has to hold less than noise in the mean.

    ``is_stand_in`` is true for cells of numbers that stand for missing values, which lie beyond all others: a run next
    to these is a tail, and needs ``TAIL``.
    """
    found = np.zeros(len(counts), dtype=bool)
    is_single, sure = np.diff(edges) == 1, np.flatnonzero(counts > SURELY * noise_stddev)
    if is_stand_in is not None and is_stand_in.any() and noise_stddev > 0:
        found = _gaps_to(is_stand_in, counts, noise_stddev, sure)
    for first, stop in zip(sure[:-1] + 1, sure[1:], strict=True) if noise_stddev > 0 else ():
        run = counts[first:stop]
        least = PERHAPS * math.sqrt(len(run)) if len(run) > 1 else 0.0
        if len(run) and is_single[first - 1 : stop + 1].all() and run.max() <= LIKELY * noise_stddev:
            found[first:stop] = run.sum() <= least * noise_stddev
    return found


def _gaps_to(
    is_stand_in: np.ndarray, counts: np.ndarray, noise_stddev: float, sure: np.ndarray
) -> np.ndarray:
    """Return ``(cells,)`` true for cells beyond the last sure one, on the way to numbers that lie apart from others."""
    found, cells = np.zeros(len(counts), dtype=bool), np.flatnonzero(is_stand_in)
    inside = np.setdiff1d(sure, cells)
    if not len(inside):
        return found
    for first, stop in ((inside[-1] + 1, cells[-1]), (cells[0] + 1, inside[0])):
        run = np.arange(first, stop)
        run = run[~is_stand_in[run]]
        if len(run) and counts[run].sum() <= TAIL * noise_stddev * math.sqrt(len(run)):
            found[run] = True
    return found


def _tail(counts: np.ndarray, noise_stddev: float, least: float) -> int:
    """Return the number of cells from the start that belong to a tail, 0 if all of them may be empty."""
    length = 0
    while length < len(counts):
        stop = _end_of_clearest(counts[length:], noise_stddev, least)
        if stop == 0:
            break
        length += stop
    return length


def _end_of_clearest(counts: np.ndarray, noise_stddev: float, least: float) -> int:
    """Return the length of the cells up to the end of the run that stands out most clearly, 0 if none does.

    A run from the start needs ``least`` noise standard deviations. One behind a gap needs more, because noise has as
    many runs to choose from as there are places for one of its length up to its end. Of the runs behind a gap, lengths
    that grow by a quarter are looked at.

    References:
        Duembgen & Spokoiny (2001), *Multiscale Testing of Qualitative Hypotheses*: a threshold for each scale.
    """
    size = len(counts)
    if size == 0:
        return 0
    sums = np.concatenate([[0.0], np.cumsum(counts)])
    roots, first, behind = _thresholds(1 << (size - 1).bit_length(), least)
    clarity = sums[1:] / roots[:size] - noise_stddev * first[:size]
    most = clarity.max(initial=0.0)
    end = int(np.argmax(clarity)) + 1 if most > 0 else 0
    for length, needed in behind:
        if length >= size:
            break
        clarity = (sums[length:] - sums[:-length]) / math.sqrt(length) - noise_stddev * needed[
            : size + 1 - length
        ]
        best = int(np.argmax(clarity))
        if clarity[best] > most:
            most, end = float(clarity[best]), best + length
    return end


@lru_cache(maxsize=32)
def _thresholds(size: int, least: float) -> tuple[np.ndarray, np.ndarray, list[tuple[int, np.ndarray]]]:
    """Return what a run needs, in standard deviations of a cell's noise, in up to ``size`` cells.

    Returns:
        ``(size,)`` roots of the lengths of runs from the start, and what these need; and each length of a run behind a
        gap, with what one needs by its place.
    """
    stop = np.arange(1, size + 1)
    logs, lengths = np.log(stop), [1]
    while lengths[-1] < size:
        lengths.append(max(lengths[-1] + 1, lengths[-1] * 5 // 4))
    behind = []
    for length in lengths[:-1]:
        log, length_log = logs[length - 1 :], logs[length - 1]
        behind.append((length, np.sqrt(least**2 + PLACES * (log - length_log) + FAR * log)))
    return np.sqrt(stop), np.sqrt(least**2 + FAR * logs), behind


def least_clear(heights: np.ndarray, false: float) -> float:
    """Return the height, in noise standard deviations, from which at most a part ``false`` of those above are noise.

    By Benjamini and Hochberg's procedure, for heights that noise alone makes positive as often as negative; of absolute
    heights, twice that part. Infinity if it accepts none. Benjamini and Hochberg (1995), *Controlling the False
    Discovery Rate*.
    """
    limits = _limits(len(heights), false)
    accepted = np.flatnonzero(np.sort(heights)[::-1] >= limits)
    return float(limits[accepted[-1]]) if len(accepted) else math.inf


@lru_cache(maxsize=512)
def _limits(n: int, false: float) -> np.ndarray:
    """Return the limit of each of ``n`` heights of noise, the largest first."""
    normal = NormalDist()
    return np.array([-normal.inv_cdf(min(false * rank / n, 0.5)) for rank in range(1, n + 1)])

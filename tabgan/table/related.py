"""A number, or a moment, and another column with fixed pairs of values, which a noisy table of cells shows.

Numbers need no threshold, so each of the two is measured by itself, as if no rule tied them. A further table of their
cells tells the values that go together. Where it shows that stretches of the number each have one value of the other
(ages and age groups), every number of a stretch has that value, however rare it is; else those pairs count that stand
out from the noise. In a sample, the other column follows the number, and a number whose value is in doubt moves to the
nearest that is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd

from tabgan.columns.encoder import MISSING, ColumnEncoder
from tabgan.columns.lattice import is_on_lattice
from tabgan.table.coded import FEW_INTEGERS, CodedColumn
from tabgan.table.orders import with_values

#: Standard deviations of the noise above which a sum of counts clearly belongs to a stretch, and above which it
#: probably does.
CLEAR_SUM, PROBABLE_SUM = 2.5, 1.5

#: Most values of which stretches are tried in every order.
MOST_PERMUTED = 7

#: Stretches stand if as many rows lie outside as noise explains; or at most this share of the rows, and this share of
#: those that the commonest value would leave outside.
OUTSIDE, OF_CHANCE = 0.01, 0.5


@dataclass(frozen=True, eq=False)
class Related:
    """The cells that two columns have together.

    Attributes:
        number: Encoder of the number, or moment.
        other: Encoder of the other column.
        weights: ``(cells, cells)`` how often rows have two cells together; 0 for those that no row of a sample has.
    """

    number: ColumnEncoder
    other: ColumnEncoder
    weights: np.ndarray

    @property
    def names(self) -> tuple[str, str]:
        """Names of the two columns."""
        return self.number.name, self.other.name

    @classmethod
    def of(cls, number: CodedColumn, other: CodedColumn, table: np.ndarray, noise_stddev: float) -> Related:
        """Return the cells that go together by a noisy table of them. Post-processing of released numbers.

        The number may be either of the two. Each code is a cell (:meth:`~tabgan.table.coded.CodedColumn.by_cell`).
        """
        if is_on_lattice(other.encoder):
            number, other, table = other, number, table.T
        shown = np.array(other.is_sampled)
        shown[MISSING] = shown[MISSING] and other.encoder.is_nullable
        encoder = _with_label(other.encoder)
        weights = np.zeros(table.shape)
        values = np.arange(1, 1 + number.encoder.n_values)
        if shown.any() and len(values):
            known = shown.copy()
            known[-1] |= other.encoder.has_other  # values that were not released have stretches, too
            own = np.ix_(values, known)
            are_single, stand_for_others = _are_single(number.encoder)
            weights[own] = _together(table[own], noise_stddev, are_single, stand_for_others)
            shown[-1] |= encoder.shows_other
            weights[:, ~shown] = 0.0
        if number.encoder.is_nullable and shown.any():
            alone = np.where(shown, table[MISSING], -np.inf)
            is_clear = alone > CLEAR_SUM * noise_stddev
            weights[MISSING] = np.where(is_clear, alone, 0.0)
            weights[MISSING, alone.argmax()] = max(alone.max(), 1.0)
        return cls(number.encoder, encoder, weights)

    @classmethod
    def of_weights(cls, number: ColumnEncoder, other: ColumnEncoder, weights: np.ndarray) -> Related:
        """Return the cells that go together, as a model file has them."""
        return cls(number, _with_label(other), weights)

    @cached_property
    def _nearest(self) -> np.ndarray:
        """``(cells, cells)`` the nearest cell of the number that goes with one of the other, or with any."""
        known: np.ndarray = np.array(self.weights > 0)
        known[MISSING] = False
        alone = known.any(axis=1)
        every = np.arange(len(known))
        found = np.empty(known.shape, dtype=np.int64)
        for j in range(known.shape[1]):
            able = np.flatnonzero(known[:, j] if known[:, j].any() else alone)
            after = np.clip(np.searchsorted(able, every), 0, len(able) - 1)
            before = np.maximum(after - 1, 0)
            is_before = np.abs(able[before] - every) < np.abs(able[after] - every)
            found[:, j] = np.where(is_before, able[before], able[after])
        return found

    def doubtful_share(self, number: CodedColumn) -> float:
        """Return the share of the rows whose number goes with no cell of the other, by its released counts."""
        weights = number.by_cell().weights
        in_doubt = np.array(~(self.weights > 0).any(axis=1))
        in_doubt[MISSING] = False
        return float(weights[in_doubt].sum() / max(weights.sum(), 1.0))

    def keeps(self, columns: Mapping[str, pd.Series]) -> np.ndarray:
        """Return ``(rows,)`` true for rows whose two cells go together."""
        first, second = (each.transform(columns[each.name]) for each in (self.number, self.other))
        return np.asarray(self.weights[first, second] > 0)

    def arranged(
        self,
        columns: Mapping[str, pd.Series],
        rng: np.random.Generator,
        given: Mapping[str, np.ndarray] | None = None,
    ) -> dict[str, pd.Series]:
        """Return columns in which the two go together in every row.

        Args:
            columns: Drawn columns.
            rng: Source of values.
            given: For each of the two, ``(rows,)`` true for cells that stay; rows in which both do may not go together.
        """
        found = dict(columns)
        if not (self.weights[1:] > 0).any():
            return found
        first, second = (
            each.transform(found[each.name]).astype(np.int64) for each in (self.number, self.other)
        )
        stays = [(given or {}).get(name, np.zeros(len(first), dtype=bool)) for name in self.names]
        is_wrong = ~(self.weights[first, second] > 0)
        is_known = (self.weights[first] > 0).any(axis=1)
        moves = is_wrong & ~stays[0] & (stays[1] | ~is_known)
        first = np.where(moves, self._nearest[first, second], first)
        follows = ~(self.weights[first, second] > 0) & ~stays[1] & (self.weights[first] > 0).any(axis=1)
        second = np.where(follows, self._drawn(first, rng), second)
        for encoder, cells, changed in ((self.number, first, moves), (self.other, second, follows)):
            rows = np.flatnonzero(changed)
            if len(rows):
                values = encoder.inverse_transform(cells[rows], rng)
                found[encoder.name] = with_values(found[encoder.name], rows, values)
        return found

    def _drawn(self, first: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return ``(rows,)`` cells of the other column, as often as they go with those of the number."""
        sums = self.weights.cumsum(axis=1)
        at = rng.random(len(first)) * sums[first, -1]
        return np.asarray((sums[first] <= at[:, None]).sum(axis=1).clip(max=sums.shape[1] - 1))


def _with_label(encoder: ColumnEncoder) -> ColumnEncoder:
    """Return an encoder that shows the label of values that were not released, where the column has one."""
    if encoder.dtype == "category" or getattr(encoder.column, "other_label", None) is None:
        return encoder
    return encoder.showing_other()


def _are_single(encoder: ColumnEncoder) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(values,)`` true for cells that show a single value, and for those that hold others beside it."""
    if not is_on_lattice(encoder):
        return np.ones(encoder.n_values, dtype=bool), np.zeros(encoder.n_values, dtype=bool)
    return ~encoder.is_wide, np.diff(encoder.edges) > 1


def _together(
    table: np.ndarray, noise_stddev: float, are_single: np.ndarray, stand_for_others: np.ndarray
) -> np.ndarray:
    """Return ``(values, values)`` weights of the cells that go together, 0 for others.

    A value that stands for others, which were not released, goes with what clearly goes with its cell; not next to a
    cut, nor with two values: its rows may be those of the others.
    """
    clear = (np.sqrt(2.0 * np.log(max(table.size, 2))) + 1.0) * noise_stddev
    stretches = _stretches(table, noise_stddev)
    value = stretches.argmax(axis=1)
    is_cut = np.zeros(len(value), dtype=bool)
    is_cut[1:] |= np.diff(value) != 0
    is_cut[:-1] |= np.diff(value) != 0
    is_mixed = is_cut | ((table > clear).sum(axis=1) > 1)
    are_single = are_single & ~(stand_for_others & is_mixed)
    outside = ~stretches & ~(is_cut & ~are_single)[:, None]  # a cell of several numbers may hold the cut
    rows, common = table.sum(), table.sum() - table.sum(axis=0).max()
    noise = noise_stddev * np.sqrt(outside.sum())
    does_stand = table[outside].sum() <= max(min(OUTSIDE * rows, OF_CHANCE * common), CLEAR_SUM * noise)
    alone = np.where((table > clear) & are_single[:, None], table, 0.0)
    if not does_stand:
        if len(table) > FEW_INTEGERS:
            alone[[0, -1]] = 0.0  # the ends of a released range stand for numbers beyond them, too
        return alone if alone.any() else np.where(table == table.max(), 1.0, 0.0)
    surely = _surely(stretches, table, noise_stddev, are_single)
    return np.where(stretches & surely[:, None], np.maximum(table, 1.0), alone)


def _stretches(table: np.ndarray, noise_stddev: float) -> np.ndarray:
    """Return ``(cells, cells)`` true for the best stretches of the first column.

    Each value of the other has one at most; best are those that hold most rows, of all orders of a few values. Many are
    in the order of the stretches that hold most of their rows and fewest others, but for those that may be noise.
    """
    n, n_values = table.shape
    before = np.vstack([np.zeros(n_values), table.cumsum(axis=0)])  # rows of each value before each cell
    if n_values <= MOST_PERMUTED:
        ways = [
            sum(1 << j for j in chosen)
            for k in range(n_values + 1)
            for chosen in combinations(range(n_values), k)
        ]
    else:
        order = _in_order(table, before, noise_stddev)
        before, n_values = before[:, order], len(order)
        ways = [(1 << k) - 1 for k in range(n_values + 1)]
    best = {0: np.where(np.arange(n + 1) == 0, 0.0, -np.inf)}
    came: dict[int, np.ndarray] = {}
    for way in ways[1:]:
        for j in range(n_values):
            if way >> j & 1 and (way ^ 1 << j) in best:
                lead = best[way ^ 1 << j] - before[:, j]
                most = np.maximum.accumulate(lead)
                held = most + before[:, j]
                since = np.maximum.accumulate(np.where(lead >= most, np.arange(n + 1), 0))
                if way not in best:
                    best[way], came[way] = held, np.stack([np.full(n + 1, j), since])
                is_better = held > best[way]
                best[way] = np.where(is_better, held, best[way])
                came[way] = np.where(is_better, [np.full(n + 1, j), since], came[way])
    found: np.ndarray = np.zeros((n, n_values), dtype=bool)
    end, way = n, ways[-1]
    while way:
        j, start = (int(each) for each in came[way][:, end])
        found[start:end, j] = True
        end, way = start, way ^ 1 << j
    if n_values < table.shape[1]:
        whole: np.ndarray = np.zeros(table.shape, dtype=bool)
        whole[:, order] = found
        found = whole
    return found


def _in_order(table: np.ndarray, before: np.ndarray, noise_stddev: float) -> np.ndarray:
    """Return the values whose stretch may be more than noise, in the order of these."""
    values = np.arange(table.shape[1])
    lead = table - table.sum(axis=1, keepdims=True) / 2
    sums = np.vstack([np.zeros(len(values)), lead.cumsum(axis=0)])
    ends = (sums - np.minimum.accumulate(sums, axis=0)).argmax(axis=0)
    starts = np.array([sums[: end + 1, j].argmin() for j, end in enumerate(ends)])
    is_seen = before[ends, values] - before[starts, values] > noise_stddev * np.sqrt(ends - starts)
    order = np.argsort(starts + ends, kind="stable")
    order = order[is_seen[order]]
    return np.asarray(order if len(order) else table.sum(axis=0).argmax(keepdims=True))


def _surely(
    stretches: np.ndarray, table: np.ndarray, noise_stddev: float, are_single: np.ndarray
) -> np.ndarray:
    """Return ``(cells,)`` true for cells that surely belong to their stretch.

    From a cut on, those are in doubt that together hold no clear number of rows of their stretch: the cut may lie among
    them. So is a cell of several numbers at a cut. A stretch of which all is in doubt keeps the cell of its most rows,
    if together they are likely to be more than noise.
    """
    value = stretches.argmax(axis=1)
    surely = np.ones(len(value), dtype=bool)
    cuts = np.flatnonzero(np.diff(value)) + 1
    for start, stop in zip([0, *cuts], [*cuts, len(value)], strict=True):
        own = table[start:stop, value[start]]
        for is_cut, counts, way in ((start > 0, own, 1), (stop < len(value), own[::-1], -1)):
            if is_cut:
                size = np.arange(1, len(counts) + 1)
                is_clear = counts.cumsum() > CLEAR_SUM * noise_stddev * np.sqrt(size)
                doubtful = int(is_clear.argmax()) if is_clear.any() else len(counts)
                at = start if way == 1 else stop - doubtful
                surely[at : at + doubtful] = False
                end = start if way == 1 else stop - 1
                surely[end] &= are_single[end]
        if not surely[start:stop].any() and own.sum() > PROBABLE_SUM * noise_stddev * np.sqrt(len(own)):
            surely[start + int(own.argmax())] = True
    return surely

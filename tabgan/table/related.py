"""A number, or a moment, and another column that have fixed values together: which, by a noisy table of their cells.

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

import numpy as np
import pandas as pd

from tabgan.columns.encoder import MISSING, ColumnEncoder
from tabgan.columns.lattice import is_on_lattice
from tabgan.table.coded import CodedColumn
from tabgan.table.orders import with_values

#: Standard deviations of the noise from which on a sum of counts is no chance, and is likely to be none.
CLEAR, LIKELY = 3.0, 1.5

#: Stretches stand if at most this share of the rows lies outside, or as much as noise explains; and at most this share
#: of those that the commonest value would leave outside.
OUTSIDE, OF_CHANCE = 0.01, 0.5

#: Least share of the rows in pairs that stand out, where stretches do not stand.
LEAST_KNOWN = 0.5


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

        The number may be either of the two.
        """
        if is_on_lattice(other.encoder):
            number, other, table = other, number, table.T
        shown = np.array(other.is_sampled[other.code_of_cell])
        shown[MISSING] = shown[MISSING] and other.encoder.is_nullable
        encoder = _with_label(other.encoder)
        weights = np.zeros(table.shape)
        values = np.arange(1, 1 + number.encoder.n_values)
        if shown.any() and len(values):
            known = shown.copy()
            known[-1] |= other.encoder.has_other  # values that were not released have stretches, too
            own = np.ix_(values, known)
            weights[own] = _together(table[own], noise_stddev, _are_single(number.encoder))
            shown[-1] |= encoder.shows_other
            weights[:, ~shown] = 0.0
        if number.encoder.is_nullable and shown.any():
            counts = np.where(shown, table[MISSING], -np.inf)
            weights[MISSING] = np.where(counts > CLEAR * noise_stddev, counts, 0.0)
            weights[MISSING, counts.argmax()] = max(float(counts.max()), 1.0)
        return cls(number.encoder, encoder, weights)

    @classmethod
    def of_weights(cls, number: ColumnEncoder, other: ColumnEncoder, weights: np.ndarray) -> Related:
        """Return the cells that go together, as a model file has them."""
        return cls(number, _with_label(other), weights)

    @cached_property
    def _nearest(self) -> np.ndarray:
        """``(cells, cells)`` the nearest cell of the number that goes with one of the other, or with any."""
        known = self.weights > 0
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

    def doubtful_share(self, weights: np.ndarray) -> float:
        """Return the share of the rows whose number goes with no cell of the other, by its released counts."""
        in_doubt: np.ndarray = ~(self.weights > 0).any(axis=1)
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


def _are_single(encoder: ColumnEncoder) -> np.ndarray:
    """Return ``(values,)`` true for cells that hold a single value."""
    if not is_on_lattice(encoder):
        return np.ones(encoder.n_values, dtype=bool)
    return ~encoder.is_wide


def _together(table: np.ndarray, noise_stddev: float, are_single: np.ndarray) -> np.ndarray:
    """Return ``(values, values)`` weights of the cells that go together, 0 for others."""
    clear = (np.sqrt(2.0 * np.log(max(table.size, 2))) + 1.0) * noise_stddev
    stretches, left = _stretches(table, noise_stddev)
    inside = stretches.sum()
    rows, common = table.sum(), table.sum() - table.sum(axis=0).max()
    noise = noise_stddev * np.sqrt(table.size - inside)
    does_stand = left <= max(OUTSIDE * rows, CLEAR * noise) and left <= max(OF_CHANCE * common, 0.0)
    alone = np.where((table > clear) & are_single[:, None], table, 0.0)
    if not does_stand and alone.sum() >= LEAST_KNOWN * rows:
        return alone
    surely = _surely(stretches, table, noise_stddev, are_single)
    return np.where(stretches & surely[:, None], np.maximum(table, 1.0), alone)


def _stretches(table: np.ndarray, noise_stddev: float) -> tuple[np.ndarray, float]:
    """Return ``(cells, cells)`` true for the best stretches of the first column, and the rows outside of them.

    Each value of the other has one at most, in the order of the stretches that hold most of its rows and fewest others;
    best are those that hold most rows. A value has none where the rows of its stretch may be noise.
    """
    n, n_values = table.shape
    lead = table - table.sum(axis=1, keepdims=True) / 2
    before = np.vstack([np.zeros(n_values), lead.cumsum(axis=0)])
    lowest = np.minimum.accumulate(before, axis=0)
    ends = (before - lowest).argmax(axis=0)
    starts = np.array([before[: end + 1, j].argmin() for j, end in enumerate(ends)])
    own = np.vstack([np.zeros(n_values), table.cumsum(axis=0)])
    inside = own[ends, np.arange(n_values)] - own[starts, np.arange(n_values)]
    order = np.argsort(starts + ends, kind="stable")
    order = order[(inside > noise_stddev * np.sqrt(ends - starts))[order]]
    order = order if len(order) else np.array([int(table.sum(axis=0).argmax())])
    sums = np.vstack([np.zeros(len(order)), table[:, order].cumsum(axis=0)])  # rows before each cell
    best, cuts = sums[:, 0], []
    for k in range(1, len(order)):
        lead = best - sums[:, k]
        most = np.maximum.accumulate(lead)
        since = np.where(lead >= most, np.arange(n + 1), 0)
        cuts.append(np.maximum.accumulate(since))
        best = most + sums[:, k]
    found, end = np.zeros(table.shape, dtype=bool), n
    for k in range(len(order) - 1, -1, -1):
        start = int(cuts[k - 1][end]) if k else 0
        found[start:end, order[k]] = True
        end = start
    return found, float(table.sum() - best[n])


def _surely(
    stretches: np.ndarray, table: np.ndarray, noise_stddev: float, are_single: np.ndarray
) -> np.ndarray:
    """Return ``(cells,)`` true for cells that surely belong to their stretch.

    From a cut on, those are in doubt that together hold no clear number of rows of their stretch: the cut may lie among
    them. So is a cell of several numbers at a cut, unless it has no row of the stretch beyond. A stretch of which all
    is in doubt keeps the cell of its most rows, if together they are likely to be more than noise.
    """
    value = stretches.argmax(axis=1)
    surely = np.ones(len(value), dtype=bool)
    cuts = np.flatnonzero(np.diff(value)) + 1
    for start, stop in zip([0, *cuts], [*cuts, len(value)], strict=True):
        own = table[start:stop, value[start]]
        for is_cut, counts, way in ((start > 0, own, 1), (stop < len(value), own[::-1], -1)):
            if is_cut:
                size = np.arange(1, len(counts) + 1)
                is_clear = counts.cumsum() > CLEAR * noise_stddev * np.sqrt(size)
                doubtful = int(is_clear.argmax()) if is_clear.any() else len(counts)
                at = start if way == 1 else stop - doubtful
                surely[at : at + doubtful] = False
                end, beyond = (start, start - 1) if way == 1 else (stop - 1, stop)
                surely[end] &= are_single[end] or table[end, value[beyond]] <= noise_stddev
        if not surely[start:stop].any() and own.sum() > LIKELY * noise_stddev * np.sqrt(len(own)):
            surely[start + int(own.argmax())] = True
    return surely

"""A column's cells, merged into codes by released counts, and drawn within them by the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from tabgan.columns.denoising import denoise_ordered, spread_between, thin_between
from tabgan.columns.encoder import MISSING, ColumnEncoder, CutCells
from tabgan.columns.grid import project_to_simplex, without_far
from tabgan.columns.lattice import is_on_lattice
from tabgan.columns.occupied import LIKELY, SURELY, gaps, without_stray
from tabgan.columns.spans import stand_in_cells
from tabgan.table.calendar import CycleEncoder
from tabgan.table.coarsening import equal_mass, pool_rare

#: In a range of at most this many integers, each end counts at least this many noise standard deviations: it was
#: released or, if declared, is likely to occur, and comparisons of two tables often cut both between their ends.
FEW_INTEGERS, END_SIGNAL = 32, 0.25

#: Integers of a range that have a cell each where columns are counted together.
MOST_INTEGERS = 1_024

#: Missing values below this many noise standard deviations count as none.
MISSING_SIGNAL = 3.0


#: Rows outside of the released categories below this many noise standard deviations of their number count as none.
POOL_SIGNAL = 3.0


@dataclass(frozen=True)
class CodedColumn:
    """A column's cells, merged into codes.

    Attributes:
        encoder: Between values and cells.
        code_of_cell: ``(n_cells,)`` the code of each cell.
        weights: ``(n_cells,)`` non-negative released counts; of other values their number, 0 if that is noise.
        is_sampled: ``(width,)`` true if sampled rows may show a code: not the one for values outside the domain, unless
            the column says so; not missing, and no value, where the released count of them is noise.
        allowed: ``(n_cells,)`` true for cells that a condition leaves to sampled rows; ``None`` leaves all.
    """

    encoder: ColumnEncoder
    code_of_cell: np.ndarray
    weights: np.ndarray
    is_sampled: np.ndarray
    allowed: np.ndarray | None = None

    @property
    def width(self) -> int:
        """Number of codes."""
        return len(self.is_sampled)

    @property
    def values(self) -> slice:
        """Codes of the column's values, without those of missing cells and of other values."""
        return slice(int(self.encoder.is_nullable), self.width - int(self.encoder.has_other))

    @property
    def exists(self) -> np.ndarray:
        """``(width,)`` true for codes that rows may have: those that are sampled, and a pooled one."""
        exists = self.is_sampled.copy()
        if self.has_pooled:
            exists[-1] = self.is_unseen or self.weights[-1] > 0
        return exists

    @property
    def is_unseen(self) -> bool:
        """True if there are values whose range the noise hid: they come back as missing."""
        return is_on_lattice(self.encoder) and self.encoder.is_unseen

    @property
    def has_pooled(self) -> bool:
        """True if rows may have the last code and no row of a sample may show it."""
        return (self.encoder.has_other and not self.encoder.shows_other) or self.is_unseen

    @property
    def code_weights(self) -> np.ndarray:
        """``(width,)`` released counts by code."""
        return np.bincount(self.code_of_cell, weights=self.weights, minlength=self.width)

    @property
    def shown_weights(self) -> np.ndarray:
        """``(width,)`` weights of the codes that replace a cell outside the domain: released counts of the values.

        Such a cell holds a value, so it becomes a missing one only where no value may be sampled. It stands for people
        of whom nothing but their number was released: the values that it gets say nothing of them.
        """
        is_value = self.is_sampled.copy()
        is_value[0] &= not self.encoder.is_nullable
        values = is_value if is_value.any() else self.is_sampled
        weights = np.where(values, self.code_weights, 0.0)
        weights = weights if weights.sum() > 0 else values.astype(np.float64)
        left = weights if self.allowed is None else weights * self._own_chances
        return left if left.sum() > 0 else weights

    @property
    def chances(self) -> np.ndarray:
        """``(width,)`` the chance that a row with a code shows an allowed cell; 0 for codes that are not there."""
        chances = np.where(self.is_sampled, self._own_chances, 0.0)
        if self.has_pooled and self.exists[-1]:
            shown = replace(self, allowed=None).shown_weights
            chances[-1] = shown @ chances / shown.sum()
        return chances

    @property
    def _own_chances(self) -> np.ndarray:
        """``(width,)`` the share of allowed cells in a code."""
        weights = self.cell_weights
        allowed = np.ones(len(weights), dtype=bool) if self.allowed is None else self.allowed
        total, left = (
            np.bincount(self.code_of_cell, weights=w, minlength=self.width)
            for w in (weights, weights * allowed)
        )
        any_left = np.bincount(self.code_of_cell, weights=allowed, minlength=self.width) > 0
        return np.asarray(np.where(total > 0, left / np.where(total > 0, total, 1.0), any_left))

    @property
    def cell_weights(self) -> np.ndarray:
        """``(n_cells,)`` weights of the cells within their codes."""
        weights = np.maximum(self.weights, 1e-12)
        if not self.encoder.is_nullable:
            weights[MISSING] = 0.0  # its code is the first value's
        if self.encoder.has_other:
            weights[-1] = 0.0
        return np.asarray(weights)

    def by_cell(self) -> CodedColumn:
        """Return the column with a code for each cell; numbers of a short range have a cell for each integer."""
        encoder, weights, codes = self.encoder, self.weights, self.code_of_cell
        if is_on_lattice(encoder) and not encoder.is_unseen and encoder.exact is None:
            low, high = int(encoder.edges[0]), int(encoder.edges[-1])
            if high - low <= MOST_INTEGERS:
                widths = np.diff(encoder.edges)
                encoder = encoder.column.lattice_encoder(np.arange(low, high + 1))
                weights = np.r_[weights[0], np.repeat(weights[1:] / widths, widths)]
                codes = np.r_[codes[0], np.repeat(codes[1:], widths)]
        return CodedColumn(encoder, np.arange(len(codes)), weights, self.is_sampled[codes])

    def meeting(self, cut: CutCells) -> CodedColumn:
        """Return the column with cut cells; sampled rows have only the allowed ones."""
        weights = np.maximum(self.weights, 1e-12)[cut.parent] * cut.share
        if self.encoder.has_other:
            weights[-1] = self.weights[-1]
        return replace(
            self,
            encoder=cut.encoder,
            code_of_cell=self.code_of_cell[cut.parent],
            weights=weights,
            allowed=cut.allowed,
        )

    def without_missing(self) -> CodedColumn:
        """Return the column without the codes that a sample shows as missing."""
        is_sampled = self.is_sampled.copy()
        if self.encoder.is_nullable:
            is_sampled[0] = False
        if self.encoder.n_shown < self.encoder.n_values + int(self.encoder.shows_other):
            is_sampled[-1] = False
        return replace(self, is_sampled=is_sampled)

    @cached_property
    def drawing(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cells by code, the running sum of their weights, and the start of each code."""
        weights = self.cell_weights
        order = np.argsort(self.code_of_cell, kind="stable")
        if self.allowed is not None:
            order = order[self.allowed[order]]
        cumulative = np.concatenate([[0.0], np.cumsum(weights[order])])
        return order, cumulative, np.searchsorted(self.code_of_cell[order], np.arange(self.width + 1))

    def cells_of(
        self, codes: np.ndarray, rng: np.random.Generator, places: np.ndarray | None = None
    ) -> np.ndarray:
        """Return a cell for each code, at its place within the code, or drawn in proportion to the released counts."""
        order, cumulative, bounds = self.drawing
        if places is None and (np.diff(bounds) <= 1).all():  # one cell a code: nothing is left to be drawn
            return np.asarray(order[np.minimum(bounds[codes], len(order) - 1)])
        start, stop = cumulative[bounds[codes]], cumulative[bounds[codes + 1]]
        drawn = start + (rng.random(len(codes)) if places is None else places) * (stop - start)
        places = np.searchsorted(cumulative, drawn, side="right") - 1
        return np.asarray(order[np.clip(places, bounds[codes], bounds[codes + 1] - 1)])

    def values_of(
        self, codes: np.ndarray, rng: np.random.Generator, places: np.ndarray | None = None
    ) -> pd.Series:
        """Return a value for each code, at its place within the code, or drawn in proportion to the released counts.

        The values of the rows of one cell are drawn, and given to these rows in the order of their places.
        """
        cells = self.cells_of(codes, rng, places)
        values, encoder = self.encoder.inverse_transform(cells, rng), self.encoder
        if places is None or not is_on_lattice(encoder):
            return values
        rows = np.flatnonzero((cells != MISSING) & np.r_[False, encoder.is_wide, False][cells])
        if not len(rows):
            return values
        lattice, _ = encoder.column.to_lattice(values.iloc[rows])
        taken = np.arange(len(cells))
        own = cells[rows]
        taken[rows[np.lexsort((places[rows], own))]] = rows[np.lexsort((lattice, own))]
        return values.take(taken).set_axis(values.index)


def code_column(
    encoder: ColumnEncoder,
    counts: np.ndarray,
    noise_stddev: float,
    n_rows: float,
    n_bins: int,
    n_categories: int,
    min_rows: float,
    coarse: np.ndarray | None = None,
    rows_noise: float = 0.0,
) -> CodedColumn:
    """Merge a column's cells into codes by their released counts.

    Args:
        encoder: Of the column.
        counts: ``(n_cells,)`` noisy counts; NaN for the cell of other values.
        noise_stddev: Standard deviation of their noise.
        n_rows: Noisy number of rows.
        n_bins: Codes aimed at for the values of an ordered column.
        n_categories: Codes of the values of one that is not, at most, the one for rare values not counted.
        min_rows: Released count below which a category is merged with the other rare ones.
        coarse: ``(values,)`` groups of categories: rare ones are merged within theirs, if it has that many rows. By
            default they are one group.
        rows_noise: Standard deviation of the noise of ``n_rows``.
    """
    is_unseen = is_on_lattice(encoder) and encoder.is_unseen
    has_missing = encoder.is_nullable and counts[MISSING] > MISSING_SIGNAL * noise_stddev
    is_all_missing = has_missing and _holds_only_noise(
        counts[1 : 1 + encoder.n_values], n_rows - counts[MISSING], noise_stddev
    )
    weights = _denoise(encoder, counts, noise_stddev, n_rows, has_missing)
    if encoder.has_other:
        weights[-1] = _pooled_rows(weights, counts, pool_noise(counts, noise_stddev, rows_noise), n_rows)
        if encoder.n_values == 0 and not encoder.is_nullable:
            weights[-1] = n_rows  # nothing else could be shown
        if encoder.column.unreleased_as != "redistribute" and weights[-1] > 0:
            encoder = encoder.showing_other()
    values = np.arange(1, 1 + encoder.n_values)
    if encoder.is_ordered:
        alone = stand_in_cells(encoder) if is_on_lattice(encoder) else None
        merged = equal_mass(weights[values], n_bins, min_rows, alone)
    else:
        merged = pool_rare(weights[values], n_categories, min_rows, coarse)
    first = int(encoder.is_nullable)
    n_codes = first + (int(merged.max()) + 1 if len(merged) else 0)
    code_of_cell = np.zeros(encoder.n_cells, dtype=np.int64)
    code_of_cell[values] = first + merged
    if encoder.has_other:
        code_of_cell[-1] = n_codes
    is_sampled = np.full(n_codes + int(encoder.has_other), not (is_all_missing or is_unseen))
    if first:
        is_empty = encoder.n_values == 0 and not encoder.shows_other
        is_sampled[0] = has_missing or is_empty or is_unseen
    if encoder.has_other:
        is_sampled[-1] = encoder.shows_other
    return CodedColumn(encoder, code_of_cell, weights, is_sampled)


def code_cycle(
    encoder: CycleEncoder,
    moments: CodedColumn,
    counts: np.ndarray,
    noise_stddev: float,
    n_rows: float,
    n_codes: int,
) -> CodedColumn:
    """Return a moment's cycle, coded: missing as often as the moment is, with neighbours merged to ``n_codes`` values.

    Args:
        encoder: Of the cycle.
        moments: The coded moments.
        counts: ``(cells,)`` noisy counts.
        noise_stddev: Standard deviation of their noise.
        n_rows: Noisy number of rows.
        n_codes: Codes aimed at for the values of a smooth cycle; the others keep one for each.
    """
    weights = np.zeros(encoder.n_cells)
    weights[MISSING] = moments.weights[MISSING]
    total = n_rows - weights[MISSING]
    smooth = denoise_ordered(counts[1:], noise_stddev, total)
    weights[1:] = smooth * (total / smooth.sum())
    merged = np.arange(encoder.n_values)
    if encoder.cycle.is_smooth and n_codes < encoder.n_values:
        merged = equal_mass(weights[1:], n_codes, 0.0)
    first = int(encoder.is_nullable)
    is_sampled = np.ones(first + int(merged.max()) + 1, dtype=bool)
    is_sampled[:first] = moments.is_sampled[:first]
    return CodedColumn(encoder, np.concatenate([[0], first + merged]), weights, is_sampled)


def pool_noise(counts: np.ndarray, noise_stddev: float, rows_noise: float) -> float:
    """Return the standard deviation of the number of rows outside of a column's categories.

    Args:
        counts: ``(n_cells,)`` noisy counts of missing cells and of categories, the last one of other values.
        noise_stddev: Of each.
        rows_noise: Of the number of rows.
    """
    return float(np.hypot(noise_stddev * np.sqrt(len(counts) - 1), rows_noise))


def _pooled_rows(weights: np.ndarray, counts: np.ndarray, noise_stddev: float, n_rows: float) -> float:
    """Return the released number of rows outside of a column's categories; 0 if noise alone explains it.

    A pooled cell is drawn with the row and replaced by a value that knows nothing of the row, so a pool of noise would
    loosen the column from all others.
    """
    found = float(counts[1:-1].sum())
    pool = n_rows - weights[MISSING] - found
    return pool if pool > POOL_SIGNAL * noise_stddev else 0.0


def _holds_only_noise(values: np.ndarray, n_present: float, noise_stddev: float) -> bool:
    """Return true if no count, of one value, of all or of missing ones, shows that there is any.

    Noise has put the range elsewhere if the counts of its values come to less than half of the rows that are not
    missing.
    """
    surely, spread = SURELY * noise_stddev, np.sqrt(len(values))
    falls_short = values.sum() + LIKELY * noise_stddev * spread < n_present / 2
    return bool(
        (n_present <= 2 * surely or falls_short)
        and values.max(initial=0.0) <= surely
        and values.sum() <= surely * spread
    )


def _denoise(
    encoder: ColumnEncoder, counts: np.ndarray, noise_stddev: float, n_rows: float, has_missing: bool
) -> np.ndarray:
    """Return ``(n_cells,)`` non-negative counts: of missing, of the values, and 0 for other values."""
    weights = np.zeros(encoder.n_cells)
    weights[MISSING] = min(counts[MISSING], n_rows - 1) if has_missing else 0.0
    values = counts[1 : 1 + encoder.n_values]
    total = n_rows - weights[MISSING]
    if encoder.has_other:
        total = min(total, float(np.maximum(values, 0.0).sum()))
    if encoder.is_ordered and total > 0:
        has_few = is_on_lattice(encoder) and bool(encoder.edges[-1] - encoder.edges[0] <= FEW_INTEGERS)
        if is_on_lattice(encoder) and has_few:  # of many, thin ones beside full ones are what people round to
            values = without_stray(encoder.edges, values, noise_stddev)
        if is_on_lattice(encoder) and not encoder.is_linear:
            values = without_far(encoder.edges, values, noise_stddev)
        smooth = _smoothed(encoder, values, noise_stddev, total)
        if has_few:
            smooth[[0, -1]] = np.maximum(smooth[[0, -1]], END_SIGNAL * noise_stddev)
        weights[1 : 1 + encoder.n_values] = smooth * (total / smooth.sum())
    elif encoder.n_values:
        weights[1 : 1 + encoder.n_values] = project_to_simplex(values, total)
    return weights


def _smoothed(encoder: ColumnEncoder, values: np.ndarray, noise_stddev: float, total: float) -> np.ndarray:
    """Return ``(values,)`` non-negative counts of ordered cells without detail that is only noise."""
    if not is_on_lattice(encoder) or not encoder.is_linear:
        return denoise_ordered(values, noise_stddev, total, is_linear=encoder.is_linear)
    is_drawn = True if encoder.exact is None else np.isnan(encoder.exact)
    is_gap = gaps(encoder.edges, values, noise_stddev, stand_in_cells(encoder)) & is_drawn
    values = np.where(is_gap, 0.0, values)
    is_thin = thin_between(encoder.edges, values, noise_stddev) & is_drawn
    smooth = denoise_ordered(values[~is_thin], noise_stddev, total)
    return np.where(is_gap, 0.0, spread_between(encoder.edges, smooth, is_thin))

"""Stretches of codes: the places within each code that meet a condition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tabgan.table.coded import CodedColumn


@dataclass(frozen=True)
class Stretches:
    """Places within the codes of an ordered column that meet a condition.

    Attributes:
        chances: ``(width,)`` the chance that a row with a code meets the condition, its place unknown.
        codes: ``(stretches,)`` the code of each stretch, in ascending order; only codes of values have stretches.
        lows: ``(stretches,)`` where each begins, from 0 to 1 of the code's released counts.
        highs: ``(stretches,)`` where it ends, above its ``lows``.
    """

    chances: np.ndarray
    codes: np.ndarray
    lows: np.ndarray
    highs: np.ndarray

    @classmethod
    def of(cls, column: CodedColumn) -> Stretches:
        """Return the stretches of the cells that a condition leaves to a column."""
        order, cumulative, bounds = replace(column, allowed=None).drawing
        codes = column.code_of_cell[order]
        is_value = np.zeros(column.width, dtype=bool)
        is_value[column.values] = column.is_sampled[column.values]
        allowed = np.ones(len(order), dtype=bool) if column.allowed is None else column.allowed[order]
        allowed = allowed & is_value[codes] & (column.cell_weights[order] > 0)
        goes_on = np.r_[False, allowed[:-1] & (codes[1:] == codes[:-1])]
        firsts = np.flatnonzero(allowed & ~goes_on)
        lasts = np.flatnonzero(allowed & ~np.r_[(allowed & goes_on)[1:], False])
        own = codes[firsts]
        start, stop = cumulative[bounds[own]], cumulative[bounds[own + 1]]
        lows, highs = ((cumulative[at] - start) / (stop - start) for at in (firsts, lasts + 1))
        return cls(column.chances, own, lows, np.maximum(highs, np.nextafter(lows, 2.0)))

    @property
    def others(self) -> np.ndarray:
        """Codes without places that may meet the condition: of missing cells, and of values outside the domain."""
        possible = self.chances > 0
        possible[self.codes] = False
        return np.flatnonzero(possible)

    def within(self, codes: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return ``(rows,)`` places among the allowed parts of the codes; those of codes without a stretch as they are.

        Args:
            codes: ``(rows,)`` codes.
            places: ``(rows,)`` places among all of a code, within its stretches.
        """
        if not len(self.codes):
            return places
        lengths = self.highs - self.lows
        before = np.r_[0.0, np.cumsum(lengths)]
        first, end = (np.searchsorted(self.codes, codes, side=side) for side in ("left", "right"))
        has_stretch = end > first
        at = np.searchsorted(self.codes + self.lows, codes + places.astype(np.float64), side="right") - 1
        at = np.clip(at, first, np.maximum(end - 1, first)).clip(max=len(lengths) - 1)
        inside = np.clip(places - self.lows[at], 0.0, lengths[at])
        total = np.where(has_stretch, before[end] - before[first], 1.0)
        found = np.clip((before[at] - before[first] + inside) / total, 0.0, 1.0)
        return np.where(has_stretch, found, places).astype(places.dtype)


#: Chances that rows meet a condition, by code: one code alone, ``(width,)`` chances, stretches, or a function of
#: ``(rows, columns before)`` codes that returns ``(rows, width)``.
Chances = int | np.ndarray | Stretches | Callable[[np.ndarray], np.ndarray]

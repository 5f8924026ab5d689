"""The cycles of a moment as columns of their own, and the moments that agree with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import numpy as np
import pandas as pd

from tabgan.columns import rounding
from tabgan.columns.cycles import Cycle
from tabgan.columns.encoder import MISSING, ColumnEncoder
from tabgan.columns.lattice import LatticeEncoder, is_on_lattice

#: Most values of a cycle, one after the other, in the range of a column: 60 years of hours, 1,400 of days.
MOST_TURNS = 2**19

#: Weight of a cell that has none: something is drawn even where only such cells have a code; and the weight from which
#: on stretches together count as agreeing.
_LEAST, _SEEN = 1e-12, 1e-6

#: Log-weight of what the calendar rules out.
NEVER = -30.0


class CycleEncoder(ColumnEncoder):
    """An encoder of a moment's cycle, a cell for each value; it is missing where the moment is.

    Each row has the value of the moment that its cell stands for: one outside the released range counts as its end.

    Args:
        moment: The encoder of the moments.
        cycle: One of :func:`cycles_of`.
    """

    is_ordered = True

    def __init__(self, moment: LatticeEncoder, cycle: Cycle) -> None:
        super().__init__(f"{moment.name} ({cycle.name})", "Int64", moment.is_nullable)
        self.is_nullable = moment.is_nullable
        self.column = moment.column
        self.moment, self.cycle = moment, cycle

    @property
    def n_values(self) -> int:
        return self.cycle.n_values

    def contains(self, series: pd.Series) -> bool:
        return self.moment.contains(series)

    def _encode(self, series: pd.Series) -> np.ndarray:
        lattice, present = self.moment.column.to_lattice(series)
        inside = np.clip(lattice, self.moment.edges[0], self.moment.edges[-1] - 1)
        return np.where(present, 1 + self.cycle.of(inside), MISSING)

    def _decode(self, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return positions


def is_cycle(encoder: ColumnEncoder) -> TypeGuard[CycleEncoder]:
    """Return true for the encoder of a moment's cycle, which is not a column of a table."""
    return isinstance(encoder, CycleEncoder)


def cycles_of(encoder: ColumnEncoder) -> list[Cycle]:
    """Return the cycles that repeat within a column's released range, but not too often, shortest first."""
    if not is_on_lattice(encoder) or encoder.is_unseen:
        return []
    width = int(encoder.edges[-1] - encoder.edges[0])
    return [
        cycle
        for cycle in encoder.column.cycles()
        if cycle.least_range < width and width <= MOST_TURNS * cycle.length
    ]


def spread_within(
    moment: LatticeEncoder, weights: np.ndarray, code_of_cell: np.ndarray, cycle: Cycle
) -> float:
    """Return the chance that two moments of one code, drawn by the released counts, differ in a cycle."""
    sizes = (int(code_of_cell.max()) + 1, cycle.n_values)
    plain = Calendar(
        moment, weights, code_of_cell, [cycle], [np.ones(1 + sizes[1])], [np.arange(1 + sizes[1])]
    )
    joint = np.bincount(plain.codes * sizes[1] + plain.cycle_codes[0] - 1, plain.weights, sizes[0] * sizes[1])
    joint = joint.reshape(sizes)
    total = np.maximum(joint.sum(1), _LEAST)
    return float(1.0 - ((joint**2).sum(1) / total).sum() / total.sum())


class Calendar:
    """The stretches of a moment's range within which neither its cell nor a cycle changes.

    Args:
        moment: The encoder of the moments.
        weights: ``(cells,)`` released counts of the moment's cells.
        code_of_cell: ``(cells,)`` their codes.
        cycles: Its cycles, shortest first.
        cycle_weights: For each, ``(cells,)`` its released counts, the first of missing ones.
        cycle_codes: For each, ``(cells,)`` the codes of its cells.
        allowed: ``(cells,)`` true for the moment's cells that are drawn; ``None`` has all drawn.
    """

    def __init__(
        self,
        moment: LatticeEncoder,
        weights: np.ndarray,
        code_of_cell: np.ndarray,
        cycles: Sequence[Cycle],
        cycle_weights: Sequence[np.ndarray],
        cycle_codes: Sequence[np.ndarray],
        allowed: np.ndarray | None = None,
    ) -> None:
        low, high = int(moment.edges[0]), int(moment.edges[-1])
        self.edges = np.union1d(moment.edges, cycles[0].starts(low, high))
        starts = self.edges[:-1]
        cells = np.searchsorted(moment.edges, starts, side="right")
        size = np.diff(self.edges).astype(float)
        if moment.emphasis is not None:
            size = rounding.members(starts, self.edges[1:], moment.steps) @ moment.emphasis
        self.weights = np.maximum(weights, _LEAST)[cells] * size / np.bincount(cells, weights=size)[cells]
        self.codes = code_of_cell[cells]
        self.allowed = None if allowed is None else allowed[cells]
        self.cycle_codes = []
        values = [1 + cycle.of(starts) for cycle in cycles]
        plain = self.weights.copy()
        for value, counts, codes in zip(values, cycle_weights, cycle_codes, strict=True):
            found = np.bincount(value, weights=plain, minlength=len(counts))
            factors = np.maximum(counts, _LEAST) / np.maximum(found, _LEAST)
            self.weights *= np.where(found > _SEEN, factors, 1.0)[value]
            self.cycle_codes.append(codes[value])
        self.encoder = moment.column.lattice_encoder(self.edges).emphasising(moment.emphasis)
        self._sizes = [int(codes.max()) + 2 for codes in (code_of_cell, *cycle_codes)]
        self._orders: dict[tuple[int, bool], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def log_lift(self, which: int, n_codes: int, n_cycle_codes: int) -> np.ndarray:
        """Return ``(codes, cycle codes)`` log of how much likelier the calendar makes a cycle's code within a code.

        Both are missing together.
        """
        keys = self.codes * n_cycle_codes + self.cycle_codes[which]
        joint = np.bincount(keys, weights=self.weights, minlength=n_codes * n_cycle_codes)
        joint = joint.reshape(n_codes, n_cycle_codes)
        expected = np.outer(joint.sum(1), joint.sum(0)) / joint.sum()
        lift = np.log(np.maximum(joint, 1e-300) / np.maximum(expected, 1e-300))
        lift = np.where(joint > 0, np.maximum(lift, NEVER), NEVER)
        is_missing = [
            ~np.isin(np.arange(n), c)
            for n, c in ((n_codes, self.codes), (n_cycle_codes, self.cycle_codes[which]))
        ]
        lift[np.ix_(*is_missing)] = 0.0
        return np.asarray(lift)

    def draw(self, codes: np.ndarray, cycle_codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return ``(rows,)`` stretches, each drawn in proportion to the released counts among those that agree.

        If none that holds rows agrees with all of a row's codes, its month is given up first, then the weekday, then
        the hour.

        Args:
            codes: ``(rows,)`` codes of present moments.
            cycle_codes: ``(rows, cycles)`` of their cycles.
            rng: The source of the draws.
        """
        drawn = np.empty(len(codes), dtype=np.int64)
        left = np.arange(len(codes))
        for n_kept in range(len(self.cycle_codes), -1, -1):
            wanted = self._wanted(codes[left], cycle_codes[left, :n_kept])
            agrees = self._masses(n_kept, wanted) > (_SEEN if n_kept else -1.0)
            order, keys, cumulative = self._ordered(n_kept, self.allowed is not None)
            first, stop = (np.searchsorted(keys, wanted[agrees], side=side) for side in ("left", "right"))
            start, end = cumulative[first], cumulative[stop]
            at = start + rng.random(len(start)) * (end - start)
            places = np.searchsorted(cumulative, at, side="right") - 1
            drawn[left[agrees]] = order[np.clip(places, first, stop - 1)]
            left = left[~agrees]
        return drawn

    def ways(self, codes: np.ndarray, cycle_codes: np.ndarray, n_codes: int) -> np.ndarray:
        """Return ``(rows, n_codes)`` chances that a stretch drawn for each code of the next cycle is an allowed one.

        Of a cycle that others follow it is 1 where one may be drawn, else 0.

        Args:
            codes: ``(rows,)`` codes of present moments.
            cycle_codes: ``(rows, cycles before)`` of the cycles before the next one.
            n_codes: Codes of the next cycle.
        """
        n_before = cycle_codes.shape[1]
        wanted = self._wanted(codes, cycle_codes)[:, None] * self._sizes[1 + n_before] + np.arange(n_codes)
        mass, allowed = (self._masses(1 + n_before, wanted, only) for only in (False, True))
        is_seen = mass > _SEEN
        if 1 + n_before < len(self.cycle_codes):
            return np.where(is_seen, allowed > 0, True).astype(float)
        chances = np.where(is_seen, allowed / np.where(is_seen, mass, 1.0), np.nan)
        for n_kept in range(n_before, -1, -1):  # as a draw gives up cycles
            wanted = self._wanted(codes, cycle_codes[:, :n_kept])
            mass, allowed = (self._masses(n_kept, wanted, only) for only in (False, True))
            is_seen = mass > (_SEEN if n_kept else -1.0)
            found = np.where(is_seen, allowed / np.where(mass > 0, mass, 1.0), np.nan)
            chances = np.where(np.isnan(chances), found[:, None], chances)
        return np.asarray(chances)

    def _wanted(self, codes: np.ndarray, cycle_codes: np.ndarray) -> np.ndarray:
        """Return ``(rows,)`` one number for the codes of each row, as the stretches have."""
        return _key([codes, *cycle_codes.T], self._sizes)

    def _masses(self, n_kept: int, wanted: np.ndarray, only_allowed: bool = False) -> np.ndarray:
        """Return the weight of the stretches, all or allowed ones, that have each of some combinations of codes."""
        _, keys, cumulative = self._ordered(n_kept, only_allowed and self.allowed is not None)
        first, stop = (np.searchsorted(keys, wanted, side=side) for side in ("left", "right"))
        return np.asarray(cumulative[stop] - cumulative[first])

    def _ordered(self, n_kept: int, only_allowed: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the stretches by the codes that are kept, these as one number, and the running sum of weights."""
        if (n_kept, only_allowed) not in self._orders:
            keys = _key([self.codes, *self.cycle_codes[:n_kept]], self._sizes)
            order = np.argsort(keys, kind="stable")
            if only_allowed and self.allowed is not None:
                order = order[self.allowed[order]]
            cumulative = np.concatenate([[0.0], np.cumsum(self.weights[order])])
            self._orders[n_kept, only_allowed] = order, keys[order], cumulative
        return self._orders[n_kept, only_allowed]


def _key(codes: Sequence[np.ndarray], sizes: Sequence[int]) -> np.ndarray:
    """Return one number for each combination of codes."""
    key = np.zeros(len(codes[0]), dtype=np.int64)
    for code, size in zip(codes, sizes, strict=False):
        key = key * size + code
    return key

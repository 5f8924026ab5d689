"""Conditions on the cells of a row, and the rows of a table that meet them, counted without a scan of the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class CellCondition(NamedTuple):
    """A condition on one column.

    Attributes:
        column: Its position.
        cell: The value; NaN for a missing cell.
        side: 1 for at least, -1 for at most, 0 for equal.
    """

    column: int
    cell: float
    side: int

    def holds(self, values: np.ndarray) -> np.ndarray:
        """Return a mask of the column's values that meet it."""
        if np.isnan(self.cell):
            return np.asarray(np.isnan(values))
        if self.side == 0:
            return np.asarray(values == self.cell)
        return np.asarray(values >= self.cell if self.side > 0 else values <= self.cell)


#: Conditions that a row meets together, at least one.
Predicate = tuple[CellCondition, ...]


class RowBits:
    """A few rows, each a bit of the numbers that mark the rows that meet a condition, found once for each condition.

    Args:
        values: ``(rows, columns)``; NaN for missing cells.
    """

    def __init__(self, values: np.ndarray) -> None:
        self._values = np.asfortranarray(values)
        self._bits: dict[tuple[object, ...], int] = {}

    def count(self, predicate: Predicate) -> int:
        """Return the number of rows that meet all conditions."""
        found = -1
        for condition in predicate:
            # One missing cell is not equal to another.
            key = condition if condition.cell == condition.cell else condition[:1]
            bits = self._bits.get(key)
            if bits is None:
                holds = condition.holds(self._values[:, condition.column])
                bits = self._bits[key] = int.from_bytes(np.packbits(holds).tobytes(), "big")
            found &= bits
        return found.bit_count()


class SortedRows:
    """The rows of a table in the order of each of its columns, so that the rarest of some conditions finds its own.

    Args:
        values: ``(rows, columns)``; NaN for missing cells.
    """

    def __init__(self, values: np.ndarray) -> None:
        self._values = np.asfortranarray(values)
        self._order = [np.argsort(column, kind="stable") for column in self._values.T]  # missing cells last
        self._sorted = [column[order] for column, order in zip(self._values.T, self._order, strict=True)]
        self._n_present = [int(len(column) - np.isnan(column).sum()) for column in self._values.T]

    def count(self, predicate: Predicate) -> int:
        """Return the number of rows that meet all conditions."""
        spans = [self._span(condition) for condition in predicate]
        rarest = min(range(len(spans)), key=lambda place: spans[place].stop - spans[place].start)
        rows = self._order[predicate[rarest].column][spans[rarest]]
        for place, condition in enumerate(predicate):
            if len(rows) and place != rarest:
                rows = rows[condition.holds(self._values[rows, condition.column])]
        return len(rows)

    def _span(self, condition: CellCondition) -> slice:
        """Return the part of a column's order whose cells meet a condition."""
        values, n_present = self._sorted[condition.column], self._n_present[condition.column]
        if condition.cell != condition.cell:
            return slice(n_present, len(values))
        first = 0 if condition.side < 0 else int(values.searchsorted(condition.cell, "left"))
        stop = n_present if condition.side > 0 else int(values.searchsorted(condition.cell, "right"))
        return slice(first, stop)

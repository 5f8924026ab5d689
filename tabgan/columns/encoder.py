"""The contract of every encoder of a column."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import pandas as pd

from tabgan.errors import DataError

if TYPE_CHECKING:
    from tabgan.columns.kind import Column  # a kind names its encoder, and an encoder its column

#: Ends of a range of values, both included; ``None`` is an open end.
Ends = tuple[object, object]

#: Code of a missing value in every column.
MISSING = 0


class CutCells(NamedTuple):
    """A column's cells, cut so that the values asked for are whole cells.

    Attributes:
        encoder: Between values and the cut cells.
        parent: ``(cells,)`` the cell of the uncut encoder that each is a part of.
        share: ``(cells,)`` the part of that cell's rows that it has.
        allowed: ``(cells,)`` true for the values asked for.
    """

    encoder: ColumnEncoder
    parent: np.ndarray
    share: np.ndarray
    allowed: np.ndarray


class ColumnEncoder(ABC):
    """A column's values as cells ``1..n_values``; 0 is missing, ``n_values + 1`` any other value.

    An encoder is built from a completed column of a schema and never fitted: it knows nothing of the rows.
    ``inverse_transform`` after ``transform`` is the identity up to the width of a cell.

    Attributes:
        column: The completed column of a schema.
        name: The column's name.
        dtype: pandas dtype of the output, as text.
        n_values: Cells that stand for values.
        has_other: True if there is a cell for values outside the domain.
        shows_other: True if a sample shows that cell, by a label or as missing; else no row of a sample has it.
        is_nullable: True if missing values are allowed.
        is_ordered: True if neighbouring cells are neighbouring values.
        is_linear: False if the cells lie along a curve: then no end of it thins out, no grid of frequent values means
            anything, and no place within a run of cells goes with one of another column.
    """

    is_ordered = False
    is_linear = True
    has_other = False
    shows_other = False

    column: Column

    def __init__(self, name: str, dtype: str, nullable: bool | None) -> None:
        self.name = name
        self.dtype = known_dtype(dtype)
        self.is_nullable = nullable is not False and can_hold_missing(dtype)

    @property
    @abstractmethod
    def n_values(self) -> int:
        """Cells that stand for values."""

    @property
    def n_cells(self) -> int:
        """All cells: missing, values, other."""
        return 1 + self.n_values + int(self.has_other)

    @property
    def n_shown(self) -> int:
        """Cells that a sample shows as values: those that stand for values, and others if they have a label."""
        return self.n_values

    def showing_other(self) -> Self:
        """Return the same encoder, which shows values outside the domain as the column declares."""
        shown = copy.copy(self)
        shown.shows_other = self.has_other
        return shown

    def in_dictionary(self) -> Self:
        """Return the encoder whose text from a list comes as a categorical; of all else the same one."""
        return self

    def transform(self, series: pd.Series) -> np.ndarray:
        """Return ``(rows,)`` int32 cells, each from its own value alone. A value that cannot be read is missing.

        Nothing raises here: :func:`tabgan.table.checks.check_table` has refused the values that the schema forbids.
        """
        return self._encode(series).astype(np.int32)

    def inverse_transform(self, cells: np.ndarray, rng: np.random.Generator) -> pd.Series:
        """Return ``(rows,)`` values of dtype ``dtype`` drawn from the given cells; missing for unlabelled others."""
        cells = np.where(np.asarray(cells) > self.n_shown, MISSING, cells)
        present = cells != MISSING
        values = self._decode(np.asarray(cells[present], dtype=np.int64) - 1, rng)
        if present.all():
            return pd.Series(values, name=self.name).astype(self.dtype)
        column = np.full(len(cells), missing_value(self.dtype), dtype=object)
        column[present] = np.asarray(values, dtype=object)
        return cast(pd.Series(column, name=self.name, dtype=object), self.dtype)

    def repeat(self, value: object, n_rows: int) -> pd.Series:
        """Return ``n_rows`` times one value of the column, or missing, in its dtype."""
        cells = np.repeat(self.transform(pd.Series([value], dtype=object)), n_rows)
        return self.inverse_transform(cells, np.random.default_rng(0))

    def cut(self, values: Sequence[object], ranges: Sequence[Ends], with_missing: bool) -> CutCells:
        """Return the cells, cut so that each lies within the given values and ranges, or outside.

        Args:
            values: Values of the column that :meth:`contains` is true of.
            ranges: Ranges of its values; one with two open ends holds every value.
            with_missing: True if missing cells are asked for, too.

        Raises:
            DataError: the values have no order, or an end is none of them.
        """
        allowed = np.zeros(self.n_cells, dtype=bool)
        if len(values):
            allowed[self.transform(pd.Series(list(values), dtype=object))] = True
        for low, high in ranges:
            allowed |= self._between(low, high)
        return CutCells(
            self, np.arange(self.n_cells), np.ones(self.n_cells), self._with(allowed, with_missing)
        )

    def _between(self, low: object, high: object) -> np.ndarray:
        """Return ``(cells,)`` true for the values of a range."""
        if low is None and high is None:
            cells = np.arange(self.n_cells)
            return np.asarray((cells != MISSING) & (cells <= self.n_shown))
        raise DataError(
            f"Column {self.name!r}: expected single values, got a range, and its values have no order. List them."
        )

    def _with(self, allowed: np.ndarray, with_missing: bool) -> np.ndarray:
        """Return ``(cells,)`` allowed cells, those that a sample shows as missing among them or not."""
        allowed = allowed.copy()
        allowed[MISSING] = with_missing and self.is_nullable
        if self.shows_other:
            allowed[self.n_shown + 1 :] = with_missing
        return allowed

    def can_place(self, series: pd.Series) -> np.ndarray:
        """Return ``(rows,)`` true for each value of a series without missing ones that has a cell of its own."""
        return np.asarray(self._encode(series) != MISSING)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that a model file keeps of the encoder, besides its column."""
        return {}

    def label(self, positions: np.ndarray) -> str:
        """Return some positions ``0..n_values - 1``, neighbours if the cells are ordered, as people read them."""
        first, last = int(positions[0]), int(positions[-1])
        return str(first) if first == last else f"{first} to {last}"

    @abstractmethod
    def contains(self, series: pd.Series) -> bool:
        """Return true if every value of a series without missing values could be sampled."""

    @abstractmethod
    def _encode(self, series: pd.Series) -> np.ndarray:
        """Return the cells of a series."""

    @abstractmethod
    def _decode(self, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray | pd.Series:
        """Return values of positions ``0..n_values - 1``."""


def can_hold_missing(dtype: str) -> bool:
    """Return true if a pandas dtype has a missing value: NumPy's integers and bool have none."""
    resolved = pd.api.types.pandas_dtype(dtype)
    return not (isinstance(resolved, np.dtype) and resolved.kind in "iub")


def known_dtype(dtype: str) -> str:
    """Return a dtype, or ``object`` for pandas 3's ``str`` where pandas is older, which writes text for missing values.

    So a model that was fitted under pandas 3 samples missing values under an older one, too.
    """
    resolved = pd.api.types.pandas_dtype(dtype)
    return "object" if isinstance(resolved, np.dtype) and resolved.kind == "U" else dtype


def missing_value(dtype: str) -> object:
    """Return the missing value of an object array that will be cast to ``dtype``."""
    resolved = pd.api.types.pandas_dtype(dtype)
    if resolved == np.dtype(object):
        return None
    return np.nan if isinstance(resolved, np.dtype) and resolved.kind == "f" else pd.NA


def cast(column: pd.Series, dtype: str) -> pd.Series:
    """Return an object column, missing values included, as ``dtype``."""
    resolved = pd.api.types.pandas_dtype(dtype)
    if (isinstance(resolved, np.dtype) and resolved.kind == "M") or isinstance(resolved, pd.DatetimeTZDtype):
        return pd.to_datetime(column).astype(dtype)
    return column.astype(dtype)
